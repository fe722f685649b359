/*
 * What every rig starts alike, on a simulated machine whose cryptography works.
 *
 * Ownership: one service and one identity for each process. Failure: cmocka's asserts.
 */
#ifndef JETON_TESTS_SUPPORT_START_H
#define JETON_TESTS_SUPPORT_START_H

/* The service on the flash that is there, with 4 MiB of tables. */
void start_service(void);

/* TLS with a new key and certificate for jeton.test. */
void start_identity(void);

#endif

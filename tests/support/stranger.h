/*
 * A stranger on the simulated wire, who sends frames of any sort and has no connection.
 *
 * Ownership: static; views that are passed are copied. Blocking: none.
 */
#ifndef JETON_TESTS_STRANGER_H
#define JETON_TESTS_STRANGER_H

#include "net/packet.h"

extern const uint8_t stranger_mac[6];
extern uint64_t stranger_seed; /* of sim_random() */

/* Pieces of the appliance's heap in use. */
size_t stranger_chunks(void);

void stranger_put(const uint8_t *data, size_t size);
const uint8_t *stranger_guest_mac(void);
struct net_address stranger_guest_link_local(void);

/* The address of host byte order; first::last. */
struct net_address stranger_ipv4(uint32_t address);
struct net_address stranger_ipv6(uint16_t first, uint8_t last);

/* Everything that the appliance has to say, thrown away; the count. */
unsigned stranger_drain(void);

#endif

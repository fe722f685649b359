/*
 * An appliance for the tests of api/: simulated machine, blank flash, service, and requests through the real parser.
 *
 * Ownership: one appliance for each process; a reply lives until the next send. Failure: cmocka's asserts.
 */
#ifndef JETON_TESTS_API_HARNESS_H
#define JETON_TESTS_API_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cJSON.h>

#include "api/api.h"

/* 2026-01-01T00:00:00Z, when every appliance starts. */
#define START_S INT64_C(1767225600)

struct appliance {
    char root[160];     /* Authorization of the root token */
    char client_id[40]; /* of the root token */
    char client_secret[40];
    char tenant[40];  /* the root's */
    bool flash_fails; /* what is written need not become durable */
};
extern struct appliance appliance;
/* Where requests come from: 192.0.2.1, until a test says otherwise. */
extern struct api_peer send_from;

/* A new appliance with a blank flash. */
void appliance_start(void);
/* The same with a small flash, of so many blocks of 64 KiB. */
void appliance_start_with(uint32_t block_count);
/* The same after a loss of power: memory is gone, the flash stays. */
void appliance_reboot(void);
/* The clock goes on. */
void appliance_wait_s(uint32_t seconds);

/* NULL members are left out. */
struct send {
    const char *method; /* POST when there is a body, else GET */
    const char *path;   /* and query */
    const char *authorization;
    const char *business;
    const char *type;  /* application/json when there is a body; "" for none */
    const char *extra; /* more header lines, each with CR LF */
    const char *body;
    size_t body_size; /* of a body with NULs; else 0 */
};

struct reply {
    unsigned status;
    const char *body; /* with a NUL after it */
    size_t body_size;
    const struct http_response *response;
};

/* One request through parser and api_handle; what it wrote is durable after it. */
struct reply send_request(const struct send *send);
#define SEND(...) send_request(&(struct send){__VA_ARGS__})

/* Through api_handle as the parser refused it. */
struct reply send_raw(const char *head);

/* The same for any bytes; false when they are no whole request yet. */
bool send_maybe(const char *text, size_t size, struct reply *reply);

/* A response header's value, NULL when absent. */
const char *reply_header(const struct reply *reply, const char *name);

/* The text at a path of member names, "token_info.id"; fails when it is not there. In static memory, 8 at a time. */
const char *reply_text(const struct reply *reply, const char *path);

/* The same where a number stands. */
long reply_number(const struct reply *reply, const char *path);

/* Parse with cJSON, which in this build skips numbers (app/json reads them): here each becomes a string of NUMBER_MARK and
 * its digits. NULL when it is no JSON. The caller deletes. */
#define NUMBER_MARK "\x1f"
cJSON *read_json(const char *text);
/* A member that is a whole number. */
long json_long(const cJSON *object, const char *name);

/* Compare as JSON values: member order does not matter, 1 equals 1.0. */
bool json_equal(const cJSON *a, const cJSON *b);
/* Does the body fit a pattern to the byte? In it, each ~ stands for one or more characters, none a quote or white space. */
void assert_fits(const struct reply *reply, unsigned status, const char *pattern);
void assert_json(const struct reply *reply, unsigned status, const char *json);

/* A user of the root's tenant with these capabilities (JSON array), and "Bearer dz_..." of a token; static memory, 8. */
const char *make_user(const char *email, const char *capabilities);
const char *make_bearer(const char *user_id);
/* "Basic ..." of a new family-2 token of the root's tenant. */
const char *make_basic(const char *permissions);
const char *basic_of(const char *client_id, const char *secret);

/* A whole file, with a NUL after it; NULL when it is not there. The caller frees. */
char *read_whole_file(const char *path, size_t *size);

/* Print-and-store in static memory, 8 at a time. */
const char *text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif

/*
 * An appliance without network for tests of the service: simulated machine and flash, started and restarted at will.
 */
#ifndef JETON_TESTS_SERVICE_RIG_H
#define JETON_TESTS_SERVICE_RIG_H

#include "platform/sim/sim.h"
#include "platform/sim/sim_flash.h"
#include "service/service.h"

#define RIG_TABLE_BYTES ((size_t)2 * 1024 * 1024)

struct rig {
    size_t table_bytes;
    bool jwt_es256;
    enum sim_flash_model flash_model; /* of the next rig_new */
    struct service_root root;
    struct uuid root_tenant;
    char root_header[256];
};
extern struct rig rig;

/* A new machine with a blank flash, its root token made and durable. */
void rig_new(void);
void rig_new_with(size_t table_bytes, uint32_t block_count);

/* Off and on. Without rig_flush() before, what was not durable is lost. */
void rig_reboot(void);
enum status rig_try_reboot(void);
void rig_flush(void);
void rig_advance_s(int64_t duration_s);

/* "Basic ..." of client id and secret into `header`. */
const char *rig_basic(const char *client_id, const char *secret, char header[256]);
enum status rig_authenticate(const char *header, struct caller *caller);
void rig_root_caller(struct caller *caller);

struct bytes rig_text(const char *text);

/* Made through the verbs; each asserts success. */
uint32_t rig_tenant(const char *name);
uint32_t rig_user(const char *email, uint32_t tenant_ref, const char *capability);
/* A user's JWT: the header value, and its caller. */
void rig_jwt(uint32_t user_ref, uint32_t tenant_ref, const char *name, char header[1024],
             struct token_view *token);
void rig_platform(uint32_t tenant_ref, uint8_t permissions, const char *name, char header[256],
                  struct token_view *token);

/* An action token of a user, and a service that may consume it. */
struct action_case {
    struct caller user;
    struct caller consumer;
    struct action_input input;
    char text[ACTION_TOKEN_TEXT_BYTES + 1];
    char actor[64];
    struct token_view token;
};

void rig_action(struct action_case *c);
struct consume_input rig_consume_input(const struct action_case *c);
/* Without an Idempotency-Key; asserts STATUS_OK. */
enum consume_result rig_consume(const struct action_case *c, const struct consume_input *input);

/* Background work until there is none; the same with a flush before and compaction after it. */
void rig_upkeep(void);
void rig_compact(void);

/* "<kind> <number>", in static memory until the next one. */
const char *rig_name(const char *kind, size_t number);

#endif

/*
 * The model of the differential test: what must be true, as plain arrays, and random verbs that change both sides.
 */
#ifndef JETON_TESTS_SERVICE_MODEL_H
#define JETON_TESTS_SERVICE_MODEL_H

#include "service_rig.h"

#define TENANTS 5
#define USERS   8
#define TOKENS  300

enum fate {
    FATE_NONE, /* this place is free */
    FATE_ACTIVE,
    FATE_REVOKED,
    FATE_CONSUMED
};

struct model_token {
    enum fate fate;
    enum token_family family;
    struct uuid id;
    uint32_t tenant;
    uint32_t user; /* index; USERS for TOKEN_PLATFORM */
    int64_t created_s;
    int64_t expires_s;
    int64_t ended_s;
    uint64_t reason; /* 0: none */
    uint8_t digest;
    char name[24];
    char text[600]; /* the secret as its bearer shows it */
    char old_text[100];
    int64_t old_until_s;
    uint64_t key; /* Idempotency-Key of its create, 0: none */
    int64_t consumed_s;
    uint64_t consume_key;
};

struct model_user {
    bool exists;
    bool disabled;
    struct uuid id;
    char email[32];
};

struct model {
    uint64_t position; /* store_newest() when this was true */
    struct uuid tenants[TENANTS];
    bool suspended[TENANTS];
    char policies[TENANTS][80];
    struct model_user users[USERS];
    struct model_token tokens[TOKENS];
    char setting[1600];
};

struct tally {
    uint64_t verbs, reboots, cuts, deep_cuts, older, full, created, consumed, revoked, relocated, checked;
};

extern struct model now; /* as of the last verb */
extern struct tally tally;

/* An empty model with all tenants and users made. */
void model_start(uint64_t seed);
uint64_t draw(uint64_t end);

/* One random verb on the service, its answer checked, and the model changed alike. */
void model_verb(void);

/* Some token that the model has; NULL when there is none. */
struct model_token *pick_token(void);
bool is_expired(const struct model_token *token);
bool may_be_gone(const struct model_token *token); /* the table may have forgotten it */
uint32_t model_tenant_ref(uint32_t tenant);

/* Does the service say of this token (of everything) what the model says? */
void check_token(const struct model_token *token);
void check_all(void);

#endif

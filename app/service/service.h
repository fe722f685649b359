/*
 * The verbs: who is calling, issue, verify, consume, revoke, rotate, and the operator's. The only writer of the tables:
 * every verb journals first (store_append) and changes the table after it, so that what a reader sees is in the log.
 *
 * Ownership: inputs are views of the request; outputs are the caller's structs. Blocking: none; durability is the
 *   caller's business: an answer built after a verb, or after any read, depends on store_newest().
 * Failure, for every writing verb unless it says otherwise:
 *   STATUS_FULL       store or table full: issuing only; revoking, consuming and disabling go on
 *   STATUS_READ_ONLY  the device failed
 *   STATUS_NO_CLOCK   issuing while time is unknown
 *   STATUS_NOT_FOUND  no such entity, or not one that this caller may know of (another tenant's)
 * Limits: limits.h. Input texts are checked by the api layer for type; the service checks every bound again by assert.
 */
#ifndef JETON_SERVICE_SERVICE_H
#define JETON_SERVICE_SERVICE_H

#include "token/types.h"

/* ---- start and time ---- */

struct service_options {
    void *table_memory; /* for tables and texts; the capacity follows from its size */
    size_t table_bytes;
    struct bytes device_secret;
    struct bytes host_name; /* issuer of JWTs: https://<host_name>; letters, digits, '.', '-' and ':' */
    bool jwt_es256;         /* sign JWTs by ES256 and publish the JWKS; HS256 otherwise */
};

/* Open the store, replay it, make what is missing of the signing keys. May be called again (tests reboot that way):
 * all state starts anew. Statuses of store_open, and STATUS_FULL when the memory is too small for the log's tokens.
 * `first_boot` tells that there is no root token yet: the flash was blank, or power went before one was durable. */
enum status service_start(const struct service_options *options, bool *first_boot) MUST_USE;

/* A boot leaves most of each token on the flash; it is read when a verb needs it, and by service_read_some(). This reads
 * what is left now. STATUS_IO, STATUS_DAMAGED, STATUS_FULL: as service_start, for the same reasons, found later. */
enum status service_read_all(void) MUST_USE;

/* The same, and what is past goes; but where that cannot be, nothing is answered any more (store_stop_answering). So it is when a verb needs a token
 * that cannot be read: what it returns is of no account then. */
void service_need_all(void);

/* To be called before a turn's requests: when the store has turned read-only, all that was never made durable is forgotten
 * (the tables are built again from what is), so that reading and verifying go on and tell only what is durable. Refs and
 * outcome numbers from before are void. Blocks for a replay, once; else does nothing. */
void service_settle(void);

struct service_root {
    struct uuid tenant;
    char client_id[CLIENT_ID_TEXT_BYTES + 1];
    char client_secret[CLIENT_SECRET_TEXT_BYTES + 1]; /* wipe after showing */
};
/* First boot: make the first tenant and the root token. The caller flushes the store before it shows them. */
enum status service_create_root(struct service_root *root) MUST_USE;

/* The wall clock: platform's, never below the newest time in the log. False while unknown. service_now_s() is 0 then. */
void service_clock_update(void);
bool service_clock_known(void);
bool service_clock_behind(void); /* the hardware clock was older than the log at boot */
int64_t service_now_s(void);
uint64_t service_now_ms(void); /* for UUIDv7 */

/* Microseconds since boot, whatever the wall clock does. */
uint64_t service_monotonic_us(void);

/* One small secret or text kept in the log under a name (TLS key and certificate...). The view lives until the next
 * set. STATUS_NOT_FOUND when never set. */
#define SERVICE_SETTING_MAX_BYTES 2048
enum status service_setting_get(const char *name, struct bytes *value) MUST_USE;
enum status service_setting_set(const char *name, struct bytes value) MUST_USE;

/* Before the last flush of an orderly stop: last-used times that wait go to the log. */
void service_stop(void);

/* Read some of what the boot has left on the flash, or make it easier to find: about a millisecond under emulation. True if
 * there is more. It is urgent when look-ups take longer for the lack of it. */
bool service_read_some(void);
bool service_reading_is_urgent(void);

/* Work in the background: last-used times to the log, expired tokens out of the table. True if there is more. */
bool service_step(uint32_t budget_us);

/* ---- who calls ---- */

enum caller_kind {
    CALLER_NONE,
    CALLER_USER,
    CALLER_SERVICE
};

enum credential_kind {
    CREDENTIAL_NONE,
    CREDENTIAL_BASIC,       /* family 2 by Basic */
    CREDENTIAL_JWT,         /* dz_ */
    CREDENTIAL_ACCESS_TOKEN /* from /oauth/token, acts as a family-2 token */
};

struct caller {
    enum caller_kind kind;
    enum credential_kind credential;
    uint32_t tenant_ref;
    uint32_t user_ref;     /* CALLER_USER */
    uint32_t token_ref;    /* the credential */
    struct uuid principal; /* users/<uuid> or service-accounts/<uuid> */
    uint8_t permissions;   /* CALLER_SERVICE */
    bool is_root;
    bool
        tenant_suspended; /* the credential is good, its tenant is not: STATUS_DENIED for all but family 0's 409 */
};

/* Check an Authorization header. STATUS_OK and the caller, STATUS_DENIED for anything else (no header, malformed,
 * unknown, revoked, expired, address not allowed, disabled user), in time that does not tell which. A suspended tenant
 * is STATUS_CONFLICT with `caller` filled. */
enum status service_authenticate(struct bytes authorization, const uint8_t peer_address[16],
                                 struct caller *caller) MUST_USE;

/* Does the caller hold this capability in its tenant? Service principals by their permissions (TRANSACT: consume and
 * the commands; VIEW: introspect; root: admin), users by their grants. */
bool service_has_capability(const struct caller *caller, struct bytes capability);

/* Is the user a member of this tenant? */
bool service_is_member(uint32_t user_ref, uint32_t tenant_ref);

/* ---- idempotent creates ---- */

struct idempotency {
    struct bytes key;           /* data NULL: no Idempotency-Key */
    uint8_t payload_digest[32]; /* of route and body */
};
/* A verb that takes one answers STATUS_CONFLICT when the key was used with another payload in the last 24 h, and gives
 * the same result again (nothing new is written) for the same payload. Secrets are then derived, not random. */

/* ---- family 2 ---- */

/* STATUS_DENIED: a permission that the calling service principal lacks. STATUS_INVALID: expires_s is not in the future. */
struct platform_input {
    uint32_t tenant_ref;
    struct bytes name;
    uint8_t permissions;
    int64_t expires_s; /* 0: never */
    const struct cidr *cidrs;
    size_t cidr_count;
};
enum status service_create_platform(const struct caller *caller, const struct platform_input *input,
                                    const struct idempotency *idempotency, struct token_view *token,
                                    char client_secret[CLIENT_SECRET_TEXT_BYTES + 1]) MUST_USE;

/* New secret for a token of the caller's tenant; the old one works for overlap_s more (never beyond the token's life).
 * STATUS_CONFLICT when revoked or expired (or the key is reused). STATUS_DENIED when the token has a permission that the
 * caller lacks, or is the root token and the caller another. */
enum status service_rotate(const struct caller *caller, const struct uuid *id, uint32_t overlap_s,
                           const struct idempotency *idempotency, struct token_view *token,
                           char client_secret[CLIENT_SECRET_TEXT_BYTES + 1]) MUST_USE;

/* ---- family 1 ---- */

struct jwt_input {
    uint32_t tenant_ref;
    uint32_t user_ref;
    struct bytes name;
    struct bytes description; /* data NULL: null */
    uint32_t expires_in_days;
};
/* `text` gets dz_<jws>. STATUS_CONFLICT with *limit_reached at 10 active tokens. */
enum status service_create_jwt(const struct caller *caller, const struct jwt_input *input,
                               const struct idempotency *idempotency, struct token_view *token,
                               struct buffer *text, bool *limit_reached) MUST_USE;

/* ---- family 0 ---- */

struct action_input {
    struct bytes action; /* a known one */
    uint8_t digest[32];
    uint32_t life_s;
};
enum status service_create_action(const struct caller *caller, const struct action_input *input,
                                  const struct idempotency *idempotency, struct token_view *token,
                                  char text[ACTION_TOKEN_TEXT_BYTES + 1]) MUST_USE;

enum consume_result {
    CONSUME_OK,           /* now, or the same answer again for the same key */
    CONSUME_UNKNOWN,      /* unknown, malformed, expired */
    CONSUME_FORBIDDEN,    /* other actor, other tenant */
    CONSUME_SPENT,        /* consumed or revoked before */
    CONSUME_KEY_CONFLICT, /* Idempotency-Key reused with another payload */
    CONSUME_MISMATCH      /* digest differs: action_token_digest_mismatch */
};
struct consume_input {
    struct bytes token; /* text */
    struct bytes actor; /* users/<uuid> as sent; for the gateway the caller itself */
    struct bytes action;
    uint8_t digest[32];
};
enum status service_consume(const struct caller *caller, const struct consume_input *input,
                            const struct idempotency *idempotency, enum consume_result *result,
                            struct token_view *token) MUST_USE;

/* ---- commands that go upstream (the gateway) ---- */

enum outcome_state {
    OUTCOME_NONE,      /* no key, or a new one: service_begin_outcome may follow */
    OUTCOME_UNDER_WAY, /* the first request of this key has no answer yet */
    OUTCOME_UNKNOWN, /* it went upstream, and power went, or the answer could not be kept, before it was written */
    OUTCOME_KNOWN
};
struct outcome {
    uint16_t status;
    struct bytes
        content_type;  /* at most OUTCOME_TYPE_MAX_BYTES; a found one lives until the next writing verb */
    struct bytes body; /* at most OUTCOME_BODY_MAX_BYTES */
};
/* What the key stands for. STATUS_CONFLICT: for something else, or this command with another payload. */
enum status service_find_outcome(const struct caller *caller, const struct idempotency *idempotency,
                                 enum outcome_state *state, struct outcome *outcome) MUST_USE;

struct outcome_begin {
    enum consume_result consumed; /* nothing was begun unless CONSUME_OK */
    struct token_view token;      /* the one consumed */
    uint32_t number;              /* for service_end_outcome; 0: there is no key, nothing is kept */
};
/* Consume the action token (`input` NULL: the caller is exempt) and remember the key, whose state was OUTCOME_NONE.
 * The command may go upstream once this is durable. STATUS_FULL before anything is done: no room to keep an outcome. */
enum status service_begin_outcome(const struct caller *caller, const struct consume_input *input,
                                  const struct idempotency *idempotency,
                                  struct outcome_begin *begin) MUST_USE;

/* Keep what came of it. After a failure the outcome stays unknown: answer so. */
enum status service_end_outcome(uint32_t number, const struct outcome *outcome) MUST_USE;

/* ---- JWTs for resource servers ---- */

/* "https://<host_name>"; lives for good. */
struct bytes service_issuer(void);

#define SERVICE_ACCESS_TOKEN_LIFE_S 3600
/* An RFC 9068 access token (typ at+jwt) for a service principal that came by Basic; *expires_in_s <= 3600, never beyond
 * the credential's own life. STATUS_DENIED for any other caller. It dies with the credential that it stands for. */
enum status service_issue_access_token(const struct caller *caller, struct buffer *text,
                                       uint32_t *expires_in_s) MUST_USE;

/* Append the JWK set (RFC 7517): {"keys":[...]}, the newest key first; empty under HS256. */
void service_write_jwks(struct buffer *out);

struct signing_key_view {
    struct bytes kid; /* lives until the next rotation */
    const char *alg;  /* "HS256" or "ES256" */
};
/* Sign with a fresh key from now on; the old ones verify until all that they signed has expired. STATUS_CONFLICT: too
 * many are still needed. */
enum status service_rotate_signing_key(struct signing_key_view *key) MUST_USE;

/* What a token text of any kind is (RFC 7662, RFC 7009): act_tok_..., dz_..., an access token, or family 2 as
 * "clientId:clientSecret". Nothing is consumed and last-used does not change. STATUS_NOT_FOUND: not one of ours, or its
 * secret is wrong. token.state, `stopped` and the times say if it is active now. */
struct inspection {
    enum token_family family; /* TOKEN_PLATFORM for an access token too */
    bool is_access_token;
    bool stopped; /* tenant suspended or user disabled */
    struct token_view token;
    struct uuid principal; /* users/<uuid>, or service-accounts/<uuid> for TOKEN_PLATFORM */
    struct uuid jti;       /* TOKEN_JWT, access token */
    int64_t issued_s;
    int64_t expires_s; /* 0: never */
};
enum status service_inspect(struct bytes text, struct inspection *inspection) MUST_USE;

/* ---- all families ---- */

/* Look up by id within a tenant (0: any) and family. */
enum status service_find(uint32_t tenant_ref, enum token_family family, const struct uuid *id,
                         struct token_view *token) MUST_USE;
void service_view_token(uint32_t token_ref, struct token_view *token);

/* Revoke. *already tells that it was. STATUS_DENIED for the root token. `reason` data NULL: none. A store or table too
 * full to issue revokes without keeping who and why; the view then shows none. */
enum status service_revoke(const struct caller *caller, uint32_t token_ref, struct bytes reason,
                           bool *already, struct token_view *token) MUST_USE;

/* At least one selector must be given (assert). */
/* Void an access token that service_inspect found valid, and all that its credential was given before it; the credential
 * itself goes on. */
enum status service_revoke_access_token(uint32_t token_ref, const struct uuid *jti) MUST_USE;

struct revocation_selector {
    uint32_t tenant_ref;      /* 0: any */
    uint32_t user_ref;        /* 0: any */
    int family;               /* -1: any */
    int64_t created_before_s; /* 0: any */
    struct bytes reason;
};
/* Revoke all active tokens that match (never a root token); one journal record, at any n. By whom and why is kept as in
 * service_revoke; of more than some tokens by the first SERVICE_NOTES_MAX of those calls that are still told of. */
enum status service_revoke_many(const struct caller *caller, const struct revocation_selector *selector,
                                uint64_t *revoked_count) MUST_USE;

/* ---- lists ---- */

enum token_sort {
    TOKEN_SORT_CREATED,
    TOKEN_SORT_NAME,
    TOKEN_SORT_LAST_USED,
    TOKEN_SORT_EXPIRES
};

struct token_query {
    enum token_family family;
    uint32_t tenant_ref;
    uint32_t user_ref;        /* TOKEN_JWT */
    bool include_revoked;     /* revoked, expired and deleted */
    struct bytes name_filter; /* data NULL: all; else names that contain it */
    enum token_sort sort;
    bool descending;
    bool backwards; /* the page before the position, in list order */
    bool has_position;
    struct uuid position_id; /* the page begins after this token (before it when backwards) ... */
    int64_t position_key_s;  /* ... by its sort key when the cursor was made (stable under later changes) */
    struct bytes position_name;
};
struct token_page {
    uint32_t refs[TOKEN_PAGE_MAX];
    size_t count;
    bool has_more;  /* in the direction walked */
    uint64_t total; /* of all that match, without position */
};
/* At most `limit` (<= TOKEN_PAGE_MAX) refs in list order. `page` is about 4 KiB: one static one is enough. */
void service_list(const struct token_query *query, size_t limit, struct token_page *page);

/* ---- operator ---- */

enum status service_create_tenant(struct bytes name, const struct idempotency *idempotency,
                                  struct tenant_view *tenant) MUST_USE;
struct tenant_change {
    struct bytes name;   /* data NULL: as it is */
    int suspended;       /* -1: as it is */
    struct bytes policy; /* data NULL: as it is; JSON object text, checked by the api */
};
/* STATUS_CONFLICT: the tenant of the root token cannot be suspended. */
enum status service_change_tenant(uint32_t tenant_ref, const struct tenant_change *change,
                                  struct tenant_view *tenant) MUST_USE;
enum status service_find_tenant(const struct uuid *id, uint32_t *tenant_ref) MUST_USE;
void service_view_tenant(uint32_t tenant_ref, struct tenant_view *tenant);
/* In creation order: the first tenant after `after_ref` (0: the first of all), 0 at the end. */
uint32_t service_next_tenant(uint32_t after_ref);
uint32_t service_tenant_count(void);

/* Idempotency keys of these two creates are one space for all operators. */
struct user_input {
    struct bytes email; /* data NULL in a change: as it is */
    const uint32_t *tenant_refs;
    size_t tenant_count;
    bool has_tenants; /* false in a change: as they are */
    const struct bytes *capabilities;
    size_t capability_count;
    bool has_capabilities;
    int disabled; /* -1 as it is */
};
/* STATUS_CONFLICT: another user has this e-mail. */
enum status service_create_user(const struct user_input *input, const struct idempotency *idempotency,
                                struct user_view *user) MUST_USE;
enum status service_change_user(uint32_t user_ref, const struct user_input *change,
                                struct user_view *user) MUST_USE;
enum status service_delete_user(uint32_t user_ref) MUST_USE;
enum status service_find_user(const struct uuid *id, uint32_t *user_ref) MUST_USE;
void service_view_user(uint32_t user_ref, struct user_view *user);
uint32_t service_next_user(uint32_t after_ref);
uint32_t service_user_count(void);

/* ---- for health and metrics ---- */

struct service_stats {
    uint64_t tokens[3][4]; /* by family and state; of those that are read, so call service_need_all() first */
    uint64_t token_count;
    uint64_t token_capacity;
    uint64_t text_used_bytes;
    uint64_t text_capacity_bytes;
    uint64_t collected_count; /* dropped from the table since boot */
};
void service_stats(struct service_stats *stats);

/* A MAC for tamper-evident texts (cursors), by purpose. */
void service_mac(const char *purpose, struct bytes text, uint8_t out[32]);

#endif

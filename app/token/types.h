/*
 * The words of the domain: families, permissions, capabilities, callers, and read-only views of what the tables hold.
 *
 * Ownership: views point into the tables and live until the next write. Times are Unix seconds, 0 = none.
 * Refs are indices into the tables, 0 = none; a ref may be reused after its entity was collected, so refs are kept
 * across a turn of the loop by no one but the tables (keep ids instead).
 */
#ifndef JETON_TOKEN_TYPES_H
#define JETON_TOKEN_TYPES_H

#include "base/bytes.h"
#include "base/encode.h"
#include "limits.h"

enum token_family {
    TOKEN_ACTION = 0,   /* act_tok_...: bound to one command, consumed once */
    TOKEN_JWT = 1,      /* dz_<jwt>: a user's API token */
    TOKEN_PLATFORM = 2, /* clientId and clientSecret: a service principal */
    /* In the tables only, of what a boot has left on the flash: which one it is will be known when it is read. */
    TOKEN_UNREAD = 3,
    TOKEN_LOOSE = 4 /* unread, and in no chain yet */
};

/* Bits, in the order in which answers list them. */
enum permission {
    PERMISSION_VIEW = 1,
    PERMISSION_TRANSACT = 2,
    PERMISSION_MANAGE = 4
};
#define PERMISSION_ALL 7

#define CLIENT_ID_TEXT_BYTES     32
#define CLIENT_SECRET_TEXT_BYTES 36
#define ACTION_TOKEN_TEXT_BYTES  (8 + 30 + 6) /* act_tok_, randomness, CRC-32 */

/* Names of the capabilities that every appliance knows; a tenant's policy adds one per listed action. */
#define CAPABILITY_WITHDRAWAL "withdrawal.create"
#define CAPABILITY_CONVERSION "conversion.create"
#define CAPABILITY_CONSUME    "action-tokens.consume"
#define CAPABILITY_INTROSPECT "tokens.introspect"
#define CAPABILITY_ADMIN      "admin"

enum token_state {
    TOKEN_ACTIVE,
    TOKEN_CONSUMED, /* TOKEN_ACTION only */
    TOKEN_REVOKED,
    TOKEN_EXPIRED
};

/* An address range (RFC 4632, RFC 4291): IPv6, or IPv4 mapped with prefix + 96. */
struct cidr {
    uint8_t address[16];
    uint8_t prefix_bits; /* 0..128 */
};

/* Everything that an answer may say of a token. */
struct token_view {
    uint32_t ref;
    enum token_family family;
    enum token_state state; /* at the time of the look */
    struct uuid id;
    struct uuid jti;       /* TOKEN_JWT */
    uint8_t client_id[16]; /* TOKEN_PLATFORM */
    uint32_t tenant_ref;
    uint32_t user_ref; /* 0 for TOKEN_PLATFORM */
    struct bytes name;
    struct bytes description; /* data NULL = null */
    uint8_t permissions;
    bool is_root;
    int64_t created_s;
    int64_t updated_s;
    int64_t expires_s;
    int64_t revoked_s;
    int64_t consumed_s;
    int64_t last_used_s;
    struct bytes revocation_reason; /* data NULL = null */
    struct bytes revoked_by;        /* an e-mail or a principal's name */
    struct bytes action;            /* TOKEN_ACTION */
    uint8_t digest[32];             /* TOKEN_ACTION: of the bound command */
    bool expires_given;             /* TOKEN_PLATFORM: expiresAt was given at create */
    struct cidr cidrs[TOKEN_CIDRS_MAX];
    size_t cidr_count;
};

struct tenant_view {
    uint32_t ref;
    struct uuid id;
    struct bytes name;
    bool suspended;
    struct bytes policy; /* JSON text of an object, "{}" at least */
    int64_t created_s;
    int64_t updated_s;
};

struct user_view {
    uint32_t ref;
    struct uuid id;
    struct bytes email;
    uint32_t tenant_refs[USER_TENANTS_MAX];
    size_t tenant_count;
    struct bytes capabilities[USER_CAPABILITIES_MAX];
    size_t capability_count;
    bool disabled;
    int64_t created_s;
    int64_t updated_s;
};

#endif

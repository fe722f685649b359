/*
 * The tables: tokens, tenants, users, and the memos of idempotency keys, all in one memory region.
 *
 * This header is the shared shape; the operations are in table.h (tokens), principals.h and memo.h. Everything here is
 * plain memory: no store, no crypto; time is an argument.
 * Ownership: `struct tables` is the caller's, the region too. Refs are slot numbers from 1; 0 = none. A dropped entity's
 *   slot is reused.
 * Limits: tokens until slots and texts meet; tenants and users a fixed share of the region.
 *
 * An *unread* token is one that a boot has left on the flash. Its slot is in the chains by the tails of its id and key, and
 * nowhere else; a look-up that comes to it has it read by `fetch`. No two tokens in the chains have the same tail of an id.
 * A boot leaves the last of them *loose*: their slots are reserved, but hold a short list of them (unread.h). Look-ups
 * search it (`bring`) until the background has made slots of all.
 *
 * Memory of one token: the slot (108 bytes), hash buckets (8 to 17), the text (24 with a 16-character name).
 */
#ifndef JETON_TOKEN_TABLES_H
#define JETON_TOKEN_TABLES_H

#include <string.h>

#include "token/pool.h"
#include "token/types.h"

/* Tokens of one owner, oldest first. During replay they may come out of order: `unsorted` until tables_sort. */
struct token_list {
    uint32_t first;
    uint32_t last;
};

enum token_flag {
    TOKEN_USED = 1, /* the slot holds a token */
    TOKEN_FLAG_CONSUMED = 2,
    TOKEN_FLAG_ROOT = 4,
    TOKEN_FLAG_EXPIRES_GIVEN = 8,
    TOKEN_FLAG_TOUCHED = 16, /* last use is not in the log yet */
    TOKEN_FLAG_RANGES = 128  /* its text has address ranges; spares most callers a look at it */
};
#define TOKEN_FLAGS_KEPT    (TOKEN_FLAG_CONSUMED | TOKEN_FLAG_ROOT | TOKEN_FLAG_EXPIRES_GIVEN)
#define TOKEN_COUNTED_SHIFT 5 /* two bits: the state under which counts[] has it */
#define TOKEN_COUNTED_MASK  0x60u

#define TOKEN_TAIL_BYTES 4 /* of id and key: what both are hashed by */
#define TOKEN_TAIL_AT    12

enum token_tail {
    TAIL_OF_ID,
    TAIL_OF_KEY
};

struct token {
    struct uuid id;
    uint8_t key[16]; /* what it is looked up by: half of the MAC, jti, or client id */
    uint8_t mac[16]; /* of the secret; TOKEN_ACTION: the MAC's other half */
    uint32_t tenant;
    uint32_t user;      /* 0 for TOKEN_PLATFORM */
    uint32_t created_s; /* seconds until 2106 */
    uint32_t updated_s; /* TOKEN_ACTION: when consumed */
    uint32_t expires_s;
    uint32_t revoked_s;
    uint32_t last_used_s;
    uint32_t segment; /* of the newest full record */
    uint32_t text;    /* fields: name, description, ... */
    uint32_t note;    /* number of the bulk revocation that killed it */
    uint32_t id_next; /* also the list of free slots */
    uint32_t key_next;
    uint32_t owner_next;
    uint32_t owner_prev;
    uint8_t family;
    uint8_t permissions;
    uint8_t flags;
    uint8_t signing_key; /* TOKEN_JWT: number of the key */
};
static_assert(sizeof(struct token) == 108, "a million tokens in 160 bytes each");

enum principal_flag {
    PRINCIPAL_USED = 1,
    PRINCIPAL_STOPPED = 2,  /* tenant suspended, user disabled */
    PRINCIPAL_AWAITED = 4,  /* replay: a token names it, its record comes later */
    PRINCIPAL_UNSORTED = 8, /* replay: its token lists are not in order */
};

/* A tenant or a user. */
struct principal {
    struct uuid id;
    uint32_t created_s;
    uint32_t updated_s;
    uint32_t segment;
    uint32_t text;
    uint32_t id_next; /* also the list of free slots */
    uint32_t email_next;
    uint32_t next; /* in creation order */
    uint32_t prev;
    struct token_list tokens;  /* tenant: TOKEN_PLATFORM; user: TOKEN_JWT */
    struct token_list actions; /* user: TOKEN_ACTION */
    uint32_t flags;
};

struct principal_table {
    struct principal *slots; /* [1..capacity] */
    uint32_t *id_buckets;
    uint32_t *email_buckets;
    uint32_t bucket_mask;
    uint32_t capacity;
    uint32_t used_end; /* slots below it were used once */
    uint32_t free_head;
    uint32_t count;
    uint32_t awaited_count;
    uint32_t first;
    uint32_t last;
    bool unsorted;
};

struct tables {
    struct pool pool;
    struct token *tokens; /* [1..token_end) */
    uint32_t token_end;
    uint32_t loose_first; /* [loose_first..loose_end) are reserved for loose tokens: no slots yet */
    uint32_t loose_end;
    uint32_t free_token;
    uint32_t *id_buckets;
    uint32_t *key_buckets;
    uint32_t token_mask;
    uint64_t counts[3][4]; /* by family and state, as of the last look at each token */
    uint32_t token_count;
    struct principal_table tenants;
    struct principal_table users;
    uint32_t *memo_buckets;
    uint32_t memo_mask;
    uint64_t memo_count;
    /* Reads an unread token: the slot is not unread any more, or free, or that failed. */
    void (*fetch)(uint32_t ref);
    /* Sees to it that no token with this tail is loose; called when some are. */
    void (*bring)(enum token_tail which, const uint8_t tail[TOKEN_TAIL_BYTES]);
};

/* Lay the tables out over the region (8-byte aligned, >= TABLE_MEMORY_MIN_BYTES). Tables used before start anew. */
void tables_init(struct tables *tables, void *memory, size_t size_bytes);

/* After replay: bring every list into creation order. */
void tables_sort(struct tables *tables);

static inline bool tokens_any_loose(const struct tables *tables)
{
    return tables->loose_first != tables->loose_end;
}

static inline bool token_is_loose(const struct tables *tables, uint32_t ref)
{
    return ref >= tables->loose_first && ref < tables->loose_end;
}

static inline struct token *token_at(const struct tables *tables, uint32_t ref)
{
    assert(ref > 0 && ref < tables->token_end && !token_is_loose(tables, ref));
    return &tables->tokens[ref];
}

static inline bool token_is_read(const struct token *token)
{
    return token->family != TOKEN_UNREAD;
}

static inline struct principal *principal_at(const struct principal_table *table, uint32_t ref)
{
    assert(ref > 0 && ref < table->used_end);
    return &table->slots[ref];
}

/* The order of ids (UUIDv7) is the order of creation. */
int uuid_compare(const struct uuid *a, const struct uuid *b);

/* A bucket number from the tail of an id or key, which is random. */
static inline uint32_t hash_tail(const uint8_t tail[TOKEN_TAIL_BYTES])
{
    uint32_t word;
    memcpy(&word, tail, sizeof word);
    return word;
}

static inline uint32_t hash_id(const uint8_t id[16])
{
    return hash_tail(id + TOKEN_TAIL_AT);
}

#endif

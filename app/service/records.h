/*
 * The payloads of the log's records, to and from bytes. RECORDS.md beside this file is the byte-exact description.
 *
 * Ownership: decoded structs view the payload. Blocking: none.
 * Failure: decoders are strict: STATUS_DAMAGED for a wrong size, an unknown flag, or a malformed field. Encoders append
 *   to a buffer that STORE_RECORD_MAX_BYTES dimensions (assert).
 */
#ifndef JETON_SERVICE_RECORDS_H
#define JETON_SERVICE_RECORDS_H

#include "token/fields.h"
#include "token/tables.h"

/* Full records state a whole entity; deltas change one; values are on flash and never change their meaning. */
enum record_type {
    RECORD_SETTING = 1,       /* full */
    RECORD_TENANT = 2,        /* full */
    RECORD_USER = 3,          /* full */
    RECORD_TOKEN = 4,         /* full */
    RECORD_REVOKED = 5,       /* delta */
    RECORD_CONSUMED = 6,      /* delta */
    RECORD_ROTATED = 7,       /* delta */
    RECORD_TOUCHED = 8,       /* delta, of many tokens */
    RECORD_REVOKED_MANY = 9,  /* delta of many tokens, and full for its note */
    RECORD_NOTE = 10,         /* full */
    RECORD_USER_DELETED = 11, /* delta */
    RECORD_OUTCOME = 12,      /* full */
    RECORD_ACCESS_CUT = 13,   /* delta */
    RECORD_TYPE_END
};

struct setting_record {
    struct bytes name;
    struct bytes value;
};

struct principal_record {
    struct uuid id;
    uint32_t created_s;
    uint32_t updated_s;
    bool stopped;
    struct bytes text;
};

/* `token` without refs, links, segment; owners by id (user all zero for TOKEN_PLATFORM). */
struct token_record {
    struct token token;
    struct uuid tenant;
    struct uuid user;
    struct bytes text;
    uint32_t tags; /* that occur in the text; of a record that was read */
};

/* RECORD_REVOKED (reason, revoked by), RECORD_CONSUMED (memo), RECORD_USER_DELETED (no text), RECORD_ACCESS_CUT
 * (the cut). */
struct change_record {
    struct uuid id;
    uint32_t at_s;
    struct bytes text;
};

struct rotated_record {
    struct uuid id;
    uint32_t at_s;
    uint32_t previous_until_s; /* 0: the old secret is dead at once */
    uint8_t mac[16];
    struct bytes text; /* memo */
};

#define RECORD_ANY_FAMILY  0xFF
#define TOUCHED_ITEM_BYTES 20 /* id, time */

/* RECORD_REVOKED_MANY; RECORD_NOTE has number, at_s and text only. */
struct bulk_record {
    uint32_t number; /* of the note; 0: none is kept */
    uint32_t at_s;
    struct uuid tenant; /* all zero: any */
    struct uuid user;   /* all zero: any */
    uint8_t family;
    uint32_t created_before_s; /* 0: any */
    struct bytes text;
};

void record_put_setting(struct buffer *out, const struct setting_record *record);
void record_put_principal(struct buffer *out, const struct principal_record *record);
/* Of a token's record: the tails of its id and key, which a boot finds it by. The rest is read later. */
#define RECORD_TOKEN_KNOWN_BYTES (2 * TOKEN_TAIL_BYTES)

/* How many of the payload's last bytes a boot may leave on the flash: a token's, but not the root token's. */
size_t record_rest_bytes(enum record_type type, struct bytes payload);

void record_put_token(struct buffer *out, const struct token_record *record);
void record_put_change(struct buffer *out, const struct change_record *record);
void record_put_rotated(struct buffer *out, const struct rotated_record *record);
void record_put_touched(struct buffer *out, const struct uuid *id, uint32_t at_s);
void record_put_bulk(struct buffer *out, const struct bulk_record *record);
void record_put_note(struct buffer *out, const struct bulk_record *record);

enum status record_get_setting(struct bytes payload, struct setting_record *record) MUST_USE;
enum status record_get_principal(struct bytes payload, struct principal_record *record) MUST_USE;
/* `rest`: data NULL if the payload is the whole record. */
enum status record_get_token(struct bytes payload, struct bytes rest, struct token_record *record) MUST_USE;
enum status record_get_change(struct bytes payload, struct change_record *record) MUST_USE;
enum status record_get_rotated(struct bytes payload, struct rotated_record *record) MUST_USE;
enum status record_get_bulk(struct bytes payload, struct bulk_record *record) MUST_USE;
enum status record_get_note(struct bytes payload, struct bulk_record *record) MUST_USE;

/* Bytes of a full record with a text of this size. */
size_t record_token_bytes(size_t text_bytes);
size_t record_principal_bytes(size_t text_bytes);

bool uuid_is_zero(const struct uuid *id);

#endif

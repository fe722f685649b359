/*
 * What the files of service/ share: the one state, time, ids, and the journal. Private to this folder.
 *
 * The order of every writing verb: check everything, build one record, journal(): append to the store, then apply the
 * record to the tables by the very code that replays it. So what a reader sees is in the log, and a replay gives the
 * same tables.
 */
#ifndef JETON_SERVICE_STATE_H
#define JETON_SERVICE_STATE_H

#include "crypto/crypto.h"
#include "service/records.h"
#include "service/service.h"
#include "store/store.h"
#include "token/memo.h"
#include "token/principals.h"
#include "token/table.h"

/* One key for each purpose, so that nothing made for one passes for another. */
struct service_keys {
    struct mac_key action; /* family 0: secret to lookup key and MAC */
    struct mac_key client; /* family 2: client id and secret to MAC */
    struct mac_key memo;   /* caller and Idempotency-Key to memo id */
    struct mac_key secret; /* idempotent creates: to the secret */
    struct mac_key text;   /* service_mac */
};

struct service_state {
    struct tables tables;
    struct service_keys keys;
    uint32_t root_ref; /* the root token; 0 before the first boot is done */
    uint64_t collected_count;
    int64_t swept_for_room_s;
    int64_t replayed_s;      /* the newest time of what was replayed */
    uint32_t unread_count;   /* tokens that a boot left on the flash (unread.c) */
    bool is_reading;         /* it has left some, and not all is read and in order */
    uint32_t unread_ref;     /* the background comes to it next */
    uint32_t filled_ref;     /* the last that was read */
    bool reading_failed;     /* nothing is answered any more */
    bool has_searched;       /* a look-up came while tokens were loose */
    enum status held_status; /* of changes that were held (held.c): the last that was not STATUS_OK */
    bool reads_at_once;      /* a boot with scarce memory leaves nothing on the flash */
    bool memory_too_small;   /* a replayed record found no room */
    bool is_rolled_back;     /* the store failed, and the tables were built anew from what is durable */
};
extern struct service_state service;

/* ---- time (clock.c) ---- */

void clock_start(int64_t newest_s);
/* The best lower bound of the time now: service_now_s() or, while that is unknown, the log's newest. At least 1. */
int64_t clock_bound_s(void);

/* ---- ids (ids.c): strictly increasing UUIDv7, so that id order is creation order ---- */

void ids_start(void);
void ids_seen(const struct uuid *id);
void ids_not_before(uint64_t unix_ms); /* later ids are of this time or a later one */
struct uuid ids_next(void);

/* ---- journal (journal.c, apply.c) ---- */

/* An empty buffer for one record's payload, and one for its fields; used by one verb at a time. */
struct buffer *journal_payload(void);
struct buffer *journal_text(void);

/* Append the payload as one record, then apply it. Statuses of store_append. */
enum status journal(enum store_class class, enum record_type type) MUST_USE;

/* Tell the store that the newest full record of this entity is dead, before it goes or is replaced. */
void forget_token(uint32_t ref);
void forget_principal(const struct principal *principal);

/* Change the tables as this record says. STATUS_DAMAGED, STATUS_FULL (replay only). */
enum status apply_record(const struct store_record *record) MUST_USE;
enum status relocate_record(const struct store_record *record) MUST_USE;
/* Its parts: tenants and users (apply_principals.c); a record that finds no room; room for a text in a replay, which lets go
 * of what had left the table when this record came (live the verb saw to it). */
enum status apply_principal(const struct store_record *record, struct principal_table *table) MUST_USE;
enum status apply_user_deleted(const struct store_record *record) MUST_USE;
enum status apply_no_room(void) MUST_USE;
bool apply_has_room(const struct store_record *record, size_t text_bytes);
/* The same for some records in their order: store_owner.replay. */
enum status apply_records(const struct store_record *records, size_t count) MUST_USE;
void say_memory_is_short(void);
enum status check_replay(void) MUST_USE; /* all was read: is it whole? The lists get their order. */
/* Tokens that it would revoke now, and what their texts would take with its text in each. */
uint64_t bulk_count(const struct bulk_record *record, size_t *text_bytes);

/* ---- tokens that a boot leaves on the flash (unread.c) ---- */

/* A boot meets the known parts of tokens' records. */
enum status unread_meet(const struct store_record *records, size_t count) MUST_USE;
/* Enter all loose ones in the chains: at a replay before what cannot be held (held.h), later where all are needed. */
void unread_settle(void);
/* tables.bring */
void unread_bring(enum token_tail which, const uint8_t tail[TOKEN_TAIL_BYTES]);
/* Drop the token with this tail of an id: a copy comes, or it is gone and its tail is used again. */
void unread_drop_same(const uint8_t tail[TOKEN_TAIL_BYTES]);
/* Keep a change of a token that is unread until it is read. False: it is not unread. */
bool unread_keeps(const struct store_record *record);
bool unread_touch(const struct uuid *id, uint32_t at_s);
/* The unread slot that this whole record is of; 0: another one took its place. */
uint32_t unread_slot_of(const struct store_record *record);
/* A user is deleted: unread tokens of it go when they are read. */
enum status unread_user_gone(const struct uuid *user) MUST_USE;
bool unread_is_gone(const struct uuid *user);
void unread_start(void);
/* It is read: fill the slot. */
enum status unread_fill(uint32_t ref, const struct token *token, const struct store_record *record) MUST_USE;
/* At a replay, before each record and at its end: where it is tight all that is unread is read, and from here on tokens as
 * they come. */
void unread_mind_room(void);
/* What of the tables' memory is needed for those that are unread, and must be left by verbs that go into the reserve. */
size_t unread_room_bytes(void);
/* store_owner.wants_rests */
bool unread_wants_rests(void);
/* Would the texts of all unread tokens not fit? */
bool unread_is_short_of_room(void);
/* Read all; at replay too. */
enum status unread_read(void) MUST_USE;
/* Read one token; where that cannot be, nothing is answered any more. */
void unread_fetch(uint32_t ref);

/* ---- settings (settings.c), notes (notes.c) ---- */

void settings_start(void);
enum status settings_apply(const struct store_record *record) MUST_USE;
enum status settings_relocate(const struct store_record *record, struct buffer *payload) MUST_USE;

void notes_start(void);
void notes_seen(uint32_t number);
uint32_t notes_next(void); /* number for a new note, 0 when there is no place */
void notes_keep(const struct bulk_record *record, uint32_t segment);
enum status notes_relocate(const struct store_record *record, struct buffer *payload) MUST_USE;
void notes_collect(int64_t now_s);
struct bytes note_text(uint32_t number);

/* ---- idempotency (idempotent.c) ---- */

struct plan {
    bool has_key;
    bool repeat; /* `memo` is the one found */
    struct memo memo;
    struct uuid principal;
    struct bytes key;
};
/* The memo that the key stands for; false when there is no key. */
bool plan_identify(const struct caller *caller, const struct idempotency *idempotency, struct plan *plan);
/* Look the key up. STATUS_CONFLICT: used for something else. */
enum status plan_make(const struct caller *caller, const struct idempotency *idempotency, enum memo_what what,
                      struct plan *plan) MUST_USE;
/* 32 secret bytes for the entity: random, or derived when a key was given. */
void plan_secret(const struct plan *plan, const char *label, const struct uuid *id, uint8_t out[32]);
/* Add the memo to a record's fields. */
void plan_append(const struct plan *plan, struct buffer *text);

/* ---- secrets (verify.c) ---- */

struct secret_mac {
    uint8_t key[16];
    uint8_t mac[16];
};
void secret_of_action(struct bytes text, struct secret_mac *out);
void mac_of_client(const uint8_t client_id[16], struct bytes secret, uint8_t mac[16]);

/* Refs of the token that the text proves, 0 = none. All do the same work for a wrong text. */
uint32_t verify_action(struct bytes text);
uint32_t verify_client(struct bytes id_and_secret); /* "clientId:clientSecret" */

/* ---- JWTs (jwt.c, keys.c) ---- */

enum status jwt_start(const struct service_options *options) MUST_USE;
uint8_t jwt_signing_number(void);
struct access_claims {
    struct uuid jti;
    struct uuid sub; /* id of the family-2 token */
    int64_t issued_s;
    int64_t expires_s;
};
enum status jwt_write(uint32_t ref, struct buffer *text) MUST_USE; /* appends dz_<jws> */
uint32_t verify_jwt(struct bytes text);                            /* without dz_ */
uint32_t verify_access_token(struct bytes text, struct access_claims *claims);

/* ---- use (upkeep.c) ---- */

void upkeep_start(void);
void touch(uint32_t ref);
void sweep_all(int64_t now_s); /* drop every token that may be forgotten, and merge what is free */
void sweep_for_room(
    int64_t now_s);   /* the same as sweep_all, at most once for each second: there is no room */
void seek_room(void); /* now, for a verb that finds none */

/* ---- views (views.c) ---- */

void view_token(uint32_t ref, struct token_view *view);
/* As its create answered: nothing happened to it yet. */
void view_as_created(uint32_t ref, struct token_view *view);
/* "a user's e-mail" or "service-accounts/<uuid>". */
void append_caller_name(struct buffer *out, const struct caller *caller);
bool token_is_stopped(const struct token *token); /* tenant suspended or user disabled */

#endif

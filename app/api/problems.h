/*
 * INVALID_INPUT of family 2 and the operator plane: all problems of one body or query at once, each
 * {"field","constraint","message"} in details.errors.
 *
 * Use: take problems_of(exchange), read every member with the readers below, then `if (problems_answered(&p)) return;`.
 * Nothing is written while there is no problem; the first one begins the 400.
 */
#ifndef JETON_API_PROBLEMS_H
#define JETON_API_PROBLEMS_H

#include "api/exchange.h"
#include "json/json.h"

struct problems {
    struct exchange *exchange;
    size_t count;
};

struct problems problems_of(struct exchange *exchange);

/* Note one. */
void problem(struct problems *problems, const char *field, const char *constraint, const char *message);

/* True if there were any: the answer is complete then. */
bool problems_answered(struct problems *problems);

/* Answer with one problem. */
void fail_problem(struct exchange *exchange, const char *field, const char *constraint, const char *message);

enum presence {
    OPTIONAL,
    REQUIRED
};

/* Readers of one member of `object`. Each returns true when the member is there and good; a problem is noted when it is
 * bad, or absent though REQUIRED. */

/* A string of min..max code points. */
struct text_rule {
    const char *name;
    enum presence presence;
    size_t min;
    size_t max;
};
bool member_text(struct problems *problems, const struct json *object, const struct text_rule *rule,
                 struct bytes *text);

/* A whole number of min..max. */
struct number_rule {
    const char *name;
    enum presence presence;
    uint32_t min;
    uint32_t max;
};
bool member_number(struct problems *problems, const struct json *object, const struct number_rule *rule,
                   uint32_t *number);

bool member_bool(struct problems *problems, const struct json *object, const char *name, bool *value);

/* RFC 3339. */
bool member_time(struct problems *problems, const struct json *object, const char *name, int64_t *unix_s);

/* A UUID. */
bool member_uuid(struct problems *problems, const struct json *object, const char *name,
                 enum presence presence, struct uuid *id);

/* An array; the value itself is returned, NULL unless good. */
const struct json *member_array(struct problems *problems, const struct json *object, const char *name,
                                enum presence presence);

/* The query parameters of every list of this dialect. */
struct list_query {
    size_t limit; /* 1..100, 50 */
    struct bytes cursor;
    struct bytes name;
};
/* Answers 400 and returns false when they are bad. Views live until the next call. */
bool read_list_query(struct exchange *exchange, struct list_query *query);

#endif

/*
 * What the files of the operator plane share: lists of tenants and users in pages, and finding one of them.
 */
#ifndef JETON_API_ADMIN_H
#define JETON_API_ADMIN_H

#include "api/exchange.h"
#include "api/problems.h"

/* A table that is listed in creation order, which is the order of ids. */
struct admin_table {
    const char *name; /* for its cursors */
    uint32_t (*next)(uint32_t after_ref);
    enum status (*find)(const struct uuid *id, uint32_t *ref);
    uint32_t (*count)(void);
    void (*id_of)(uint32_t ref, struct uuid *id);
    void (*write)(struct json_writer *json, uint32_t ref); /* members into the open object */
};

/* Answer GET of the table with one page: {"data","hasMore","nextCursor","totalCount"}. */
void answer_admin_list(struct exchange *exchange, const struct admin_table *table);

/* The tenant or user of the path, or answer 404. */
bool find_path_tenant(struct exchange *exchange, uint32_t *tenant_ref);
bool find_path_user(struct exchange *exchange, uint32_t *user_ref);

/* The tenant or user that a member of the body names; a problem is noted when it is no UUID or names none.
 * True when it is there and good. */
bool member_tenant(struct problems *problems, const struct json *object, enum presence presence,
                   uint32_t *tenant_ref);
bool member_user(struct problems *problems, const struct json *object, uint32_t *user_ref);

#endif

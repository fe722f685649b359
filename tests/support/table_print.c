/*
 * Sums of hashes, one for each entity.
 */
#include "tests/support/table_print.h"

#include <string.h>

#include "service/state.h"
#include "token/fields.h"

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ hash >> 29;
}

static uint64_t mix_bytes(uint64_t hash, struct bytes bytes)
{
    hash = mix(hash, bytes.size);
    for (size_t i = 0; i < bytes.size; i++) {
        hash = mix(hash, bytes.data[i]);
    }
    return hash;
}

/* Texts that are the same in each run; the rest holds ids, MACs, or may be lost. */
static bool is_certain(enum field_tag tag)
{
    return tag == FIELD_NAME || tag == FIELD_DESCRIPTION || tag == FIELD_ACTION || tag == FIELD_DIGEST ||
           tag == FIELD_CIDRS || tag == FIELD_POLICY || tag == FIELD_EMAIL || tag == FIELD_CAPABILITY;
}

static void add_text(struct table_print *print, uint64_t hash, uint32_t handle)
{
    struct bytes text = pool_text(&service.tables.pool, handle);
    uint64_t sizes = 0;
    struct field field;
    size_t offset = 0;
    while (fields_next(text, &offset, &field)) {
        sizes += mix(hash, (uint64_t)field.tag << 32 | field.value.size);
        if (is_certain(field.tag)) {
            hash = mix_bytes(mix(hash, field.tag), field.value);
        } else if (field.tag == FIELD_TENANTS || field.tag == FIELD_ACCESS_CUT ||
                   field.tag == FIELD_PREVIOUS) {
            hash = mix(mix(hash, field.tag), field.value.size);
        }
    }
    print->entities += hash;
    print->texts += sizes;
}

static void add_token(struct table_print *print, const struct token *token)
{
    const struct tables *tables = &service.tables;
    uint64_t hash = mix(token->family, token->permissions);
    hash = mix(hash, token->flags & TOKEN_FLAGS_KEPT);
    hash = mix(hash, (uint64_t)token->created_s << 32 | token->updated_s);
    hash = mix(hash, (uint64_t)token->expires_s << 32 | token->revoked_s);
    hash = mix(hash, token->signing_key);
    struct bytes tenant = pool_text(&tables->pool, principal_at(&tables->tenants, token->tenant)->text);
    hash = mix_bytes(hash, fields_find(tenant, FIELD_NAME));
    if (token->user != 0) {
        struct bytes user = pool_text(&tables->pool, principal_at(&tables->users, token->user)->text);
        hash = mix_bytes(hash, fields_find(user, FIELD_EMAIL));
    }
    add_text(print, hash, token->text);
}

static void add_principals(struct table_print *print, const struct principal_table *table, uint64_t kind)
{
    for (uint32_t ref = table->first; ref != 0; ref = principal_at(table, ref)->next) {
        const struct principal *principal = principal_at(table, ref);
        uint64_t hash = mix(kind, principal->flags & PRINCIPAL_STOPPED);
        hash = mix(hash, (uint64_t)principal->created_s << 32 | principal->updated_s);
        add_text(print, hash, principal->text);
    }
}

void table_print(struct table_print *print)
{
    service_need_all();
    const struct tables *tables = &service.tables;
    *print = (struct table_print){.token_count = tables->token_count,
                                  .tenant_count = tables->tenants.count,
                                  .user_count = tables->users.count,
                                  .text_bytes = tables->pool.text_bytes,
                                  .memo_count = tables->memo_count};
    memcpy(print->counts, tables->counts, sizeof print->counts);
    for (uint32_t ref = 1; ref < tables->token_end; ref++) {
        if ((token_at(tables, ref)->flags & TOKEN_USED) != 0) {
            add_token(print, token_at(tables, ref));
        }
    }
    add_principals(print, &tables->tenants, 1);
    add_principals(print, &tables->users, 2);
}

bool table_prints_equal(const struct table_print *a, const struct table_print *b, bool whole)
{
    return a->entities == b->entities && a->token_count == b->token_count &&
           memcmp(a->counts, b->counts, sizeof a->counts) == 0 && a->tenant_count == b->tenant_count &&
           a->user_count == b->user_count &&
           (!whole ||
            (a->texts == b->texts && a->text_bytes == b->text_bytes && a->memo_count == b->memo_count));
}

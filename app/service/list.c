/*
 * Pages of tokens: one pass over the owner's list with a bounded heap of the best so far.
 *
 * A page is "the first `limit` tokens behind a position" in list order, or in the opposite order when walking backwards
 * (the page is then turned round). The position is a value, not a place, so that pages are stable when tokens come, go,
 * or change.
 */
#include <assert.h>
#include <string.h>

#include "service/state.h"

/* What a token is ordered by: number or name, then id. */
struct sort_key {
    int64_t number;
    struct bytes name;
    const struct uuid *id;
};

struct walk {
    const struct token_query *query;
    struct token_page *page; /* refs[]: a heap, the last in order on top */
    size_t limit;
    uint64_t behind_count; /* tokens behind the position */
    struct sort_key position;
    bool opposite; /* walk from the greatest to the least */
};

static struct sort_key key_of(const struct walk *walk, uint32_t ref)
{
    const struct token *token = token_at(&service.tables, ref);
    struct sort_key key = {.id = &token->id};
    switch (walk->query->sort) {
    case TOKEN_SORT_NAME:
        key.name = fields_find(pool_text(&service.tables.pool, token->text), FIELD_NAME);
        break;
    case TOKEN_SORT_LAST_USED:
        key.number = token->last_used_s;
        break;
    case TOKEN_SORT_EXPIRES:
        key.number = token->expires_s;
        break;
    case TOKEN_SORT_CREATED:
        break; /* ids are in the order of creation */
    }
    return key;
}

static int compare_names(struct bytes a, struct bytes b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common > 0 ? memcmp(a.data, b.data, common) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* < 0: a comes first in the order of this walk. */
static int compare_keys(const struct walk *walk, const struct sort_key *a, const struct sort_key *b)
{
    int order = (a->number > b->number) - (a->number < b->number);
    if (order == 0) {
        order = compare_names(a->name, b->name);
    }
    if (order == 0) {
        order = uuid_compare(a->id, b->id);
    }
    return walk->opposite ? -order : order;
}

static int compare_refs(const struct walk *walk, uint32_t a, uint32_t b)
{
    struct sort_key key_a = key_of(walk, a);
    struct sort_key key_b = key_of(walk, b);
    return compare_keys(walk, &key_a, &key_b);
}

/* ---- the heap ---- */

static void swap_refs(uint32_t *refs, size_t a, size_t b)
{
    uint32_t held = refs[a];
    refs[a] = refs[b];
    refs[b] = held;
}

static void sift_down(const struct walk *walk, size_t count)
{
    uint32_t *refs = walk->page->refs;
    size_t at = 0;
    for (;;) {
        size_t last = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++) {
            if (compare_refs(walk, refs[child], refs[last]) > 0) {
                last = child;
            }
        }
        if (last == at) {
            return;
        }
        swap_refs(refs, at, last);
        at = last;
    }
}

static void push(const struct walk *walk, uint32_t ref)
{
    uint32_t *refs = walk->page->refs;
    size_t at = walk->page->count++;
    refs[at] = ref;
    while (at > 0 && compare_refs(walk, refs[at], refs[(at - 1) / 2]) > 0) {
        swap_refs(refs, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

static void offer(const struct walk *walk, uint32_t ref)
{
    if (walk->page->count < walk->limit) {
        push(walk, ref);
    } else if (compare_refs(walk, ref, walk->page->refs[0]) < 0) {
        walk->page->refs[0] = ref;
        sift_down(walk, walk->page->count);
    }
}

/* Take the last out to the end, again and again: first in order comes out at index 0. */
static void sort_page(const struct walk *walk)
{
    for (size_t count = walk->page->count; count > 1; count--) {
        swap_refs(walk->page->refs, 0, count - 1);
        sift_down(walk, count - 1);
    }
}

/* ---- what matches ---- */

static bool contains(struct bytes text, struct bytes part)
{
    for (size_t offset = 0; offset + part.size <= text.size; offset++) {
        if (bytes_equal(bytes_slice(text, offset, part.size), part)) {
            return true;
        }
    }
    return false;
}

static bool matches(const struct token_query *query, const struct token *token, int64_t now_s)
{
    if (token->tenant != query->tenant_ref || token->family != query->family ||
        (!query->include_revoked && token_state_at(token, now_s) != TOKEN_ACTIVE)) {
        return false;
    }
    return query->name_filter.data == NULL ||
           contains(fields_find(pool_text(&service.tables.pool, token->text), FIELD_NAME),
                    query->name_filter);
}

static bool is_behind_position(const struct walk *walk, uint32_t ref)
{
    if (!walk->query->has_position) {
        return true;
    }
    struct sort_key key = key_of(walk, ref);
    return compare_keys(walk, &key, &walk->position) > 0;
}

static const struct token_list *list_of(const struct token_query *query)
{
    if (query->family == TOKEN_PLATFORM) {
        return &principal_at(&service.tables.tenants, query->tenant_ref)->tokens;
    }
    const struct principal *user = principal_at(&service.tables.users, query->user_ref);
    return query->family == TOKEN_ACTION ? &user->actions : &user->tokens;
}

/* From the end where the order of creation begins, so that the heap seldom changes. */
static void walk_list(struct walk *walk)
{
    const struct token_list *list = list_of(walk->query);
    int64_t now_s = clock_bound_s();
    uint32_t ref = walk->opposite ? list->last : list->first;
    while (ref != 0) {
        const struct token *token = token_at(&service.tables, ref);
        if (matches(walk->query, token, now_s)) {
            walk->page->total++;
            if (is_behind_position(walk, ref)) {
                walk->behind_count++;
                offer(walk, ref);
            }
        }
        ref = walk->opposite ? token->owner_prev : token->owner_next;
    }
}

void service_list(const struct token_query *query, size_t limit, struct token_page *page)
{
    assert(limit >= 1 && limit <= TOKEN_PAGE_MAX);
    service_need_all();
    page->count = 0;
    page->total = 0;
    struct walk walk = {
        .query = query,
        .page = page,
        .limit = limit,
        .opposite = query->descending != query->backwards,
        .position = {.id = &query->position_id},
    };
    if (query->sort == TOKEN_SORT_NAME) {
        walk.position.name = query->position_name;
    } else if (query->sort != TOKEN_SORT_CREATED) {
        walk.position.number = query->position_key_s;
    }
    walk_list(&walk);
    sort_page(&walk);
    page->has_more = walk.behind_count > page->count;
    for (size_t i = 0; query->backwards && i < page->count / 2; i++) {
        swap_refs(page->refs, i, page->count - 1 - i);
    }
}

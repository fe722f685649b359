/*
 * Lists: every sort and direction against a sorted array, page by page, while tokens come and go.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "service_rig.h"

#define COUNT 120

static struct token_page page;
static struct token_view made[COUNT + 50];
static size_t made_count;
static uint32_t tenant_ref;
static uint64_t random_state = 5;

static uint64_t draw(uint64_t end)
{
    return sim_random(&random_state) % end;
}

static void make_one(void)
{
    char header[256];
    struct caller caller;
    char name[16];
    snprintf(name, sizeof name, "n%u", (unsigned)draw(30));
    rig_advance_s((int64_t)draw(3));
    rig_platform(tenant_ref, PERMISSION_ALL, name, header, &made[made_count]);
    if (draw(2) == 0) {
        assert_int_equal(rig_authenticate(header, &caller), STATUS_OK);
    }
    made_count++;
}

static int fresh(void **state)
{
    (void)state;
    rig.jwt_es256 = false;
    rig_new();
    tenant_ref = rig_tenant("t");
    made_count = 0;
    while (made_count < COUNT) {
        make_one();
    }
    return 0;
}

/* ---- the oracle ---- */

static const struct token_query *oracle_query;

static int64_t number_of(const struct token_view *token)
{
    return oracle_query->sort == TOKEN_SORT_LAST_USED ? token->last_used_s
           : oracle_query->sort == TOKEN_SORT_EXPIRES ? token->expires_s
                                                      : 0;
}

static int compare(const void *left, const void *right)
{
    const struct token_view *a = left;
    const struct token_view *b = right;
    int order = 0;
    if (oracle_query->sort == TOKEN_SORT_NAME) {
        char name_a[16];
        char name_b[16];
        snprintf(name_a, sizeof name_a, "%.*s", (int)a->name.size, (const char *)a->name.data);
        snprintf(name_b, sizeof name_b, "%.*s", (int)b->name.size, (const char *)b->name.data);
        order = strcmp(name_a, name_b);
    } else if (number_of(a) != number_of(b)) {
        order = number_of(a) < number_of(b) ? -1 : 1;
    }
    if (order == 0) {
        order = memcmp(&a->id, &b->id, sizeof a->id);
    }
    return oracle_query->descending ? -order : order;
}

static size_t expected_list(const struct token_query *query, struct token_view *out)
{
    size_t count = 0;
    for (size_t i = 0; i < made_count; i++) {
        struct token_view token;
        assert_int_equal(service_find(tenant_ref, TOKEN_PLATFORM, &made[i].id, &token), STATUS_OK);
        bool named = query->name_filter.data == NULL ||
                     memmem(token.name.data, token.name.size, query->name_filter.data,
                            query->name_filter.size) != NULL;
        if (named && (query->include_revoked || token.state == TOKEN_ACTIVE)) {
            out[count++] = token;
        }
    }
    oracle_query = query;
    qsort(out, count, sizeof out[0], compare);
    return count;
}

static void stand_at(struct token_query *query, const struct token_view *token)
{
    query->has_position = true;
    query->position_id = token->id;
    query->position_name = token->name;
    oracle_query = query;
    query->position_key_s = number_of(token);
}

/* All pages forwards, then all backwards from the end. */
static void walk_all(struct token_query query, size_t limit)
{
    static struct token_view expected[COUNT + 50];
    size_t count = expected_list(&query, expected);
    size_t at = 0;
    do {
        service_list(&query, limit, &page);
        assert_int_equal(page.total, count);
        assert_int_equal(page.count, count - at < limit ? count - at : limit);
        for (size_t i = 0; i < page.count; i++) {
            assert_int_equal(page.refs[i], expected[at + i].ref);
        }
        at += page.count;
        assert_true(page.has_more == (at < count));
        if (page.count > 0) {
            stand_at(&query, &expected[at - 1]);
        }
    } while (page.has_more);
    query.backwards = true;
    at = count > 0 ? count - 1 : 0;
    while (at > 0) {
        stand_at(&query, &expected[at]);
        service_list(&query, limit, &page);
        assert_int_equal(page.count, at < limit ? at : limit);
        for (size_t i = 0; i < page.count; i++) {
            assert_int_equal(page.refs[i], expected[at - page.count + i].ref);
        }
        at -= page.count;
        assert_true(page.has_more == (at > 0));
    }
}

static void revoke_some(void)
{
    struct caller root;
    rig_root_caller(&root);
    for (size_t i = 0; i < made_count; i++) {
        bool already;
        struct token_view token;
        if (draw(3) == 0) {
            assert_int_equal(service_revoke(&root, made[i].ref, (struct bytes){NULL, 0}, &already, &token),
                             STATUS_OK);
        }
    }
}

static void every_order_and_page_size(void **state)
{
    (void)state;
    static const size_t limits[] = {1, 7, 50, COUNT - 1, COUNT, TOKEN_PAGE_MAX};
    revoke_some();
    for (size_t i = 0; i < 4 * 2 * 2 * 2 * 6; i++) {
        struct token_query query = {
            .family = TOKEN_PLATFORM,
            .tenant_ref = tenant_ref,
            .sort = (enum token_sort)(i % 4),
            .descending = i / 4 % 2 == 1,
            .include_revoked = i / 8 % 2 == 1,
        };
        if (i / 16 % 2 == 1) {
            query.name_filter = BYTES_LITERAL("2");
        }
        walk_all(query, limits[i / 32]);
    }
}

static void a_page_walk_is_stable_while_tokens_come_and_go(void **state)
{
    (void)state;
    static struct token_view expected[COUNT + 50];
    struct token_query query = {.family = TOKEN_PLATFORM, .tenant_ref = tenant_ref, .descending = true};
    size_t count = expected_list(&query, expected);
    size_t seen = 0;
    struct caller root;
    rig_root_caller(&root);
    for (;;) {
        service_list(&query, 10, &page);
        for (size_t i = 0; i < page.count; i++) {
            assert_int_equal(page.refs[i],
                             expected[seen + i].ref); /* none twice, none left out, no newcomer */
        }
        seen += page.count;
        if (!page.has_more) {
            break;
        }
        stand_at(&query, &expected[seen - 1]);
        bool already;
        struct token_view token;
        assert_int_equal(
            service_revoke(&root, expected[seen - 1].ref, (struct bytes){NULL, 0}, &already, &token),
            STATUS_OK); /* the very token that the cursor names */
        make_one();
    }
    assert_int_equal(seen, count);
}

static void an_empty_list_is_empty(void **state)
{
    (void)state;
    uint32_t user = rig_user("a@b", tenant_ref, "admin");
    struct token_query query = {.family = TOKEN_JWT, .tenant_ref = tenant_ref, .user_ref = user};
    service_list(&query, 10, &page);
    assert_true(page.count == 0 && page.total == 0 && !page.has_more);
    query.backwards = true;
    query.has_position = true;
    service_list(&query, 10, &page);
    assert_true(page.count == 0 && page.total == 0 && !page.has_more);
}

static void a_list_holds_its_own_tenant_and_user_only(void **state)
{
    (void)state;
    char header[1024];
    struct token_view mine;
    struct token_view other;
    uint32_t second = rig_tenant("second");
    uint32_t user = rig_user("a@b", tenant_ref, "admin");
    uint32_t another = rig_user("c@d", tenant_ref, "admin");
    rig_jwt(user, tenant_ref, "mine", header, &mine);
    rig_jwt(user, second, "elsewhere", header, &other);
    rig_jwt(another, tenant_ref, "not mine", header, &other);
    struct token_query query = {.family = TOKEN_JWT, .tenant_ref = tenant_ref, .user_ref = user};
    service_list(&query, 10, &page);
    assert_int_equal(page.count, 1);
    assert_int_equal(page.refs[0], mine.ref);
}

#define TEST(name) cmocka_unit_test_setup(name, fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_order_and_page_size),
        TEST(a_page_walk_is_stable_while_tokens_come_and_go),
        TEST(an_empty_list_is_empty),
        TEST(a_list_holds_its_own_tenant_and_user_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Family 2 against its reference document: shapes to the byte, problems, permissions, revoking, rotation, pages.
 */
#include "api_harness.h"

/* Texts that must outlive the harness's rotating ones. */
static char user_id[64];
static char bearer[4096];
static char basic_all[256];
static char basic_view[256];
static char basic_transact[256];
static char basic_manage[256];

static int start(void **state)
{
    (void)state;
    appliance_start();
    strcpy(user_id, make_user("alice@example.test", "[\"withdrawal.create\",\"conversion.create\"]"));
    strcpy(bearer, make_bearer(user_id));
    strcpy(basic_all, make_basic("[\"VIEW\",\"TRANSACT\",\"MANAGE\"]"));
    strcpy(basic_view, make_basic("[\"VIEW\"]"));
    strcpy(basic_transact, make_basic("[\"TRANSACT\"]"));
    strcpy(basic_manage, make_basic("[\"MANAGE\"]"));
    return 0;
}

static struct reply platform(const char *method, const char *path, const char *authorization,
                             const char *body)
{
    return SEND(.method = method, .path = path, .authorization = authorization, .body = body);
}

#define OPERATIONS "{\"name\":\"Operations token\",\"permissions\":[\"VIEW\",\"TRANSACT\",\"MANAGE\"]}"

static void test_platform_shape(void **state)
{
    (void)state;
    struct reply reply = platform("POST", "/tokens", basic_all, OPERATIONS);
    assert_fits(
        &reply, 201,
        "{\"id\":\"Token:~\",\"clientId\":\"~\",\"clientSecret\":\"~\",\"name\":\"Operations token\","
        "\"permissions\":[\"VIEW\",\"TRANSACT\",\"MANAGE\"],\"createdAt\":\"~Z\",\"updatedAt\":\"~Z\"}");
    assert_int_equal(strlen(reply_text(&reply, "id")), 6 + 36);
    assert_int_equal(strlen(reply_text(&reply, "clientId")), 32);
    assert_int_equal(strlen(reply_text(&reply, "clientSecret")), 36);
    char id[64];
    strcpy(id, reply_text(&reply, "id"));
    char secret[64];
    strcpy(secret, reply_text(&reply, "clientSecret"));
    const char *const forms[] = {id, id + 6, text_of("Token%%3A%s", id + 6), text_of("Token%%3a%s", id + 6)};
    for (size_t i = 0; i < 4; i++) {
        struct reply get = platform("GET", text_of("/tokens/%s", forms[i]), basic_view, NULL);
        assert_fits(
            &get, 200,
            text_of(
                "{\"id\":\"%s\",\"name\":\"Operations token\","
                "\"permissions\":[\"VIEW\",\"TRANSACT\",\"MANAGE\"],\"clientId\":\"~\",\"createdAt\":\"~Z\","
                "\"updatedAt\":\"~Z\",\"status\":\"ACTIVE\",\"revokedAt\":null}",
                id));
        assert_null(strstr(get.body, secret));
    }
    /* The user name may be the bare uuid of the Token id. */
    struct reply by_id = platform("GET", "/tokens", basic_of(id + 6, secret), NULL);
    assert_int_equal(by_id.status, 200);
}

static void test_platform_order_and_fold(void **state)
{
    (void)state;
    struct reply reply =
        platform("POST", "/tokens", basic_all,
                 "{\"permissions\":[\"MANAGE\",\"VIEW\",\"MANAGE\",\"VIEW\"],\"name\":\"x\",\"more\":1}");
    assert_int_equal(reply.status, 201);
    assert_string_equal(reply_text(&reply, "permissions"), "[\"VIEW\",\"MANAGE\"]");
}

static void test_platform_optional_members(void **state)
{
    (void)state;
    struct reply reply =
        platform("POST", "/tokens", basic_all,
                 "{\"name\":\"x\",\"permissions\":[\"VIEW\"],\"expiresAt\":\"2026-03-01T01:30:00.5+01:30\","
                 "\"allowedCidrs\":[\"192.0.2.0/24\",\"2001:DB8::/32\",\"198.51.100.7\"]}");
    assert_int_equal(reply.status, 201);
    assert_string_equal(reply_text(&reply, "expiresAt"), "2026-03-01T00:00:00Z");
    assert_string_equal(reply_text(&reply, "allowedCidrs"),
                        "[\"192.0.2.0/24\",\"2001:db8::/32\",\"198.51.100.7/32\"]");
    struct reply used = platform(
        "GET", "/tokens", basic_of(reply_text(&reply, "clientId"), reply_text(&reply, "clientSecret")), NULL);
    assert_int_equal(used.status, 200);
    struct reply far =
        platform("POST", "/tokens", basic_all,
                 "{\"name\":\"x\",\"permissions\":[\"VIEW\"],\"allowedCidrs\":[\"10.0.0.0/8\"]}");
    struct reply refused = platform(
        "GET", "/tokens", basic_of(reply_text(&far, "clientId"), reply_text(&far, "clientSecret")), NULL);
    assert_int_equal(refused.status, 401);
}

/* Body, then "field constraint" of each error wanted. */
static void test_platform_bad_bodies(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", "body required"},
        {"{", "body json"},
        {"[]", "body type"},
        {"\"x\"", "body type"},
        {"{}", "name required,permissions required"},
        {"{\"name\":1,\"permissions\":{}}", "name type,permissions type"},
        {"{\"name\":null,\"permissions\":null}", "name type,permissions type"},
        {"{\"name\":true,\"permissions\":true}", "name type,permissions type"},
        {"{\"name\":[],\"permissions\":\"VIEW\"}", "name type,permissions type"},
        {"{\"name\":{},\"permissions\":1}", "name type,permissions type"},
        {"{\"name\":\"\",\"permissions\":[]}", "name length,permissions minItems"},
        {"{\"name\":\"x\",\"permissions\":[\"view\"]}", "permissions enum"},
        {"{\"name\":\"x\",\"permissions\":[\"VIEW\",1,null]}", "permissions enum,permissions enum"},
        {"{\"name\":\"x\",\"permissions\":[\"VIEW\"],\"expiresAt\":1}", "expiresAt type"},
        {"{\"name\":\"x\",\"permissions\":[\"VIEW\"],\"expiresAt\":\"tomorrow\"}", "expiresAt format"},
        {"{\"name\":\"x\",\"permissions\":[\"VIEW\"],\"expiresAt\":\"2025-01-01T00:00:00Z\"}",
         "expiresAt future"},
        {"{\"name\":\"x\",\"permissions\":[\"VIEW\"],\"expiresAt\":\"2106-02-07T06:28:16Z\"}",
         "expiresAt future"},
        {"{\"name\":\"x\",\"permissions\":[\"VIEW\"],\"allowedCidrs\":\"10.0.0.0/8\"}", "allowedCidrs type"},
        {"{\"name\":\"x\",\"permissions\":[\"VIEW\"],\"allowedCidrs\":[]}", "allowedCidrs items"},
        {"{\"name\":\"x\",\"permissions\":[\"VIEW\"],\"allowedCidrs\":[1,\"10.0.0.1/8\"]}",
         "allowedCidrs format,allowedCidrs format"},
        {"{\"name\":\"\",\"permissions\":[\"X\"],\"expiresAt\":\"\",\"allowedCidrs\":[\"x\"]}",
         "name length,permissions enum,expiresAt format,allowedCidrs format"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct reply reply = platform("POST", "/tokens", basic_all, rows[i][0]);
        char found[1024] = "";
        assert_int_equal(reply.status, 400);
        assert_string_equal(reply_text(&reply, "code"), "INVALID_INPUT");
        assert_string_equal(reply_text(&reply, "status"), "400");
        cJSON *root = read_json(reply.body);
        const cJSON *error;
        cJSON_ArrayForEach(error, cJSON_GetObjectItem(cJSON_GetObjectItem(root, "details"), "errors"))
        {
            sprintf(found + strlen(found), "%s%s %s", found[0] != 0 ? "," : "",
                    cJSON_GetObjectItem(error, "field")->valuestring,
                    cJSON_GetObjectItem(error, "constraint")->valuestring);
            assert_true(strlen(cJSON_GetObjectItem(error, "message")->valuestring) > 0);
        }
        cJSON_Delete(root);
        assert_string_equal(found, rows[i][1]);
    }
}

static void test_platform_permissions(void **state)
{
    (void)state;
    char id[64];
    struct reply made = platform("POST", "/tokens", basic_all, OPERATIONS);
    strcpy(id, reply_text(&made, "id"));
    const char *one = text_of("/tokens/%s", id);
    assert_int_equal(platform("POST", "/tokens", basic_view, OPERATIONS).status, 403);
    assert_int_equal(platform("POST", "/tokens", basic_transact, "{").status, 403);
    assert_int_equal(platform("GET", "/tokens", basic_manage, NULL).status, 403);
    assert_int_equal(platform("GET", one, basic_manage, NULL).status, 403);
    assert_int_equal(platform("DELETE", one, basic_view, NULL).status, 403);
    assert_int_equal(platform("POST", text_of("%s/revoke", one), basic_transact, NULL).status, 403);
    assert_int_equal(platform("POST", text_of("%s/rotate", one), basic_view, NULL).status, 403);
    assert_int_equal(platform("GET", "/tokens", bearer, NULL).status, 401);
    /* A creator grants what it holds, and no more; rotating is as good as creating. */
    struct reply more = platform("POST", "/tokens", basic_manage, OPERATIONS);
    assert_int_equal(more.status, 403);
    assert_string_equal(reply_text(&more, "code"), "FORBIDDEN");
    assert_int_equal(
        platform("POST", "/tokens", basic_manage, "{\"name\":\"x\",\"permissions\":[\"MANAGE\"]}").status,
        201);
    assert_int_equal(platform("POST", text_of("%s/rotate", one), basic_manage, NULL).status, 403);
}

static void test_platform_revoke(void **state)
{
    (void)state;
    char id[64];
    char own[256];
    char first[2048];
    struct reply made = platform("POST", "/tokens", basic_all, OPERATIONS);
    strcpy(id, reply_text(&made, "id"));
    strcpy(own, basic_of(reply_text(&made, "clientId"), reply_text(&made, "clientSecret")));
    appliance_wait_s(5);
    struct reply revoked = platform("POST", text_of("/tokens/%s/revoke", id), basic_manage, NULL);
    assert_int_equal(revoked.status, 200);
    assert_string_equal(reply_text(&revoked, "status"), "REVOKED");
    assert_string_equal(reply_text(&revoked, "updatedAt"), reply_text(&revoked, "revokedAt"));
    assert_null(strstr(revoked.body, "clientSecret"));
    strcpy(first, revoked.body);
    assert_int_equal(platform("GET", "/tokens", own, NULL).status, 401);
    appliance_wait_s(5);
    struct reply again = platform("POST", text_of("/tokens/%s/revoke", id), basic_manage, NULL);
    assert_string_equal(again.body, first);
    struct reply got = platform("GET", text_of("/tokens/%s", id), basic_view, NULL);
    assert_string_equal(got.body, first);
    assert_int_equal(platform("DELETE", text_of("/tokens/%s", id), basic_manage, NULL).status, 204);
    assert_int_equal(platform("POST", text_of("/tokens/%s/rotate", id), basic_all, NULL).status, 409);
}

static void test_platform_root(void **state)
{
    (void)state;
    char id[64] = "";
    struct reply list = platform("GET", "/tokens?name=root", appliance.root, NULL);
    strcpy(id, reply_text(&list, "data.0.id"));
    struct reply revoke = platform("POST", text_of("/tokens/%s/revoke", id), basic_all, NULL);
    assert_int_equal(revoke.status, 403);
    assert_string_equal(reply_text(&revoke, "code"), "TOKEN_NOT_REVOCABLE");
    struct reply deleted = platform("DELETE", text_of("/tokens/%s", id), appliance.root, NULL);
    assert_string_equal(reply_text(&deleted, "code"), "TOKEN_NOT_REVOCABLE");
    assert_int_equal(platform("POST", text_of("/tokens/%s/rotate", id), basic_all, NULL).status, 403);
    struct reply rotated =
        platform("POST", text_of("/tokens/%s/rotate", id), appliance.root, "{\"overlapSeconds\":0}");
    assert_int_equal(rotated.status, 200);
    char fresh[256];
    strcpy(fresh, basic_of(appliance.client_id, reply_text(&rotated, "clientSecret")));
    assert_int_equal(platform("GET", "/tokens", appliance.root, NULL).status, 401);
    assert_int_equal(platform("GET", "/tokens", fresh, NULL).status, 200);
    strcpy(appliance.root, fresh);
}

static void test_platform_rotate(void **state)
{
    (void)state;
    char id[64];
    char client[64];
    char old[256];
    struct reply made = platform("POST", "/tokens", basic_all, OPERATIONS);
    strcpy(id, reply_text(&made, "id"));
    strcpy(client, reply_text(&made, "clientId"));
    strcpy(old, basic_of(client, reply_text(&made, "clientSecret")));
    static const char *const bad[] = {"{\"overlapSeconds\":-1}",
                                      "{\"overlapSeconds\":604801}",
                                      "{\"overlapSeconds\":1.5}",
                                      "{\"overlapSeconds\":\"1\"}",
                                      "[]",
                                      "{"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(platform("POST", text_of("/tokens/%s/rotate", id), basic_all, bad[i]).status, 400);
    }
    struct reply rotated =
        platform("POST", text_of("/tokens/%s/rotate", id), basic_all, "{\"overlapSeconds\":60}");
    assert_fits(
        &rotated, 200,
        text_of(
            "{\"id\":\"%s\",\"clientId\":\"%s\",\"clientSecret\":\"~\",\"name\":\"Operations token\","
            "\"permissions\":[\"VIEW\",\"TRANSACT\",\"MANAGE\"],\"createdAt\":\"~Z\",\"updatedAt\":\"~Z\"}",
            id, client));
    char fresh[256];
    strcpy(fresh, basic_of(client, reply_text(&rotated, "clientSecret")));
    assert_int_equal(platform("GET", "/tokens", fresh, NULL).status, 200);
    assert_int_equal(platform("GET", "/tokens", old, NULL).status, 200);
    appliance_wait_s(60);
    assert_int_equal(platform("GET", "/tokens", old, NULL).status, 401);
    assert_int_equal(platform("GET", "/tokens", fresh, NULL).status, 200);
    assert_int_equal(
        platform("POST", text_of("/tokens/%s/rotate", id), basic_all, "{\"overlapSeconds\":604800}").status,
        200);
}

static void test_platform_pages(void **state)
{
    (void)state;
    char cursor[256] = "";
    char names[256] = "";
    for (int i = 0; i < 5; i++) {
        assert_int_equal(platform("POST", "/tokens", basic_all,
                                  text_of("{\"name\":\"page%c\",\"permissions\":[\"VIEW\"]}", 'a' + i))
                             .status,
                         201);
    }
    do {
        struct reply page =
            platform("GET", text_of("/tokens?name=page&limit=2&cursor=%s", cursor), basic_view, NULL);
        assert_int_equal(page.status, 200);
        assert_string_equal(reply_text(&page, "totalCount"), "5");
        assert_null(strstr(page.body, "clientSecret"));
        cJSON *root = read_json(page.body);
        const cJSON *item;
        cJSON_ArrayForEach(item, cJSON_GetObjectItem(root, "data"))
        {
            assert_int_equal(cJSON_GetArraySize(item), 6);
            strcat(names, cJSON_GetObjectItem(item, "name")->valuestring + 4);
        }
        cJSON_Delete(root);
        strcpy(cursor, reply_text(&page, "nextCursor"));
        assert_string_equal(reply_text(&page, "hasMore"), cursor[0] != 0 ? "true" : "false");
    } while (cursor[0] != 0);
    assert_string_equal(names, "abcde");
    static const char *const bad[] = {"limit=0",   "limit=101", "limit=x",  "limit=",  "limit=-1",
                                      "limit=1.0", "cursor=x",  "name=%zz", "name=%ff"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct reply reply = platform("GET", text_of("/tokens?%s", bad[i]), basic_view, NULL);
        assert_int_equal(reply.status, 400);
        assert_string_equal(reply_text(&reply, "code"), "INVALID_INPUT");
    }
    assert_int_equal(platform("GET", "/tokens?limit=100", basic_view, NULL).status, 200);
}

static void test_platform_strangers(void **state)
{
    (void)state;
    static const char *const ids[] = {"Token:01947d22-8405-7f89-8000-e63bca4810df",
                                      "01947d22-8405-7f89-8000-e63bca4810df",
                                      "x",
                                      "Token:",
                                      "token:x",
                                      "%41"};
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct reply reply = platform("GET", text_of("/tokens/%s", ids[i]), basic_view, NULL);
        assert_int_equal(reply.status, 404);
        assert_string_equal(reply_text(&reply, "code"), "TOKEN_NOT_FOUND");
        assert_int_equal(platform("DELETE", text_of("/tokens/%s", ids[i]), basic_manage, NULL).status, 404);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_platform_shape),
        cmocka_unit_test(test_platform_order_and_fold),
        cmocka_unit_test(test_platform_optional_members),
        cmocka_unit_test(test_platform_bad_bodies),
        cmocka_unit_test(test_platform_permissions),
        cmocka_unit_test(test_platform_revoke),
        cmocka_unit_test(test_platform_root),
        cmocka_unit_test(test_platform_rotate),
        cmocka_unit_test(test_platform_pages),
        cmocka_unit_test(test_platform_strangers),
    };
    return cmocka_run_group_tests_name("api_%s", tests, start, NULL);
}

/*
 * Family 1 against its reference document: shapes to the byte, callers, the cap of ten, revoking, pages and cursors.
 */
#include "api_harness.h"

/* Texts that must outlive the harness's rotating ones. */
static char user_id[64];
static char bearer[4096];
static char basic_all[256];

static int start(void **state)
{
    (void)state;
    appliance_start();
    strcpy(user_id, make_user("alice@example.test", "[\"withdrawal.create\",\"conversion.create\"]"));
    strcpy(bearer, make_bearer(user_id));
    strcpy(basic_all, make_basic("[\"VIEW\",\"TRANSACT\",\"MANAGE\"]"));
    return 0;
}

static struct reply jwt(const char *method, const char *path, const char *authorization, const char *business,
                        const char *body)
{
    return SEND(.method = method, .path = path, .authorization = authorization, .business = business,
                .body = body);
}

static void test_jwt_shape(void **state)
{
    (void)state;
    struct reply reply = jwt("POST", "/api/v1/tokens", bearer, appliance.tenant, "{\"name\":\"string\"}");
    assert_fits(
        &reply, 201,
        "{\"token\":\"dz_~\",\"token_info\":{\"id\":\"~\",\"jti\":\"~\",\"name\":\"string\",\"description\":"
        "null,"
        "\"token_prefix\":\"dz_eyJhbGc...\",\"token_type\":\"api\",\"created_at\":\"~Z\","
        "\"last_used_at\":null,\"expires_at\":\"~Z\",\"revoked_at\":null,\"revocation_reason\":null}}");
    assert_memory_equal(reply_text(&reply, "token"), "dz_eyJhbGc", 10);
    struct reply used = jwt("GET", "/api/v1/tokens", text_of("Bearer %s", reply_text(&reply, "token")),
                            appliance.tenant, NULL);
    assert_int_equal(used.status, 200);
    assert_string_equal(reply_text(&used, "items.0.name"), "string");
    assert_string_not_equal(reply_text(&used, "items.0.last_used_at"), "null");
}

static void test_jwt_callers(void **state)
{
    (void)state;
    struct reply none = jwt("GET", "/api/v1/tokens", NULL, appliance.tenant, NULL);
    assert_json(&none, 401, "{\"detail\":\"Not authenticated\"}");
    struct reply no_business = jwt("GET", "/api/v1/tokens", bearer, NULL, NULL);
    assert_json(&no_business, 401, "{\"detail\":\"Not authenticated\"}");
    struct reply bad_business = jwt("GET", "/api/v1/tokens", bearer, "YOUR_BUSINESS_ID", NULL);
    assert_json(&bad_business, 400, "{\"detail\":\"Invalid request parameters\"}");
    struct reply empty_business = jwt("GET", "/api/v1/tokens", bearer, "", NULL);
    assert_json(&empty_business, 400, "{\"detail\":\"Invalid request parameters\"}");
    struct reply other = jwt("GET", "/api/v1/tokens", bearer, "01947d22-8405-7f89-8000-e63bca4810df", NULL);
    assert_json(&other, 403, "{\"detail\":\"Not enough permissions\"}");
    struct reply basic = jwt("GET", "/api/v1/tokens", basic_all, appliance.tenant, NULL);
    assert_json(&basic, 401, "{\"detail\":\"Not authenticated\"}");
    /* 401 comes before 422 and before the body is looked at. */
    struct reply early = jwt("POST", "/api/v1/tokens", NULL, appliance.tenant, "{");
    assert_int_equal(early.status, 401);
}

static void test_jwt_cap(void **state)
{
    (void)state;
    char other[4096];
    char ids[10][64];
    strcpy(other, make_bearer(make_user("ten@example.test", "[]")));
    for (int i = 1; i < 10; i++) {
        struct reply reply =
            jwt("POST", "/api/v1/tokens", other, appliance.tenant, text_of("{\"name\":\"n%d\"}", i));
        assert_int_equal(reply.status, 201);
        strcpy(ids[i], reply_text(&reply, "token_info.id"));
    }
    struct reply full = jwt("POST", "/api/v1/tokens", other, appliance.tenant, "{\"name\":\"eleventh\"}");
    assert_json(&full, 400, "{\"detail\":\"Maximum of 10 active tokens reached\"}");
    struct reply revoked = jwt("POST", text_of("/api/v1/tokens/%s/revoke", ids[1]), other, appliance.tenant,
                               "{\"reason\":\"room\"}");
    assert_int_equal(revoked.status, 201);
    struct reply again = jwt("POST", "/api/v1/tokens", other, appliance.tenant, "{\"name\":\"tenth\"}");
    assert_int_equal(again.status, 201);
}

static void test_jwt_revoke(void **state)
{
    (void)state;
    char id[64];
    char token[4096];
    struct reply made = jwt("POST", "/api/v1/tokens", bearer, appliance.tenant, "{\"name\":\"short\"}");
    strcpy(id, reply_text(&made, "token_info.id"));
    sprintf(token, "Bearer %s", reply_text(&made, "token"));
    const char *path = text_of("/api/v1/tokens/%s/revoke", id);
    struct reply bad = jwt("POST", path, bearer, appliance.tenant, "{\"reason\":7}");
    assert_json(&bad, 422,
                "{\"detail\":[{\"type\":\"string_type\",\"loc\":[\"body\",\"reason\"],"
                "\"msg\":\"Input should be a valid string\",\"input\":7}]}");
    struct reply reply = jwt("POST", path, bearer, appliance.tenant, "{\"reason\":\"lost it\"}");
    assert_fits(&reply, 201,
                text_of("{\"id\":\"%s\",\"jti\":\"~\",\"name\":\"short\",\"revoked_at\":\"~Z\","
                        "\"revoked_by\":\"alice@example.test\",\"revocation_reason\":\"lost it\"}",
                        id));
    struct reply again = jwt("POST", path, bearer, appliance.tenant, NULL);
    assert_json(&again, 400, "{\"detail\":\"Token is already revoked\"}");
    struct reply dead = jwt("GET", "/api/v1/tokens", token, appliance.tenant, NULL);
    assert_int_equal(dead.status, 401);
    struct reply hidden = jwt("GET", "/api/v1/tokens?limit=1000", bearer, appliance.tenant, NULL);
    assert_null(strstr(hidden.body, id));
    struct reply shown = jwt("GET", "/api/v1/tokens?include_revoked=1", bearer, appliance.tenant, NULL);
    assert_non_null(strstr(shown.body, id));
    assert_non_null(strstr(shown.body, "\"revocation_reason\":\"lost it\""));
}

static void test_jwt_revoke_strangers(void **state)
{
    (void)state;
    char other[4096];
    char id[64];
    strcpy(other, make_bearer(make_user("bob@example.test", "[]")));
    struct reply made = jwt("POST", "/api/v1/tokens", other, appliance.tenant, "{\"name\":\"bob's\"}");
    strcpy(id, reply_text(&made, "token_info.id"));
    const char *const ids[] = {id, "01947d22-8405-7f89-8000-e63bca4810df", "x", "%41"};
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct reply reply =
            jwt("POST", text_of("/api/v1/tokens/%s/revoke", ids[i]), bearer, appliance.tenant, NULL);
        assert_json(&reply, 404, "{\"detail\":\"Not Found\"}");
    }
    struct reply own = jwt("POST", text_of("/api/v1/tokens/%s/revoke", id), other, appliance.tenant, NULL);
    assert_int_equal(own.status, 201);
    assert_string_equal(reply_text(&own, "revocation_reason"), "null");
}

/* Names of a page's items, joined. */
static const char *names_of(const struct reply *reply)
{
    static char names[1024];
    names[0] = 0;
    cJSON *root = read_json(reply->body);
    const cJSON *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItem(root, "items"))
    {
        strcat(names, cJSON_GetObjectItem(item, "name")->valuestring);
    }
    cJSON_Delete(root);
    return names;
}

static void test_jwt_pages(void **state)
{
    (void)state;
    static const char *const sorts[] = {"created_at", "name", "expires_at", "last_used_at"};
    char other[4096];
    char cursor[2048];
    strcpy(other, make_bearer(make_user("pages@example.test", "[]")));
    for (int i = 0; i < 7; i++) {
        struct reply reply = jwt("POST", "/api/v1/tokens", other, appliance.tenant,
                                 text_of("{\"name\":\"%c\",\"expires_in_days\":%d}", 'a' + i, 10 + i));
        assert_int_equal(reply.status, 201);
    }
    for (size_t s = 0; s < 4; s++) {
        for (int descending = 0; descending < 2; descending++) {
            char forward[64] = "";
            char backward[64] = "";
            char whole[64];
            char base[128];
            sprintf(base, "/api/v1/tokens?sort_by=%s&descending=%d&limit=", sorts[s], descending);
            struct reply all =
                jwt("GET", text_of("%s50&include_total_count=1", base), other, appliance.tenant, NULL);
            strcpy(whole, names_of(&all));
            assert_string_equal(reply_text(&all, "total"), "8");
            assert_string_equal(reply_text(&all, "has_next"), "false");
            assert_string_equal(reply_text(&all, "has_prev"), "false");
            assert_string_equal(reply_text(&all, "next_cursor"), "null");
            struct reply page = jwt("GET", text_of("%s3", base), other, appliance.tenant, NULL);
            assert_string_equal(reply_text(&page, "total"), "null");
            strcat(forward, names_of(&page));
            while (strcmp(reply_text(&page, "has_next"), "true") == 0) {
                strcpy(cursor, reply_text(&page, "next_cursor"));
                page = jwt("GET", text_of("%s3&cursor=%s", base, cursor), other, appliance.tenant, NULL);
                assert_string_equal(reply_text(&page, "has_prev"), "true");
                strcat(forward, names_of(&page));
            }
            assert_string_equal(forward, whole);
            strcpy(backward, names_of(&page));
            while (strcmp(reply_text(&page, "has_prev"), "true") == 0) {
                strcpy(cursor, reply_text(&page, "prev_cursor"));
                page = jwt("GET", text_of("%s3&direction=prev&cursor=%s", base, cursor), other,
                           appliance.tenant, NULL);
                assert_string_equal(reply_text(&page, "has_next"), "true");
                strcpy(backward, text_of("%s%s", names_of(&page), backward));
            }
            assert_string_equal(backward, whole);
        }
    }
}

/* A cursor is good for its own list only, and unchanged. */
static void test_jwt_cursors(void **state)
{
    (void)state;
    char cursor[2048];
    char other[4096];
    strcpy(other, make_bearer(make_user("cursors@example.test", "[]")));
    for (int i = 0; i < 3; i++) {
        (void)jwt("POST", "/api/v1/tokens", other, appliance.tenant, "{\"name\":\"n\"}");
    }
    struct reply page = jwt("GET", "/api/v1/tokens?limit=1", other, appliance.tenant, NULL);
    strcpy(cursor, reply_text(&page, "next_cursor"));
    struct reply good =
        jwt("GET", text_of("/api/v1/tokens?cursor=%s", cursor), other, appliance.tenant, NULL);
    assert_int_equal(good.status, 200);
    const char *const bad[] = {
        text_of("/api/v1/tokens?sort_by=name&cursor=%s", cursor),
        text_of("/api/v1/tokens?descending=0&cursor=%s", cursor),
        text_of("/api/v1/tokens?include_revoked=1&cursor=%s", cursor),
        text_of("/api/v1/tokens?cursor=%sAAAA", cursor),
        text_of("/api/v1/tokens?cursor=%s", cursor + 4),
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct reply reply = jwt("GET", bad[i], other, appliance.tenant, NULL);
        assert_json(&reply, 400, "{\"detail\":\"Invalid request parameters\"}");
    }
    struct reply foreign =
        jwt("GET", text_of("/api/v1/tokens?cursor=%s", cursor), bearer, appliance.tenant, NULL);
    assert_int_equal(foreign.status, 400);
    for (size_t i = 0; i < strlen(cursor); i++) {
        char changed[2048];
        strcpy(changed, cursor);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        struct reply reply =
            jwt("GET", text_of("/api/v1/tokens?cursor=%s", changed), other, appliance.tenant, NULL);
        assert_int_equal(reply.status, 400);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jwt_shape),
        cmocka_unit_test(test_jwt_callers),
        cmocka_unit_test(test_jwt_cap),
        cmocka_unit_test(test_jwt_revoke),
        cmocka_unit_test(test_jwt_revoke_strangers),
        cmocka_unit_test(test_jwt_pages),
        cmocka_unit_test(test_jwt_cursors),
    };
    return cmocka_run_group_tests_name("api_%s", tests, start, NULL);
}

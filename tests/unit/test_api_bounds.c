/*
 * Both sides of the bounds of what a body may list, and of how many problems are told at once.
 */
#include "api_harness.h"

static int start(void **state)
{
    (void)state;
    appliance_start();
    return 0;
}

/* ["<first>", ...], each by its number; one of the rotating texts. */
static const char *list_of(size_t count, const char *(*item)(size_t number))
{
    char text[16384];
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += (size_t)snprintf(text + size, sizeof(text) - size, "%s\"%s\"", i > 0 ? "," : "", item(i));
        assert_true(size < sizeof(text));
    }
    return text_of("[%s]", text);
}

static struct reply root(const char *method, const char *path, const char *body)
{
    return SEND(.method = method, .path = path, .authorization = appliance.root, .body = body);
}

/* Refused for this member alone, and for the number of its items. */
static void assert_too_many(const struct reply *reply, const char *field)
{
    assert_int_equal(reply->status, 400);
    assert_string_equal(reply_text(reply, "code"), "INVALID_INPUT");
    assert_non_null(strstr(reply->body, text_of("[{\"field\":\"%s\",\"constraint\":\"items\"", field)));
    assert_null(strstr(reply->body, "},{"));
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (; (text = strstr(text, part)) != NULL; text += strlen(part)) {
        count++;
    }
    return count;
}

/* ---- a user's lists ---- */

static char tenants[USER_TENANTS_MAX + 1][40];

static const char *tenant(size_t number)
{
    return tenants[number];
}

static const char *own_tenant(size_t number)
{
    (void)number;
    return appliance.tenant;
}

static const char *capability(size_t number) /* of 64 bytes */
{
    return text_of("a.%0*zu", CAPABILITY_MAX_BYTES - 2, number);
}

static const char *long_capability(size_t number)
{
    return text_of("a.%0*zu", CAPABILITY_MAX_BYTES - 1, number);
}

static struct reply create_user(const char *tenant_list, const char *capability_list)
{
    return root("POST", "/admin/v1/users",
                text_of("{\"email\":\"u@example.test\",\"tenants\":%s,\"capabilities\":%s}", tenant_list,
                        capability_list));
}

static void test_users(void **state)
{
    (void)state;
    for (size_t i = 0; i <= USER_TENANTS_MAX; i++) {
        struct reply made = root("POST", "/admin/v1/tenants", "{\"name\":\"t\"}");
        strcpy(tenants[i], reply_text(&made, "id"));
    }
    struct reply reply = create_user(list_of(USER_TENANTS_MAX + 1, tenant), "[]");
    assert_too_many(&reply, "tenants");
    reply = create_user(list_of(USER_TENANTS_MAX + 1, own_tenant), "[]"); /* as sent, not as folded */
    assert_too_many(&reply, "tenants");
    reply = create_user(list_of(1, own_tenant), list_of(USER_CAPABILITIES_MAX + 1, capability));
    assert_too_many(&reply, "capabilities");
    reply = create_user(list_of(1, own_tenant), list_of(1, long_capability));
    assert_int_equal(reply.status, 400);
    reply = create_user(list_of(USER_TENANTS_MAX, tenant), list_of(USER_CAPABILITIES_MAX, capability));
    assert_int_equal(reply.status, 201);
    char path[80];
    snprintf(path, sizeof(path), "/admin/v1/users/%s", reply_text(&reply, "id"));
    reply = root("PATCH", path, text_of("{\"tenants\":%s}", list_of(USER_TENANTS_MAX + 1, tenant)));
    assert_too_many(&reply, "tenants");
    for (int round = 0; round < 2; round++) {
        reply = root("GET", path, NULL);
        assert_int_equal(reply.status, 200);
        for (size_t i = 0; i < USER_TENANTS_MAX; i++) {
            assert_int_equal(count_of(reply.body, tenants[i]), 1);
        }
        assert_int_equal(count_of(reply.body, tenants[USER_TENANTS_MAX]), 0);
        for (size_t i = 0; i < USER_CAPABILITIES_MAX; i++) {
            assert_int_equal(count_of(reply.body, capability(i)), 1);
        }
        appliance_reboot();
    }
}

/* ---- a token's address ranges ---- */

static const char *range(size_t number)
{
    return text_of("198.51.%zu.0/24", number);
}

static struct reply create_token(size_t range_count)
{
    return root("POST", "/tokens",
                text_of("{\"name\":\"n\",\"permissions\":[\"VIEW\"],\"allowedCidrs\":%s}",
                        list_of(range_count, range)));
}

static void test_ranges(void **state)
{
    (void)state;
    struct reply reply = create_token(TOKEN_CIDRS_MAX + 1);
    assert_too_many(&reply, "allowedCidrs");
    reply = create_token(0);
    assert_too_many(&reply, "allowedCidrs");
    reply = create_token(TOKEN_CIDRS_MAX);
    assert_int_equal(reply.status, 201);
    char basic[256];
    strcpy(basic, basic_of(reply_text(&reply, "clientId"), reply_text(&reply, "clientSecret")));
    for (int round = 0; round < 2; round++) {
        for (uint8_t i = 0; i <= TOKEN_CIDRS_MAX; i++) {
            send_from =
                (struct api_peer){{[10] = 0xff, [11] = 0xff, [12] = 198, [13] = 51, [14] = i, [15] = 9}};
            assert_int_equal(SEND(.path = "/tokens", .authorization = basic).status,
                             i < TOKEN_CIDRS_MAX ? 200 : 401);
        }
        send_from = (struct api_peer){{[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 1}};
        appliance_reboot();
    }
}

/* ---- problems ---- */

static const char *wrong_label(size_t number)
{
    return text_of("x%zu", number);
}

static void assert_problems(size_t wrong, size_t told)
{
    struct reply reply =
        root("POST", "/tokens", text_of("{\"name\":\"n\",\"permissions\":%s}", list_of(wrong, wrong_label)));
    assert_int_equal(reply.status, 400);
    assert_int_equal(count_of(reply.body, "\"field\":"), told);
    cJSON_Delete(read_json(reply.body));
}

static void test_problems(void **state)
{
    (void)state;
    assert_problems(API_PROBLEMS_MAX - 1, API_PROBLEMS_MAX - 1);
    assert_problems(API_PROBLEMS_MAX, API_PROBLEMS_MAX);
    assert_problems(API_PROBLEMS_MAX + 1, API_PROBLEMS_MAX);
    assert_problems(2000, API_PROBLEMS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_users, start),
        cmocka_unit_test_setup(test_ranges, start),
        cmocka_unit_test_setup(test_problems, start),
    };
    return cmocka_run_group_tests_name("api_bounds", tests, NULL, NULL);
}

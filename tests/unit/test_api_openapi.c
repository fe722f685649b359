/*
 * The OpenAPI text is well-formed, and describes exactly the routes that there are.
 */
#include "api_harness.h"

#include "api/routes.h"

static cJSON *document;

static int start(void **state)
{
    (void)state;
    appliance_start();
    struct reply reply = SEND(.path = "/openapi.json");
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.response->content_type, "application/json");
    assert_null(strchr(reply.body, '\n'));
    document = read_json(reply.body);
    assert_non_null(document);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    cJSON_Delete(document);
    return 0;
}

static const cJSON *paths(void)
{
    return cJSON_GetObjectItemCaseSensitive(document, "paths");
}

static const char *method_name(enum http_method method)
{
    static const char *const names[] = {
        [HTTP_GET] = "get", [HTTP_POST] = "post", [HTTP_PATCH] = "patch", [HTTP_DELETE] = "delete"};
    assert_true(method == HTTP_GET || method == HTTP_POST || method == HTTP_PATCH || method == HTTP_DELETE);
    return names[method];
}

static void test_every_route_is_described(void **state)
{
    (void)state;
    assert_string_equal(cJSON_GetObjectItem(document, "openapi")->valuestring, "3.1.0");
    for (size_t i = 0; route_at(i) != NULL; i++) {
        const cJSON *path = cJSON_GetObjectItemCaseSensitive(paths(), route_at(i)->pattern);
        const cJSON *operation =
            path != NULL ? cJSON_GetObjectItemCaseSensitive(path, method_name(route_at(i)->method)) : NULL;
        if (operation == NULL) {
            fail_msg("%s %s is not described", method_name(route_at(i)->method), route_at(i)->pattern);
        }
        const cJSON *responses = cJSON_GetObjectItem(operation, "responses");
        bool open = route_at(i)->needs == NEEDS_NOTHING;
        assert_true(open || cJSON_GetObjectItem(responses, "401") != NULL);
        assert_true(open || route_at(i)->needs == NEEDS_CALLER ||
                    cJSON_GetObjectItem(responses, "403") != NULL);
    }
}

static void test_nothing_else_is_described(void **state)
{
    (void)state;
    const cJSON *path;
    const cJSON *operation;
    const cJSON *seen[API_ROUTES_MAX];
    size_t count = 0;
    cJSON_ArrayForEach(path, paths())
    {
        cJSON_ArrayForEach(operation, path)
        {
            const cJSON *id = cJSON_GetObjectItem(operation, "operationId");
            assert_non_null(id);
            for (size_t i = 0; i < count; i++) {
                assert_string_not_equal(seen[i]->valuestring, id->valuestring);
            }
            seen[count++] = id;
        }
    }
    assert_null(route_at(count));
    assert_non_null(route_at(count - 1));
}

/* Follow "#/a/b/c". */
static const cJSON *resolve(const char *reference)
{
    char copy[128];
    const cJSON *node = document;
    assert_true(strlen(reference) < sizeof(copy) && strncmp(reference, "#/", 2) == 0);
    strcpy(copy, reference + 2);
    for (char *name = strtok(copy, "/"); name != NULL && node != NULL; name = strtok(NULL, "/")) {
        node = cJSON_GetObjectItemCaseSensitive(node, name);
    }
    return node;
}

static size_t check_references(const cJSON *node)
{
    size_t count = 0;
    const cJSON *child;
    cJSON_ArrayForEach(child, node)
    {
        if (child->string != NULL && strcmp(child->string, "$ref") == 0) {
            if (resolve(child->valuestring) == NULL) {
                fail_msg("%s leads nowhere", child->valuestring);
            }
            count++;
        }
        count += check_references(child);
    }
    return count;
}

static void test_references(void **state)
{
    (void)state;
    assert_true(check_references(document) > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_route_is_described),
        cmocka_unit_test(test_nothing_else_is_described),
        cmocka_unit_test(test_references),
    };
    return cmocka_run_group_tests_name("api_openapi", tests, start, finish);
}

/*
 * Good requests of every route, mutated: whatever comes, there is an answer in the path's dialect, no 5xx but for what the
 * parser refuses as such (501, 505), well-formed JSON, and a refused request leaves the store as it was.
 */
#include "api_harness.h"

#include "platform/sim/sim.h"
#include "store/store.h"

#define ROUNDS     1000
#define ROUNDS_ALL 10000
#define TEXT_MAX   8000

static char requests[64][TEXT_MAX];
static size_t request_count;
static uint64_t random_state = 7;

static uint32_t draw(uint32_t bound)
{
    return (uint32_t)(sim_random(&random_state) >> 33) % bound;
}

/* ---- the good requests ---- */

static void add(const char *method, const char *path, const char *authorization, const char *body)
{
    char *text = requests[request_count++];
    int size =
        snprintf(text, TEXT_MAX,
                 "%s %s HTTP/1.1\r\nHost: jeton.test\r\nAuthorization: %s\r\nx-business-id: %s\r\n"
                 "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n%s",
                 method, path, authorization, appliance.tenant,
                 strncmp(path, "/oauth", 6) == 0 ? "application/x-www-form-urlencoded" : "application/json",
                 strlen(body), body);
    assert_in_range(size, 1, TEXT_MAX - 1);
}

static void add_families(const char *bearer, const char *user)
{
    struct reply jwt = SEND(.path = "/api/v1/tokens", .authorization = bearer, .business = appliance.tenant,
                            .body = "{\"name\":\"n\"}");
    const char *jwt_id = reply_text(&jwt, "token_info.id");
    struct reply made = SEND(.path = "/tokens", .authorization = appliance.root,
                             .body = "{\"name\":\"n\",\"permissions\":[\"VIEW\"]}");
    const char *id = reply_text(&made, "id");
    struct reply action = SEND(.path = "/action-tokens", .authorization = bearer,
                               .body = "{\"action\":\"withdrawal.create\",\"withdrawal\":{}}");
    add("POST", "/action-tokens", bearer,
        "{\"action\":\"withdrawal.create\",\"withdrawal\":{\"amount\":{\"value\":\"1.50\",\"currency\":"
        "\"EUR\"}}}");
    add("POST", "/action-tokens/consume", appliance.root,
        text_of("{\"token\":\"%s\",\"actor\":\"users/"
                "%s\",\"action\":\"withdrawal.create\",\"withdrawal\":{\"a\":1}}",
                reply_text(&action, "token"), user));
    add("POST", "/api/v1/tokens", bearer, "{\"name\":\"x\",\"description\":null,\"expires_in_days\":\"30\"}");
    add("GET", "/api/v1/tokens?limit=5&sort_by=name&descending=off&include_revoked=1&direction=prev", bearer,
        "");
    add("POST", text_of("/api/v1/tokens/%s/revoke", jwt_id), bearer, "{\"reason\":\"r\"}");
    add("POST", "/tokens", appliance.root,
        "{\"name\":\"x\",\"permissions\":[\"VIEW\",\"MANAGE\"],\"expiresAt\":\"2030-01-01T00:00:00Z\","
        "\"allowedCidrs\":[\"10.0.0.0/8\",\"2001:db8::/32\"]}");
    add("GET", "/tokens?name=x&limit=10", appliance.root, "");
    add("GET", text_of("/tokens/%s", id), appliance.root, "");
    add("POST", text_of("/tokens/%s/rotate", id), appliance.root, "{\"overlapSeconds\":60}");
    add("POST", text_of("/tokens/%s/revoke", id), appliance.root, "");
    add("DELETE", text_of("/tokens/%s", id), appliance.root, "");
}

static void add_others(const char *user)
{
    add("POST", "/admin/v1/tenants", appliance.root, "{\"name\":\"t\"}");
    add("GET", "/admin/v1/tenants?limit=2", appliance.root, "");
    add("PATCH", text_of("/admin/v1/tenants/%s", appliance.tenant), appliance.root,
        "{\"name\":\"t\",\"policy\":{\"action_token_ttl_s\":60,\"actions\":{\"a.b\":{\"limits\":{\"EUR\":\"1."
        "0\"}}}}}");
    add("POST", text_of("/admin/v1/tenants/%s/tokens", appliance.tenant), appliance.root,
        "{\"name\":\"x\",\"permissions\":[\"VIEW\"]}");
    add("POST", "/admin/v1/users", appliance.root,
        text_of("{\"email\":\"m@example.test\",\"tenants\":[\"%s\"],\"capabilities\":[\"admin\"]}",
                appliance.tenant));
    add("GET", text_of("/admin/v1/users/%s", user), appliance.root, "");
    add("PATCH", text_of("/admin/v1/users/%s", user), appliance.root,
        "{\"capabilities\":[\"withdrawal.create\"]}");
    add("POST", text_of("/admin/v1/users/%s/tokens", user), appliance.root,
        text_of("{\"tenant\":\"%s\",\"name\":\"n\",\"expires_in_days\":3}", appliance.tenant));
    add("POST", "/admin/v1/revocations", appliance.root,
        "{\"family\":0,\"created_before\":\"2020-01-01T00:00:00Z\"}");
    add("POST", "/oauth/token", appliance.root, "grant_type=client_credentials");
    add("POST", "/oauth/introspect", appliance.root, "token=act_tok_x&token_type_hint=y");
    add("POST", "/oauth/revoke", appliance.root, "token=x");
    add("GET", "/verify?permission=VIEW&capability=admin", appliance.root, "");
    add("GET", "/metrics", appliance.root, "");
    add("GET", "/health/state", appliance.root, "");
}

static int start(void **state)
{
    (void)state;
    static char bearer[4096];
    static char user[64];
    appliance_start();
    strcpy(user, make_user("alice@example.test", "[\"withdrawal.create\"]"));
    strcpy(bearer, make_bearer(user));
    add_families(bearer, user);
    add_others(user);
    return 0;
}

/* ---- mutations ---- */

static size_t splice(char *text, size_t size, size_t at, size_t remove, const char *insert,
                     size_t insert_size)
{
    if (at > size) {
        at = size;
    }
    if (remove > size - at) {
        remove = size - at;
    }
    if (size - remove + insert_size >= TEXT_MAX) {
        return size;
    }
    memmove(text + at + insert_size, text + at + remove, size - at - remove);
    memcpy(text + at, insert, insert_size);
    return size - remove + insert_size;
}

static const char *const pieces[] = {"null",
                                     "true",
                                     "-0",
                                     "1e999",
                                     "1e308",
                                     "\"\"",
                                     "[]",
                                     "{}",
                                     "[[[[",
                                     "\"\\ud800\"",
                                     "\\u0000",
                                     "NaN",
                                     "\xff",
                                     "\xc3\xa9",
                                     ",",
                                     ":",
                                     "\"",
                                     "}",
                                     "%",
                                     "%00",
                                     "%zz",
                                     "&",
                                     "=",
                                     "?",
                                     "/",
                                     "..",
                                     ";",
                                     "\r\n",
                                     "\t",
                                     " ",
                                     "0",
                                     "99999999999999999999",
                                     "{\"a\":1}",
                                     "Token:",
                                     "users/",
                                     "Basic ",
                                     "Bearer dz_",
                                     "Idempotency-Key: k\r\n",
                                     "X-Request-Id: \r\n"};

static size_t mutate(char *text, size_t size)
{
    const char *piece = pieces[draw(sizeof(pieces) / sizeof(pieces[0]))];
    size_t at = draw((uint32_t)size + 1);
    switch (draw(6)) {
    case 0:
        text[at < size ? at : 0] = (char)draw(256);
        return size;
    case 1:
        return splice(text, size, at, 1 + draw(8), "", 0);
    case 2:
        return splice(text, size, at, draw(3), piece, strlen(piece));
    case 3: { /* a word of JSON becomes another */
        size_t word = at + strcspn(text + at, "\":,{}[]");
        return splice(text, size, word, 1 + strcspn(text + word + (word < size), "\":,{}[]"), piece,
                      strlen(piece));
    }
    case 4: { /* a part twice */
        char copy[64];
        size_t part = draw(sizeof(copy));
        part = part > size - at ? size - at : part;
        memcpy(copy, text + at, part);
        return splice(text, size, at, 0, copy, part);
    }
    default:
        return splice(text, size, at, draw(200), "", 0);
    }
}

/* Correct the length of the body, so that its mutation is seen by the handler and not by the parser. */
static size_t mend(char *text, size_t size)
{
    char number[16];
    char *body = memmem(text, size, "\r\n\r\n", 4);
    char *field = memmem(text, size, "Content-Length: ", 16);
    if (body == NULL || field == NULL || field > body) {
        return size;
    }
    size_t digits = strspn(field + 16, "0123456789");
    size_t body_size = size - (size_t)(body + 4 - text);
    int count = snprintf(number, sizeof(number), "%zu", body_size);
    return splice(text, size, (size_t)(field + 16 - text), digits, number, (size_t)count);
}

/* ---- the check ---- */

static void check_json(const struct reply *reply, const char *text)
{
    const char *type = reply->response->content_type;
    if (type != NULL && strcmp(type, "application/json") == 0) {
        cJSON *root = read_json(reply->body);
        if (root == NULL) {
            fail_msg("no JSON: %s\nfor %s", reply->body, text);
        }
        cJSON_Delete(root);
    }
}

static void check(const char *text, size_t size)
{
    struct reply reply;
    uint64_t before = store_newest();
    if (!send_maybe(text, size, &reply)) {
        return; /* incomplete: the connection would wait */
    }
    if (reply.status >= 500 && reply.status != 501 && reply.status != 505) {
        fail_msg("%u %s\nfor %s", reply.status, reply.body, text);
    }
    if (reply.status >= 400 && store_newest() != before) {
        fail_msg("%u, but something was written, for %s", reply.status, text);
    }
    check_json(&reply, text);
}

static void test_mutations(void **state)
{
    (void)state;
    static char text[TEXT_MAX + 1];
    for (size_t i = 0; i < ROUNDS_ALL + ROUNDS * request_count; i++) {
        size_t index = i < ROUNDS * request_count ? i / ROUNDS : draw((uint32_t)request_count);
        size_t size = strlen(strcpy(text, requests[index]));
        for (uint32_t n = 1 + draw(3); n > 0; n--) {
            size = mutate(text, size);
            text[size] = 0;
        }
        if (draw(4) > 0) {
            size = mend(text, size);
            text[size] = 0;
        }
        check(text, size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mutations),
    };
    return cmocka_run_group_tests_name("api_mutations", tests, start, NULL);
}

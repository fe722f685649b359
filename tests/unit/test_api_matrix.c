/*
 * Every route asked with every kind of credential in every state: the expected status of each cell.
 */
#include "api_harness.h"

enum column {
    NONE,      /* no Authorization */
    JUNK,      /* a credential that is none */
    USER,      /* a user's dz_ token; the user owns what family 1 is asked for, and may withdraw */
    ADMIN,     /* a user's, with the capability admin */
    USER_OFF,  /* a disabled user's */
    USER_DEAD, /* a revoked dz_ token */
    USER_LATE, /* an expired dz_ token */
    VIEW,
    TRANSACT,
    MANAGE,
    DEAD,      /* revoked, all permissions from here on */
    LATE,      /* expired */
    AWAY,      /* allowed from another address only */
    SUSPENDED, /* its tenant is suspended */
    OTHER,     /* another tenant's */
    ACCESS,    /* an access token from /oauth/token */
    ROOT,
    COLUMN_COUNT
};

static char credentials[COLUMN_COUNT][4096];
static char jwt_id[64];   /* of USER */
static char token_id[64]; /* family 2, of the root's tenant */
static char user_id[64];
static char tenant_id[64];

/* ---- the table ---- */

struct row {
    const char *method;
    const char *path; /* J, T, U, N stand for jwt_id, token_id, user_id, tenant_id */
    const char *body;
    uint16_t statuses[COLUMN_COUNT];
};

#define ACTION  "{\"action\":\"withdrawal.create\",\"withdrawal\":{}}"
#define CONSUME "{\"token\":\"x\",\"actor\":\"users/x\",\"action\":\"withdrawal.create\",\"withdrawal\":{}}"
#define VIEWER  "{\"name\":\"n\",\"permissions\":[\"VIEW\"]}"
#define MANAGER "{\"name\":\"n\",\"permissions\":[\"MANAGE\"]}"
#define NOBODY  "01947d22-8405-7f89-8000-e63bca4810df"

/* clang-format off */
static const struct row rows[] = {
    /*                                                 none junk user admin off dead late VIEW TRAN MANA dead late away susp other acce root */
    {"POST", "/action-tokens", ACTION,                {401, 401, 201, 403, 401, 401, 401, 422, 422, 422, 401, 401, 401, 409, 422, 422, 422}},
    {"POST", "/action-tokens/consume", CONSUME,       {401, 401, 403, 403, 401, 401, 401, 403, 401, 403, 401, 401, 401, 409, 401, 401, 401}},
    {"GET",  "/api/v1/tokens", NULL,                  {401, 401, 200, 200, 401, 401, 401, 401, 401, 401, 401, 401, 401, 401, 401, 403, 401}},
    {"POST", "/api/v1/tokens", "{\"name\":\"n\"}",    {401, 401, 201, 201, 401, 401, 401, 401, 401, 401, 401, 401, 401, 401, 401, 403, 401}},
    {"POST", "/api/v1/tokens", "{}",                  {401, 401, 422, 422, 401, 401, 401, 401, 401, 401, 401, 401, 401, 401, 401, 403, 401}},
    {"POST", "/api/v1/tokens/J/revoke", NULL,         {401, 401, 201, 404, 401, 401, 401, 401, 401, 401, 401, 401, 401, 401, 401, 403, 401}},
    {"GET",  "/tokens", NULL,                         {401, 401, 401, 401, 401, 401, 401, 200, 403, 403, 401, 401, 401, 401, 200, 200, 200}},
    {"POST", "/tokens", VIEWER,                       {401, 401, 401, 401, 401, 401, 401, 403, 403, 403, 401, 401, 401, 401, 201, 201, 201}},
    {"POST", "/tokens", MANAGER,                      {401, 401, 401, 401, 401, 401, 401, 403, 403, 201, 401, 401, 401, 401, 201, 201, 201}},
    {"POST", "/tokens", "{}",                         {401, 401, 401, 401, 401, 401, 401, 403, 403, 400, 401, 401, 401, 401, 400, 400, 400}},
    {"GET",  "/tokens/T", NULL,                       {401, 401, 401, 401, 401, 401, 401, 200, 403, 403, 401, 401, 401, 401, 404, 200, 200}},
    {"GET",  "/tokens/" NOBODY, NULL,                 {401, 401, 401, 401, 401, 401, 401, 404, 403, 403, 401, 401, 401, 401, 404, 404, 404}},
    {"POST", "/tokens/T/rotate", NULL,                {401, 401, 401, 401, 401, 401, 401, 403, 403, 403, 401, 401, 401, 401, 404, 200, 200}},
    {"POST", "/tokens/T/revoke", NULL,                {401, 401, 401, 401, 401, 401, 401, 403, 403, 200, 401, 401, 401, 401, 404, 200, 200}},
    {"DELETE", "/tokens/T", NULL,                     {401, 401, 401, 401, 401, 401, 401, 403, 403, 204, 401, 401, 401, 401, 404, 204, 204}},
    {"GET",  "/admin/v1/tenants", NULL,               {401, 401, 403, 200, 401, 401, 401, 403, 403, 403, 401, 401, 401, 401, 403, 403, 200}},
    {"POST", "/admin/v1/tenants", "{\"name\":\"n\"}", {401, 401, 403, 201, 401, 401, 401, 403, 403, 403, 401, 401, 401, 401, 403, 403, 201}},
    {"GET",  "/admin/v1/tenants/N", NULL,             {401, 401, 403, 200, 401, 401, 401, 403, 403, 403, 401, 401, 401, 401, 403, 403, 200}},
    {"PATCH", "/admin/v1/tenants/N", "{}",            {401, 401, 403, 200, 401, 401, 401, 403, 403, 403, 401, 401, 401, 401, 403, 403, 200}},
    {"POST", "/admin/v1/tenants/N/tokens", VIEWER,    {401, 401, 403, 201, 401, 401, 401, 403, 403, 403, 401, 401, 401, 401, 403, 403, 201}},
    {"GET",  "/admin/v1/users", NULL,                 {401, 401, 403, 200, 401, 401, 401, 403, 403, 403, 401, 401, 401, 401, 403, 403, 200}},
    {"POST", "/admin/v1/users", "{}",                 {401, 401, 403, 400, 401, 401, 401, 403, 403, 403, 401, 401, 401, 401, 403, 403, 400}},
    {"GET",  "/admin/v1/users/U", NULL,               {401, 401, 403, 200, 401, 401, 401, 403, 403, 403, 401, 401, 401, 401, 403, 403, 200}},
    {"PATCH", "/admin/v1/users/U", "{}",              {401, 401, 403, 200, 401, 401, 401, 403, 403, 403, 401, 401, 401, 401, 403, 403, 200}},
    {"DELETE", "/admin/v1/users/" NOBODY, NULL,       {401, 401, 403, 404, 401, 401, 401, 403, 403, 403, 401, 401, 401, 401, 403, 403, 404}},
    {"POST", "/admin/v1/users/U/tokens", "{}",        {401, 401, 403, 400, 401, 401, 401, 403, 403, 403, 401, 401, 401, 401, 403, 403, 400}},
    {"POST", "/admin/v1/revocations", "{}",           {401, 401, 403, 400, 401, 401, 401, 403, 403, 403, 401, 401, 401, 401, 403, 403, 400}},
    {"POST", "/oauth/token", "{\"grant_type\":\"client_credentials\"}",
                                                      {401, 401, 400, 400, 401, 401, 401, 200, 200, 200, 401, 401, 401, 401, 200, 400, 200}},
    {"POST", "/oauth/introspect", "{\"token\":\"x\"}",{401, 401, 403, 403, 401, 401, 401, 200, 403, 403, 401, 401, 401, 401, 200, 200, 200}},
    {"POST", "/oauth/revoke", "{\"token\":\"x\"}",    {401, 401, 200, 200, 401, 401, 401, 200, 200, 200, 401, 401, 401, 401, 200, 200, 200}},
    {"GET",  "/.well-known/jwks.json", NULL,          {200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200}},
    {"GET",  "/.well-known/oauth-authorization-server", NULL,
                                                      {200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200}},
    {"GET",  "/verify", NULL,                         {401, 401, 200, 200, 401, 401, 401, 200, 200, 200, 401, 401, 401, 401, 200, 200, 200}},
    {"GET",  "/verify?permission=VIEW", NULL,         {401, 401, 403, 403, 401, 401, 401, 200, 403, 403, 401, 401, 401, 401, 200, 200, 200}},
    {"GET",  "/verify?capability=admin", NULL,        {401, 401, 403, 200, 401, 401, 401, 403, 403, 403, 401, 401, 401, 401, 403, 403, 200}},
    {"GET",  "/metrics", NULL,                        {401, 401, 401, 401, 401, 401, 401, 200, 403, 403, 401, 401, 401, 401, 200, 200, 200}},
    {"GET",  "/openapi.json", NULL,                   {200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200}},
    {"GET",  "/health/alive", NULL,                   {200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200}},
    {"GET",  "/health/ready", NULL,                   {200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200}},
    {"GET",  "/health/state", NULL,                   {200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200}},
    {"GET",  "/nowhere", NULL,                        {404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404}},
};
/* clang-format on */

/* ---- the cast ---- */

static struct reply admin(const char *method, const char *path, const char *body)
{
    struct reply reply = SEND(.method = method, .path = path, .authorization = appliance.root, .body = body);
    assert_in_range(reply.status, 200, 204);
    return reply;
}

static void keep_basic(enum column column, const char *tenant, const char *more)
{
    struct reply made =
        admin("POST", text_of("/admin/v1/tenants/%s/tokens", tenant),
              text_of("{\"name\":\"n\",\"permissions\":[\"VIEW\",\"TRANSACT\",\"MANAGE\"]%s}", more));
    strcpy(credentials[column], basic_of(reply_text(&made, "clientId"), reply_text(&made, "clientSecret")));
    if (column == DEAD) {
        admin("POST", text_of("/tokens/%s/revoke", reply_text(&made, "id")), NULL);
    }
}

static void make_users(void)
{
    char off[64];
    strcpy(user_id, make_user("user@example.test", "[\"withdrawal.create\"]"));
    strcpy(off, make_user("off@example.test", "[\"admin\"]"));
    strcpy(credentials[USER_OFF], make_bearer(off));
    strcpy(credentials[ADMIN], make_bearer(make_user("admin@example.test", "[\"admin\"]")));
    strcpy(credentials[USER_DEAD], make_bearer(user_id));
    struct reply dead = SEND(.path = "/oauth/revoke", .authorization = credentials[USER_DEAD],
                             .body = text_of("{\"token\":\"%s\"}", credentials[USER_DEAD] + 7));
    assert_int_equal(dead.status, 200);
    struct reply late =
        admin("POST", text_of("/admin/v1/users/%s/tokens", user_id),
              text_of("{\"tenant\":\"%s\",\"name\":\"n\",\"expires_in_days\":1}", appliance.tenant));
    strcpy(credentials[USER_LATE], text_of("Bearer %s", reply_text(&late, "token")));
    strcpy(credentials[USER], make_bearer(user_id));
    admin("PATCH", text_of("/admin/v1/users/%s", off), "{\"disabled\":true}");
}

static void make_tenants(void)
{
    struct reply other = admin("POST", "/admin/v1/tenants", "{\"name\":\"other\"}");
    strcpy(tenant_id, reply_text(&other, "id"));
    keep_basic(OTHER, tenant_id, "");
    struct reply suspended = admin("POST", "/admin/v1/tenants", "{\"name\":\"suspended\"}");
    const char *id = reply_text(&suspended, "id");
    keep_basic(SUSPENDED, id, "");
    admin("PATCH", text_of("/admin/v1/tenants/%s", id), "{\"suspended\":true}");
}

/* What the rows name must be there for each cell anew. */
static void make_things(void)
{
    struct reply jwt = SEND(.path = "/api/v1/tokens", .authorization = credentials[USER],
                            .business = appliance.tenant, .body = "{\"name\":\"n\"}");
    assert_int_equal(jwt.status, 201);
    strcpy(jwt_id, reply_text(&jwt, "token_info.id"));
    struct reply made =
        admin("POST", "/tokens", "{\"name\":\"n\",\"permissions\":[\"VIEW\",\"TRANSACT\",\"MANAGE\"]}");
    strcpy(token_id, reply_text(&made, "id"));
}

static void drop_things(void)
{
    (void)SEND(.method = "POST", .path = text_of("/api/v1/tokens/%s/revoke", jwt_id),
               .authorization = credentials[USER], .business = appliance.tenant);
}

static int start(void **state)
{
    (void)state;
    appliance_start();
    strcpy(credentials[JUNK], "Bearer dz_junk");
    strcpy(credentials[ROOT], appliance.root);
    make_users();
    make_tenants();
    strcpy(credentials[VIEW], make_basic("[\"VIEW\"]"));
    strcpy(credentials[TRANSACT], make_basic("[\"TRANSACT\"]"));
    strcpy(credentials[MANAGE], make_basic("[\"MANAGE\"]"));
    keep_basic(DEAD, appliance.tenant, "");
    keep_basic(LATE, appliance.tenant, ",\"expiresAt\":\"2026-01-02T00:00:00Z\"");
    keep_basic(AWAY, appliance.tenant, ",\"allowedCidrs\":[\"10.0.0.0/8\"]");
    appliance_wait_s(86400);
    keep_basic(ACCESS, appliance.tenant, "");
    struct reply access = SEND(.path = "/oauth/token", .authorization = credentials[ACCESS],
                               .body = "{\"grant_type\":\"client_credentials\"}");
    strcpy(credentials[ACCESS], text_of("Bearer %s", reply_text(&access, "access_token")));
    return 0;
}

/* ---- asking ---- */

static const char *path_of(const struct row *row)
{
    static char path[256];
    size_t size = 0;
    for (const char *c = row->path; *c != 0; c++) {
        bool alone = c > row->path && c[-1] == '/' && (c[1] == 0 || c[1] == '/');
        const char *id = *c == 'J'   ? jwt_id
                         : *c == 'T' ? token_id
                         : *c == 'U' ? user_id
                         : *c == 'N' ? tenant_id
                                     : NULL;
        if (alone && id != NULL) {
            strcpy(path + size, id);
            size += strlen(id);
        } else {
            path[size++] = *c;
        }
    }
    path[size] = 0;
    return path;
}

static void test_matrix(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t column = 0; column < COLUMN_COUNT; column++) {
            make_things();
            struct reply reply = SEND(.method = rows[i].method, .path = path_of(&rows[i]),
                                      .authorization = column == NONE ? NULL : credentials[column],
                                      .business = appliance.tenant, .body = rows[i].body);
            if (reply.status != rows[i].statuses[column]) {
                print_message("%s %s, column %zu: wanted %u, got %u %s\n", rows[i].method, rows[i].path,
                              column, rows[i].statuses[column], reply.status, reply.body);
                wrong++;
            }
            drop_things();
        }
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matrix),
    };
    return cmocka_run_group_tests_name("api_matrix", tests, start, NULL);
}

/*
 * An appliance without network.
 */
#include "service_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "store/store.h"

struct rig rig;
static void *table_memory;

static void start_crypto(void)
{
    static struct heap heap;
    static bool started;
    if (!started) {
        size_t size = (size_t)1024 * 1024;
        heap_init(&heap, aligned_alloc(4096, size), size);
        assert_int_equal(crypto_init(&heap), STATUS_OK);
        started = true;
    }
}

static enum status start(bool *first_boot)
{
    memset(table_memory, 0xA5, rig.table_bytes); /* nothing may lean on what was there */
    struct service_options options = {
        .table_memory = table_memory,
        .table_bytes = rig.table_bytes,
        .device_secret = BYTES_LITERAL("rig"),
        .host_name = BYTES_LITERAL("jeton.test"),
        .jwt_es256 = rig.jwt_es256,
    };
    return service_start(&options, first_boot);
}

void rig_new_with(size_t table_bytes, uint32_t block_count)
{
    sim_reset();
    start_crypto();
    sim_flash_create(rig.flash_model, 65536, block_count);
    free(table_memory);
    table_memory = aligned_alloc(4096, (table_bytes + 4095) / 4096 * 4096);
    rig.table_bytes = table_bytes;
    bool first_boot = false;
    assert_int_equal(start(&first_boot), STATUS_OK);
    assert_true(first_boot);
    assert_int_equal(service_create_root(&rig.root), STATUS_OK);
    rig_flush();
    rig_basic(rig.root.client_id, rig.root.client_secret, rig.root_header);
}

void rig_new(void)
{
    rig_new_with(RIG_TABLE_BYTES, 64);
}

enum status rig_try_reboot(void)
{
    bool first_boot = true;
    sim_reboot();
    enum status status = start(&first_boot);
    if (status == STATUS_OK) {
        assert_false(first_boot);
    }
    return status;
}

void rig_reboot(void)
{
    assert_int_equal(rig_try_reboot(), STATUS_OK);
}

void rig_flush(void)
{
    assert_int_equal(store_flush(service_now_s()), STATUS_OK);
    assert_true(store_durable() == store_newest());
}

void rig_advance_s(int64_t duration_s)
{
    sim_advance_ns((uint64_t)duration_s * 1000000000u);
    service_clock_update();
}

struct bytes rig_text(const char *text)
{
    return bytes_of_string(text);
}

const char *rig_basic(const char *client_id, const char *secret, char header[256])
{
    char pair[160];
    snprintf(pair, sizeof pair, "%s:%s", client_id, secret);
    struct buffer out = buffer_over(header, 255);
    buffer_append_string(&out, "Basic ");
    encode_base64(&out, bytes_of_string(pair));
    assert_false(buffer_failed(&out));
    header[out.size] = '\0';
    return header;
}

static const uint8_t loopback[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};

enum status rig_authenticate(const char *header, struct caller *caller)
{
    return service_authenticate(bytes_of_string(header), loopback, caller);
}

void rig_root_caller(struct caller *caller)
{
    assert_int_equal(rig_authenticate(rig.root_header, caller), STATUS_OK);
}

uint32_t rig_tenant(const char *name)
{
    struct tenant_view tenant;
    assert_int_equal(service_create_tenant(bytes_of_string(name), NULL, &tenant), STATUS_OK);
    return tenant.ref;
}

uint32_t rig_user(const char *email, uint32_t tenant_ref, const char *capability)
{
    struct bytes capabilities[] = {bytes_of_string(capability)};
    struct user_input input = {
        .email = bytes_of_string(email),
        .tenant_refs = &tenant_ref,
        .tenant_count = 1,
        .capabilities = capabilities,
        .capability_count = 1,
        .disabled = -1,
    };
    struct user_view user;
    assert_int_equal(service_create_user(&input, NULL, &user), STATUS_OK);
    return user.ref;
}

void rig_jwt(uint32_t user_ref, uint32_t tenant_ref, const char *name, char header[1024],
             struct token_view *token)
{
    struct caller root;
    rig_root_caller(&root);
    struct jwt_input input = {
        .tenant_ref = tenant_ref, .user_ref = user_ref, .name = bytes_of_string(name), .expires_in_days = 30};
    struct buffer text = buffer_over(header, 1023);
    bool limit_reached = false;
    buffer_append_string(&text, "Bearer ");
    assert_int_equal(service_create_jwt(&root, &input, NULL, token, &text, &limit_reached), STATUS_OK);
    header[text.size] = '\0';
}

void rig_platform(uint32_t tenant_ref, uint8_t permissions, const char *name, char header[256],
                  struct token_view *token)
{
    struct caller root;
    rig_root_caller(&root);
    char secret[CLIENT_SECRET_TEXT_BYTES + 1];
    char client_id[CLIENT_ID_TEXT_BYTES + 1] = {0};
    struct platform_input input = {
        .tenant_ref = tenant_ref, .name = bytes_of_string(name), .permissions = permissions};
    assert_int_equal(service_create_platform(&root, &input, NULL, token, secret), STATUS_OK);
    struct buffer out = buffer_over(client_id, CLIENT_ID_TEXT_BYTES);
    encode_hex(&out, bytes_of(token->client_id, 16));
    rig_basic(client_id, secret, header);
}

void rig_action(struct action_case *c)
{
    char header[1024];
    char basic[256];
    struct token_view token;
    memset(c, 0, sizeof *c);
    uint32_t tenant = rig_tenant("shop");
    uint32_t user = rig_user("buyer@example.org", tenant, CAPABILITY_WITHDRAWAL);
    rig_jwt(user, tenant, "j", header, &token);
    assert_int_equal(rig_authenticate(header, &c->user), STATUS_OK);
    rig_platform(tenant, PERMISSION_TRANSACT, "p", basic, &token);
    assert_int_equal(rig_authenticate(basic, &c->consumer), STATUS_OK);
    c->input = (struct action_input){.action = BYTES_LITERAL(CAPABILITY_WITHDRAWAL), .life_s = 300};
    memset(c->input.digest, 7, sizeof c->input.digest);
    assert_int_equal(service_create_action(&c->user, &c->input, NULL, &c->token, c->text), STATUS_OK);
    struct buffer actor = buffer_over(c->actor, sizeof c->actor - 1);
    buffer_append_string(&actor, "users/");
    encode_uuid(&actor, &c->user.principal);
}

struct consume_input rig_consume_input(const struct action_case *c)
{
    struct consume_input input = {
        .token = rig_text(c->text), .actor = rig_text(c->actor), .action = c->input.action};
    memcpy(input.digest, c->input.digest, sizeof input.digest);
    return input;
}

enum consume_result rig_consume(const struct action_case *c, const struct consume_input *input)
{
    enum consume_result result;
    struct token_view token;
    assert_int_equal(service_consume(&c->consumer, input, NULL, &result, &token), STATUS_OK);
    return result;
}

void rig_upkeep(void)
{
    while (service_read_some()) {
    }
    while (service_step(1000)) {
    }
}

void rig_compact(void)
{
    rig_flush();
    rig_upkeep();
    while (store_step(service_now_s(), 100000)) {
    }
}

const char *rig_name(const char *kind, size_t number)
{
    static char name[40];
    snprintf(name, sizeof name, "%s %zu", kind, number);
    return name;
}

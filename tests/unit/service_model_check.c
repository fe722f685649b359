/*
 * Does the service say what the model says?
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "service_model.h"
#include "store/store.h"

bool is_expired(const struct model_token *token)
{
    return token->expires_s != 0 && token->expires_s <= service_now_s();
}

/* The table may have forgotten it already. */
bool may_be_gone(const struct model_token *token)
{
    int64_t now_s = service_now_s();
    if (token->family == TOKEN_ACTION) {
        return is_expired(token) &&
               (token->consume_key == 0 || token->consumed_s + IDEMPOTENCY_LIFE_S <= now_s);
    }
    return (token->fate == FATE_REVOKED && token->ended_s + TOKEN_RETENTION_S <= now_s) ||
           (token->expires_s != 0 && token->expires_s + TOKEN_RETENTION_S <= now_s);
}

static void check_caller(const struct model_token *token, const char *text)
{
    char header[800];
    struct caller caller;
    bool proves = token->fate == FATE_ACTIVE && !is_expired(token) && token->family != TOKEN_ACTION;
    bool disabled = token->family == TOKEN_JWT && now.users[token->user].disabled;
    enum status expected = !proves || disabled            ? STATUS_DENIED
                           : now.suspended[token->tenant] ? STATUS_CONFLICT
                                                          : STATUS_OK;
    if (token->family == TOKEN_PLATFORM) {
        struct buffer out = buffer_over(header, sizeof header - 1);
        buffer_append_string(&out, "Basic ");
        encode_base64(&out, bytes_of_string(text));
        header[out.size] = '\0';
    } else {
        snprintf(header, sizeof header, "Bearer %s", text);
    }
    assert_int_equal(rig_authenticate(header, &caller), expected);
}

static void check_view(const struct model_token *token, const struct token_view *view)
{
    static const enum token_state states[] = {TOKEN_EXPIRED, TOKEN_ACTIVE, TOKEN_REVOKED, TOKEN_CONSUMED};
    enum token_state expected =
        token->fate == FATE_ACTIVE && is_expired(token) ? TOKEN_EXPIRED : states[token->fate];
    assert_int_equal(view->state, expected);
    assert_true(view->created_s == token->created_s && view->expires_s == token->expires_s);
    assert_memory_equal(&view->id, &token->id, sizeof view->id);
    if (token->family != TOKEN_ACTION) {
        assert_true(bytes_equal_string(view->name, token->name));
    }
    if (token->fate == FATE_REVOKED) {
        char reason[24];
        snprintf(reason, sizeof reason, "r%llu", (unsigned long long)token->reason);
        assert_true(view->revoked_s == token->ended_s);
        bool has_outlived_its_note = view->revocation_reason.data == NULL && may_be_gone(token);
        bool is_right = token->reason == 0 ? view->revocation_reason.data == NULL
                                           : bytes_equal_string(view->revocation_reason, reason);
        assert_true(is_right || has_outlived_its_note);
    }
    if (token->fate == FATE_CONSUMED) {
        assert_true(view->consumed_s == token->consumed_s);
    }
}

void check_token(const struct model_token *token)
{
    struct inspection inspection;
    tally.checked++;
    enum status status = service_inspect(bytes_of_string(token->text), &inspection);
    if (status != STATUS_OK) {
        assert_true(may_be_gone(token));
        return;
    }
    check_view(token, &inspection.token);
    check_caller(token, token->text);
    if (token->old_text[0] != '\0') {
        bool alive = token->old_until_s > service_now_s();
        assert_int_equal(service_inspect(bytes_of_string(token->old_text), &inspection),
                         alive ? STATUS_OK : STATUS_NOT_FOUND);
    }
}

static void check_lists(void)
{
    static struct token_page page;
    for (uint32_t tenant = 0; tenant < TENANTS; tenant++) {
        uint64_t expected = 0;
        for (size_t i = 0; i < TOKENS; i++) {
            const struct model_token *token = &now.tokens[i];
            expected += token->fate == FATE_ACTIVE && token->family == TOKEN_PLATFORM &&
                        token->tenant == tenant && !is_expired(token);
        }
        struct token_query query = {.family = TOKEN_PLATFORM, .tenant_ref = model_tenant_ref(tenant)};
        service_list(&query, TOKEN_PAGE_MAX, &page);
        assert_true(page.total == expected && page.count == expected && !page.has_more);
        for (size_t i = 1; i < page.count; i++) {
            struct token_view a;
            struct token_view b;
            service_view_token(page.refs[i - 1], &a);
            service_view_token(page.refs[i], &b);
            assert_true(memcmp(&a.id, &b.id, sizeof a.id) < 0);
        }
    }
}

void check_all(void)
{
    struct bytes value;
    for (size_t i = 0; i < TOKENS; i++) {
        if (now.tokens[i].fate != FATE_NONE) {
            check_token(&now.tokens[i]);
        }
    }
    for (uint32_t i = 0; i < TENANTS; i++) {
        struct tenant_view tenant;
        service_view_tenant(model_tenant_ref(i), &tenant);
        assert_true(tenant.suspended == now.suspended[i]);
        assert_true(bytes_equal_string(tenant.policy, now.policies[i]));
    }
    assert_int_equal(service_setting_get("model", &value), STATUS_OK);
    assert_true(bytes_equal_string(value, now.setting));
    check_lists();
}

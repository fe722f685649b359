/*
 * Reading and creating a family-2 token.
 *
 * Order of checks: 415, 400 (all problems at once), Idempotency-Key 400, 403 for a permission that the creator lacks,
 * 409, 503.
 */
#include "api/platform_input.h"

#include "api/cidr.h"
#include "api/errors.h"
#include "api/input.h"
#include "api/problems.h"
#include "api/views.h"

static void read_permissions(struct problems *problems, const struct json *object, uint8_t *permissions)
{
    const struct json *labels = member_array(problems, object, "permissions", REQUIRED);
    if (labels == NULL) {
        return;
    }
    if (json_count(labels) == 0) {
        problem(problems, "permissions", "minItems", "Must have at least one permission.");
    }
    for (const struct json *label = json_first(labels); label != NULL; label = json_next(label)) {
        uint8_t permission = json_type(label) == JSON_STRING ? permission_of_label(json_string(label)) : 0;
        if (permission == 0) {
            problem(problems, "permissions", "enum", "Each must be VIEW, TRANSACT or MANAGE.");
        }
        *permissions |= permission;
    }
}

#define EXPIRY_MESSAGE "Must be in the future, and before 2106."

/* A repeat under an Idempotency-Key may come when the time has passed: the service judges that. */
static void read_expiry(struct problems *problems, const struct json *object, int64_t *expires_s)
{
    bool is_keyed = http_request_header(problems->exchange->request, "Idempotency-Key", NULL).data != NULL;
    if (member_time(problems, object, "expiresAt", expires_s) && !is_keyed &&
        (*expires_s <= service_now_s() || *expires_s > UINT32_MAX)) {
        problem(problems, "expiresAt", "future", EXPIRY_MESSAGE);
    }
}

static size_t read_cidrs(struct problems *problems, const struct json *object,
                         struct cidr cidrs[TOKEN_CIDRS_MAX])
{
    size_t count = 0;
    const struct json *texts = member_array(problems, object, "allowedCidrs", OPTIONAL);
    if (texts == NULL) {
        return 0;
    }
    if (json_count(texts) < 1 || json_count(texts) > TOKEN_CIDRS_MAX) {
        problem(problems, "allowedCidrs", "items", "Must have 1 to 16 address ranges.");
        return 0;
    }
    for (const struct json *text = json_first(texts); text != NULL; text = json_next(text)) {
        if (json_type(text) != JSON_STRING || cidr_read(json_string(text), &cidrs[count++]) != STATUS_OK) {
            problem(problems, "allowedCidrs", "format",
                    "Each must be an IPv4 or IPv6 prefix without bits beyond it, or an address.");
        }
    }
    return count;
}

static bool read_platform(struct exchange *exchange, struct platform_input *input, struct cidr *cidrs)
{
    static const struct text_rule name = {"name", REQUIRED, 1, TOKEN_NAME_MAX_CODE_POINTS};
    const struct json *object;
    if (!read_object(exchange, &object)) {
        return false;
    }
    struct problems problems = problems_of(exchange);
    (void)member_text(&problems, object, &name, &input->name);
    read_permissions(&problems, object, &input->permissions);
    read_expiry(&problems, object, &input->expires_s);
    input->cidr_count = read_cidrs(&problems, object, cidrs);
    input->cidrs = cidrs;
    return !problems_answered(&problems);
}

void create_platform_token(struct exchange *exchange, uint32_t tenant_ref, uint8_t grantable)
{
    struct cidr cidrs[TOKEN_CIDRS_MAX];
    struct platform_input input = {.tenant_ref = tenant_ref};
    struct idempotency idempotency;
    struct token_view token;
    char client_secret[CLIENT_SECRET_TEXT_BYTES + 1];
    if (!read_platform(exchange, &input, cidrs) || !read_idempotency(exchange, &idempotency)) {
        return;
    }
    if ((input.permissions & ~grantable) != 0) {
        fail_message(exchange, FAULT_FORBIDDEN, "A token cannot grant a permission that its creator lacks.");
        return;
    }
    enum status status =
        service_create_platform(&exchange->caller, &input, &idempotency, &token, client_secret);
    if (status == STATUS_INVALID) {
        fail_problem(exchange, "expiresAt", "future", EXPIRY_MESSAGE);
        return;
    }
    if (status != STATUS_OK) {
        fail_status(exchange, status);
        return;
    }
    answer_platform_secret(exchange, 201, &token, client_secret);
    bytes_wipe(client_secret, sizeof(client_secret));
}

/*
 * Checking callers.
 *
 * Who is whom: a family-2 credential, by Basic or by the access token got for it, is a service principal; a dz_ token is
 * a user. Family 1 takes Bearer only; family 2 takes service principals only: a credential of another kind is 401 there,
 * as one that is not known.
 */
#include "api/auth.h"

#include "api/errors.h"
#include "api/rates.h"

static bool refuse(struct exchange *exchange, enum fault fault)
{
    fail(exchange, fault);
    return false;
}

/* A good credential, of a tenant that is not suspended. Two Authorization headers are none. */
static bool authenticate(struct exchange *exchange)
{
    size_t count = 0;
    struct bytes authorization = http_request_header(exchange->request, "Authorization", &count);
    if (count > 1) {
        authorization = (struct bytes){NULL, 0};
    }
    uint64_t wait_us = 0;
    enum status status = rates_authenticate(exchange, authorization, &wait_us);
    if (status == STATUS_AGAIN) {
        fail_rate(exchange, wait_us);
        return false;
    }
    if (status == STATUS_CONFLICT && exchange->family == API_FAMILY_0) {
        return refuse(exchange, FAULT_STATE_CONFLICT); /* tenant suspended */
    }
    return status == STATUS_OK || refuse(exchange, FAULT_UNAUTHORIZED);
}

/* x-business-id must name the tenant of the credential, and the user be its member. */
static bool authorize_business(struct exchange *exchange)
{
    const struct caller *caller = &exchange->caller;
    size_t count = 0;
    struct bytes text = http_request_header(exchange->request, "x-business-id", &count);
    struct uuid id;
    uint32_t tenant_ref = 0;
    if (caller->credential == CREDENTIAL_BASIC || count == 0) {
        return refuse(exchange, FAULT_UNAUTHORIZED);
    }
    if (count > 1 || decode_uuid(text, &id) != STATUS_OK) {
        return refuse(exchange, FAULT_INVALID);
    }
    bool member = caller->kind == CALLER_USER && service_find_tenant(&id, &tenant_ref) == STATUS_OK &&
                  tenant_ref == caller->tenant_ref && service_is_member(caller->user_ref, tenant_ref);
    return member || refuse(exchange, FAULT_FORBIDDEN);
}

static bool authorize_platform(struct exchange *exchange, enum permission permission)
{
    if (exchange->caller.kind != CALLER_SERVICE) {
        return refuse(exchange, FAULT_UNAUTHORIZED);
    }
    return (exchange->caller.permissions & permission) != 0 || refuse(exchange, FAULT_FORBIDDEN);
}

static bool authorize_admin(struct exchange *exchange)
{
    return service_has_capability(&exchange->caller, BYTES_LITERAL(CAPABILITY_ADMIN)) ||
           refuse(exchange, FAULT_FORBIDDEN);
}

static bool authorize_issuing(struct exchange *exchange)
{
    uint64_t wait_us = 0;
    if (rates_may_issue(exchange, &wait_us)) {
        return true;
    }
    fail_rate(exchange, wait_us);
    return false;
}

static bool authorize_caller(struct exchange *exchange, enum needs needs)
{
    if (needs == NEEDS_NOTHING) {
        return true;
    }
    if (!authenticate(exchange)) {
        return false;
    }
    switch (needs) {
    case NEEDS_BUSINESS:
        return authorize_business(exchange);
    case NEEDS_VIEW:
        return authorize_platform(exchange, PERMISSION_VIEW);
    case NEEDS_MANAGE:
        return authorize_platform(exchange, PERMISSION_MANAGE);
    case NEEDS_ADMIN:
        return authorize_admin(exchange);
    default:
        return true;
    }
}

bool authorize(struct exchange *exchange, enum needs needs)
{
    return authorize_caller(exchange, needs & (ISSUES - 1)) &&
           ((needs & ISSUES) == 0 || authorize_issuing(exchange));
}

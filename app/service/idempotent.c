/*
 * Idempotency keys: found again by a MAC of caller and key; secrets derived, so that none is kept.
 */
#include <assert.h>
#include <string.h>

#include "service/outcome.h"
#include "service/state.h"
#include "token/words.h"

static void memo_id(const struct plan *plan, uint8_t id[16])
{
    uint8_t mac[SHA256_BYTES];
    struct bytes parts[] = {bytes_of(plan->principal.bytes, UUID_BYTES), plan->key};
    mac_compute(&service.keys.memo, parts, 2, mac);
    memcpy(id, mac, 16);
}

bool plan_identify(const struct caller *caller, const struct idempotency *idempotency, struct plan *plan)
{
    *plan = (struct plan){0};
    if (idempotency == NULL || idempotency->key.data == NULL) {
        return false;
    }
    service_need_all(); /* they hold the memos */
    plan->has_key = true;
    assert(idempotency->key.size <= IDEMPOTENCY_KEY_MAX_BYTES);
    plan->key = idempotency->key;
    if (caller != NULL) {
        plan->principal = caller->principal;
    }
    plan->memo.at_s = clock_bound_s();
    memo_id(plan, plan->memo.id);
    memcpy(plan->memo.digest, idempotency->payload_digest, sizeof plan->memo.digest);
    return true;
}

enum status plan_make(const struct caller *caller, const struct idempotency *idempotency, enum memo_what what,
                      struct plan *plan)
{
    if (!plan_identify(caller, idempotency, plan)) {
        return STATUS_OK;
    }
    const struct memo *memo = &plan->memo;
    struct memo found;
    plan->memo.what = what;
    if (!memos_find(&service.tables, memo->id, memo->at_s, &found)) {
        return outcomes_have(memo->id, memo->at_s) ? STATUS_CONFLICT : STATUS_OK;
    }
    if (found.what != what || memcmp(found.digest, memo->digest, sizeof memo->digest) != 0) {
        return STATUS_CONFLICT;
    }
    plan->repeat = true;
    plan->memo = found;
    return STATUS_OK;
}

/* The id and the time make the secret the entity's own, even when a key is used again after it was forgotten. */
void plan_secret(const struct plan *plan, const char *label, const struct uuid *id, uint8_t out[32])
{
    if (!plan->has_key) {
        crypto_random(out, 32);
        return;
    }
    uint8_t at[4];
    store_u32(at, (uint32_t)plan->memo.at_s);
    struct bytes parts[] = {
        {(const uint8_t *)label, strlen(label) + 1},
        bytes_of(id->bytes, UUID_BYTES),
        bytes_of(plan->principal.bytes, UUID_BYTES),
        bytes_of(plan->memo.digest, sizeof plan->memo.digest),
        bytes_of(at, sizeof at),
        plan->key,
    };
    mac_compute(&service.keys.secret, parts, sizeof parts / sizeof parts[0], out);
}

void plan_append(const struct plan *plan, struct buffer *text)
{
    if (plan->has_key) {
        memo_append(text, &plan->memo);
    }
}

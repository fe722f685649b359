/*
 * libFuzzer: a whole request, from its first byte to the JSON of its answer, against a service with one token of each
 * family. Bytes 1 to 6 of the input stand for what is good here: the root's authorization, a token's, the tenant, the token's
 * id, a user's authorization and the user's id. There is an answer in every case, no 5xx but those that the parser itself refuses with, and what says that
 * it is JSON is JSON.
 */
#include "platform/sim/sim.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/api_harness.h"
#include "json/json.h"

#define TEXT_MAX       16384
#define RUNS_OF_A_LIFE 2000 /* after so many requests the appliance is a new one: what they wrote is gone */
#define WORDS          6

static char words[WORDS][4096];

static void start_life(void)
{
    appliance_start();
    struct reply made = SEND(.path = "/tokens", .authorization = appliance.root,
                             .body = "{\"name\":\"n\",\"permissions\":[\"VIEW\",\"MANAGE\"]}");
    require(made.status == 201, "a token");
    (void)snprintf(words[0], sizeof words[0], "%s", appliance.root);
    (void)snprintf(words[1], sizeof words[1], "%s",
                   basic_of(reply_text(&made, "clientId"), reply_text(&made, "clientSecret")));
    (void)snprintf(words[2], sizeof words[2], "%s", appliance.tenant);
    (void)snprintf(words[3], sizeof words[3], "%s", reply_text(&made, "id"));
    (void)snprintf(words[5], sizeof words[5], "%s",
                   make_user("alice@example.test", "[\"withdrawal.create\"]"));
    (void)snprintf(words[4], sizeof words[4], "%s", make_bearer(words[5]));
}

/* The input with its placeholders replaced. */
static size_t expand(struct bytes input, char *text)
{
    size_t size = 0;
    for (size_t i = 0; i < input.size && size < TEXT_MAX; i++) {
        uint8_t c = input.data[i];
        if (c < 1 || c > WORDS) {
            text[size++] = (char)c;
            continue;
        }
        for (const char *at = words[c - 1]; *at != 0 && size < TEXT_MAX; at++) {
            text[size++] = *at;
        }
    }
    return size;
}

static void check(const struct reply *reply)
{
    const char *type = reply_header(reply, "Content-Type");
    struct json_error error;
    const struct json *root = NULL;
    require(reply->status >= 200 && reply->status <= 599, "a status");
    require(reply->status < 500 || reply->status == 501 || reply->status == 505, "no failure of ours");
    if (type != NULL && strstr(type, "json") != NULL && reply->body_size <= JSON_TEXT_MAX_BYTES) {
        struct bytes body = bytes_of(reply->body, reply->body_size);
        require(json_read(body, JSON_DUPLICATES_REFUSE, &root, &error) == STATUS_OK, "JSON is JSON");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[TEXT_MAX];
    static uint32_t life = RUNS_OF_A_LIFE;
    struct reply reply;
    if (++life > RUNS_OF_A_LIFE) {
        start_life();
        life = 0;
    }
    if (send_maybe(text, expand((struct bytes){data, size}, text), &reply)) {
        check(&reply);
    }
    sim_console_clear();
    return 0;
}

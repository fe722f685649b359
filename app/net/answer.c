/*
 * Responses: the API's body, our head, in one queue of bytes.
 */
#include "net/answer.h"

#include <string.h>

#include "platform/platform.h"
#include "service/service.h"
#include "store/store.h"

/* Head and body. A HEAD answer tells the length of the body that it does not have. */
static bool render(const struct held_answer *held, struct outbox *out)
{
    const struct http_response *response = &held->answer.response;
    uint8_t head_bytes[RESPONSE_HEAD_MAX_BYTES];
    struct buffer head = buffer_over(head_bytes, sizeof head_bytes);
    http_response_write_head(response, service_now_s(), held->keep_alive_1_0, &head);
    if (buffer_failed(&head) || !outbox_append(out, buffer_view(&head)))
        return false;
    if (held->is_head || response->body == NULL)
        return true;
    return outbox_append(out, buffer_view(response->body));
}

/* The request id is in the answer itself, which moves. */
static void ask(const struct answer_call *call, struct held_answer *held, struct buffer *body)
{
    held->answer.response.body = body;
    api_handle(&call->api, &held->answer);
    if (call->close)
        held->answer.response.close = true;
}

static struct held_answer *open_held(const struct answer_call *call)
{
    const struct http_request *request = call->api.request;
    struct held_answer *held = heap_take_zeroed(call->heap, 1, sizeof *held);
    if (held == NULL)
        return NULL;
    outbox_init(&held->out, call->heap);
    held->start_ns = platform_monotonic_ns();
    held->is_head = request->method == HTTP_HEAD;
    held->keep_alive_1_0 = request->is_http_1_0 && !call->close;
    return held;
}

bool answer_make(const struct answer_call *call, struct outbox *out, struct held_answer **held_out)
{
    struct held_answer *held = open_held(call); /* before the API acts: a change must not lack its answer */
    struct buffer body = buffer_over(call->body, API_BODY_MAX_BYTES);
    *held_out = NULL;
    if (held == NULL)
        return false;
    ask(call, held, &body);
    if (held->answer.waits) {
        held->exchange = upstream_submit(held, held->answer.depends_on);
        held->answer.response.body = NULL;
        *held_out = held;
        return true;
    }
    bool durable = held->answer.depends_on <= store_durable();
    bool rendered = render(held, durable ? out : &held->out);
    bytes_wipe(call->body, body.size); /* may hold a new secret */
    held->answer.response.body = NULL;
    if (rendered && !durable)
        *held_out = held;
    else
        answer_drop(call->heap, held);
    return rendered;
}

bool answer_make_of_upstream(const struct upstream_finished *finished, uint8_t *body_bytes)
{
    struct held_answer *held = finished->held;
    struct buffer body = buffer_over(body_bytes, API_BODY_MAX_BYTES);
    held->answer.response.body = &body;
    api_upstream_done(finished->call, &finished->result, &held->answer);
    held->exchange = NULL;
    upstream_drop(finished->exchange);
    bool rendered = render(held, &held->out);
    held->answer.response.body = NULL;
    return rendered;
}

bool answer_make_unavailable(struct held_answer *held, uint8_t *body_bytes)
{
    struct buffer body = buffer_over(body_bytes, API_BODY_MAX_BYTES);
    bool close = held->answer.response.close;
    outbox_clear(&held->out);
    held->answer.response.body = &body;
    api_unavailable(&held->answer);
    held->answer.response.close = close;
    bool rendered = render(held, &held->out);
    held->answer.response.body = NULL;
    return rendered;
}

void answer_drop(struct heap *heap, struct held_answer *held)
{
    if (held == NULL)
        return;
    if (held->exchange != NULL) {
        upstream_set_owner(held->exchange, NULL);
        return;
    }
    api_took(&held->answer, (platform_monotonic_ns() - held->start_ns) / 1000);
    outbox_clear(&held->out);
    heap_give(heap, held);
}

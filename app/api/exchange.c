/*
 * Beginning and ending an answer.
 */
#include "api/exchange.h"

static void begin(struct exchange *exchange, uint16_t status, const char *content_type)
{
    struct http_response *response = &exchange->answer->response;
    *response->body = exchange->unused_body;
    response->status = status;
    response->content_type = content_type;
    response->header_count = 0;
}

struct json_writer *answer_begin(struct exchange *exchange, uint16_t status)
{
    begin(exchange, status, "application/json");
    exchange->json = json_writer_over(exchange->answer->response.body);
    json_begin_object(&exchange->json);
    return &exchange->json;
}

void answer_end(struct exchange *exchange)
{
    json_end_object(&exchange->json);
}

void answer_empty(struct exchange *exchange, uint16_t status)
{
    begin(exchange, status, NULL);
}

struct buffer *answer_text(struct exchange *exchange, uint16_t status, const char *content_type)
{
    begin(exchange, status, content_type);
    return exchange->answer->response.body;
}

void answer_header(struct exchange *exchange, const char *name, struct bytes value)
{
    http_response_header(&exchange->answer->response, name, value);
}

struct buffer exchange_scratch(const struct exchange *exchange)
{
    return exchange->unused_body;
}

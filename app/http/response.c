/*
 * The bytes of a response head.
 */
#include "http/response.h"

#include "base/clocktext.h"

#include <assert.h>

void http_response_header(struct http_response *response, const char *name, struct bytes value)
{
    assert(response->header_count < HTTP_RESPONSE_HEADERS_MAX);
    for (size_t i = 0; i < value.size; i++) {
        assert(value.data[i] >= 0x20 && value.data[i] != 0x7f);
    }
    response->headers[response->header_count].name = name;
    response->headers[response->header_count].value = value;
    response->header_count++;
}

const char *http_reason(uint16_t status)
{
    static const struct {
        uint16_t status;
        const char *reason;
    } reasons[] = {
        {100, "Continue"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status) {
            return reasons[i].reason;
        }
    }
    return "Unknown";
}

static void write_header(struct buffer *out, const char *name, struct bytes value)
{
    buffer_append_string(out, name);
    buffer_append_string(out, ": ");
    buffer_append(out, value);
    buffer_append_string(out, "\r\n");
}

static void write_framing(const struct http_response *response, bool keep_alive_1_0, struct buffer *out)
{
    if (response->content_type != NULL) {
        write_header(out, "Content-Type", bytes_of_string(response->content_type));
    }
    if (response->status != 204) {
        buffer_append_string(out, "Content-Length: ");
        buffer_append_u64(out, response->body == NULL ? 0 : response->body->size);
        buffer_append_string(out, "\r\n");
    }
    if (response->close) {
        write_header(out, "Connection", BYTES_LITERAL("close"));
    } else if (keep_alive_1_0) {
        write_header(out, "Connection", BYTES_LITERAL("keep-alive"));
    }
}

void http_response_write_head(const struct http_response *response, int64_t now_s, bool keep_alive_1_0,
                              struct buffer *out)
{
    assert(response->status >= 200 && response->status <= 599);
    assert(response->status != 204 || response->body == NULL || response->body->size == 0);
    buffer_append_string(out, "HTTP/1.1 ");
    buffer_append_u64(out, response->status);
    buffer_append_byte(out, ' ');
    buffer_append_string(out, http_reason(response->status));
    buffer_append_string(out, "\r\nDate: ");
    time_write_http(out, now_s);
    buffer_append_string(out, "\r\n");
    write_framing(response, keep_alive_1_0, out);
    write_header(out, "Cache-Control", BYTES_LITERAL("no-store"));
    write_header(out, "X-Request-Id", response->request_id);
    write_header(out, "Strict-Transport-Security", BYTES_LITERAL("max-age=31536000"));
    for (size_t i = 0; i < response->header_count; i++) {
        write_header(out, response->headers[i].name, response->headers[i].value);
    }
    buffer_append_string(out, "\r\n");
}

bool http_request_id_valid(struct bytes id)
{
    for (size_t i = 0; i < id.size; i++) {
        uint8_t byte = id.data[i];
        bool is_valid = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                        (byte >= 'a' && byte <= 'z') || byte == '.' || byte == '_' || byte == '-';
        if (!is_valid) {
            return false;
        }
    }
    return id.size > 0 && id.size <= HTTP_REQUEST_ID_MAX_BYTES;
}

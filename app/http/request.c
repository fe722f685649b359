/*
 * The request parser's states: lines of the head, then a body by length or in chunks.
 *
 * Every byte goes through exactly one step, in order, so that splits cannot matter. Lines of the head are handed to
 * head.c when their LF is there; bodies are taken in pieces; the framing of chunks goes byte by byte.
 */
#include "http/request.h"

#include "http/head.h"

#include <assert.h>
#include <string.h>

#define EMPTY_LINES_MAX  2
#define CHUNK_DIGITS_MAX 16

enum state {
    STATE_REQUEST_LINE,
    STATE_HEADER_LINE,
    STATE_BODY,            /* by Content-Length */
    STATE_CHUNK_FIRST,     /* the first digit of a chunk's size */
    STATE_CHUNK_SIZE,      /* its other digits */
    STATE_CHUNK_SPACE,     /* space before an extension's semicolon */
    STATE_EXTENSION_BEGIN, /* after the semicolon */
    STATE_EXTENSION_NAME,
    STATE_EXTENSION_NAME_SPACE, /* after the name */
    STATE_EXTENSION_EQUALS,     /* after it */
    STATE_EXTENSION_TOKEN,
    STATE_EXTENSION_QUOTED,
    STATE_EXTENSION_ESCAPE, /* after a backslash in quotes */
    STATE_EXTENSION_CLOSED, /* after the closing quote */
    STATE_CHUNK_SIZE_LF,
    STATE_CHUNK_DATA,
    STATE_CHUNK_DATA_CR,
    STATE_CHUNK_DATA_LF,
    STATE_TRAILER_FIRST, /* the first byte of a trailer line, or the CR of the end */
    STATE_TRAILER_NAME,
    STATE_TRAILER_VALUE,
    STATE_TRAILER_LF,
    STATE_LAST_LF,
    STATE_COMPLETE,
    STATE_REFUSED
};

void http_parser_reset(struct http_parser *parser)
{
    /* Not the arrays, which their count bounds: they are most of it, and one comes with each request. */
    memset(&parser->request, 0, offsetof(struct http_request, headers));
    memset(&parser->consumed_bytes, 0,
           offsetof(struct http_parser, names) - offsetof(struct http_parser, consumed_bytes));
}

static void refuse(struct http_parser *parser, uint16_t status)
{
    parser->refused_status = status;
    parser->state = STATE_REFUSED;
}

static void complete(struct http_parser *parser)
{
    parser->consumed_bytes = parser->scanned_bytes;
    parser->state = STATE_COMPLETE;
}

/* ---- head ---- */

static void begin_body(struct http_parser *parser)
{
    parser->body_start = parser->scanned_bytes;
    if ((parser->flags & HTTP_FLAG_CODING) != 0) {
        parser->state = STATE_CHUNK_FIRST;
    } else if (parser->content_length > 0) {
        parser->body_left = (size_t)parser->content_length; /* http_finish_head bounded it */
        parser->state = STATE_BODY;
    } else {
        complete(parser);
    }
}

/* `line` is complete, without its CR LF; scanned_bytes is past them. */
static void take_line(struct http_parser *parser, struct bytes line)
{
    uint16_t refusal = 0;
    bool is_first = parser->state == STATE_REQUEST_LINE;
    if (is_first && line.size == 0) {
        refusal = parser->empty_lines++ < EMPTY_LINES_MAX ? 0 : 400;
    } else if (is_first) {
        refusal = http_read_request_line(parser, line, parser->line_start);
        parser->state = STATE_HEADER_LINE;
    } else if (line.size > 0) {
        refusal = http_read_header_line(parser, line, parser->line_start);
    } else {
        refusal = http_finish_head(parser);
        if (refusal == 0) {
            begin_body(parser);
        }
    }
    if (refusal != 0) {
        refuse(parser, refusal);
    }
    parser->line_start = parser->scanned_bytes;
}

/* One byte of the head: bare CR, bare LF and control bytes end here. */
static void step_head(struct http_parser *parser, const uint8_t *data)
{
    uint8_t byte = data[parser->scanned_bytes];
    bool saw_cr = (parser->flags & HTTP_FLAG_SAW_CR) != 0;
    if (parser->scanned_bytes == HTTP_HEAD_MAX_BYTES) {
        refuse(parser, 431);
        return;
    }
    parser->scanned_bytes++;
    if (saw_cr != (byte == '\n') || (!http_is_value_byte(byte) && byte != '\r' && byte != '\n')) {
        refuse(parser, 400);
    } else if (byte == '\r') {
        parser->flags |= HTTP_FLAG_SAW_CR;
    } else if (byte == '\n') {
        parser->flags &= (uint16_t)~HTTP_FLAG_SAW_CR;
        take_line(parser,
                  bytes_of(data + parser->line_start, parser->scanned_bytes - 2 - parser->line_start));
    }
}

/* All eight, and no tab among them. */
static bool has_only_values(uint64_t eight)
{
    return (eight_below(eight, 0x20) | eight_with(eight, 0x7f)) == 0;
}

/* Step over bytes that mean nothing by themselves: most of a head. */
static void skip_value_bytes(struct http_parser *parser, const uint8_t *data, size_t size)
{
    size_t end = size < HTTP_HEAD_MAX_BYTES ? size : HTTP_HEAD_MAX_BYTES;
    size_t offset = parser->scanned_bytes;
    while (end - offset >= 8 && has_only_values(eight_at(data + offset))) {
        offset += 8;
    }
    while (offset < end && http_is_value_byte(data[offset])) {
        offset++;
    }
    parser->scanned_bytes = offset;
}

/* ---- body ---- */

/* As much of the body as is here; chunks move down to the end of what was decoded before them. */
static void take_body(struct http_parser *parser, uint8_t *data, size_t size)
{
    size_t count = size - parser->scanned_bytes;
    if (count > parser->body_left) {
        count = parser->body_left;
    }
    size_t end = parser->body_start + parser->body_size;
    if (end != parser->scanned_bytes) {
        memmove(data + end, data + parser->scanned_bytes, count);
    }
    parser->scanned_bytes += count;
    parser->body_size += count;
    parser->body_left -= count;
    if (parser->body_left > 0) {
        return;
    }
    if (parser->state == STATE_BODY) {
        complete(parser);
    } else {
        parser->state = STATE_CHUNK_DATA_CR;
    }
}

/* ---- chunks (RFC 9112 section 7.1) ---- */

static uint8_t hex_value(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        return (uint8_t)(byte - '0');
    }
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? (uint8_t)(byte - 'a' + 10) : 0xff;
}

/* A digit of a chunk's size; the body is too large as soon as the digits say so. */
static void take_size_digit(struct http_parser *parser, uint8_t digit)
{
    parser->body_left = parser->body_left * 16 + digit;
    if (parser->body_left > HTTP_BODY_MAX_BYTES - parser->body_size) {
        refuse(parser, 413);
    } else if (++parser->chunk_digits > CHUNK_DIGITS_MAX) {
        refuse(parser, 400);
    } else {
        parser->state = STATE_CHUNK_SIZE;
    }
}

/* A byte after a complete size, name or value: what may follow there, and STATE_REFUSED for the rest. */
static enum state after_extension(uint8_t byte)
{
    switch (byte) {
    case '\r':
        return STATE_CHUNK_SIZE_LF;
    case ';':
        return STATE_EXTENSION_BEGIN;
    case ' ':
    case '\t':
        return STATE_CHUNK_SPACE;
    default:
        return STATE_REFUSED;
    }
}

/* In quotes: everything but the end and the escape stays there. */
static enum state in_quotes(uint8_t byte)
{
    if (byte == '"') {
        return STATE_EXTENSION_CLOSED;
    }
    if (byte == '\\') {
        return STATE_EXTENSION_ESCAPE;
    }
    return http_is_value_byte(byte) ? STATE_EXTENSION_QUOTED : STATE_REFUSED;
}

/* chunk-ext of RFC 9112 section 7.1.1: checked and dropped. */
static enum state extension_state(enum state state, uint8_t byte)
{
    bool is_space = byte == ' ' || byte == '\t';
    bool is_token = http_is_token_byte(byte);
    switch (state) {
    case STATE_CHUNK_SPACE:
        return byte == '\r' ? STATE_REFUSED : after_extension(byte);
    case STATE_EXTENSION_BEGIN:
        return is_token ? STATE_EXTENSION_NAME : is_space ? state : STATE_REFUSED;
    case STATE_EXTENSION_NAME:
        if (is_token || is_space) {
            return is_token ? state : STATE_EXTENSION_NAME_SPACE;
        }
        return byte == '=' ? STATE_EXTENSION_EQUALS : after_extension(byte);
    case STATE_EXTENSION_NAME_SPACE:
        if (is_space) {
            return state;
        }
        return byte == '=' ? STATE_EXTENSION_EQUALS : byte == ';' ? STATE_EXTENSION_BEGIN : STATE_REFUSED;
    case STATE_EXTENSION_EQUALS:
        return byte == '"' ? STATE_EXTENSION_QUOTED
               : is_token  ? STATE_EXTENSION_TOKEN
               : is_space  ? state
                           : STATE_REFUSED;
    case STATE_EXTENSION_TOKEN:
        return is_token ? state : after_extension(byte);
    case STATE_EXTENSION_QUOTED:
        return in_quotes(byte);
    case STATE_EXTENSION_ESCAPE:
        return http_is_value_byte(byte) ? STATE_EXTENSION_QUOTED : STATE_REFUSED;
    default: /* the size, or a value in quotes, is complete */
        return after_extension(byte);
    }
}

/* A byte of the size line that is no digit of the size. */
static void take_extension_byte(struct http_parser *parser, uint8_t byte)
{
    enum state next = extension_state((enum state)parser->state, byte);
    bool is_over = next != STATE_CHUNK_SIZE_LF && ++parser->extension_bytes > HTTP_CHUNK_EXTENSION_MAX_BYTES;
    if (is_over || next == STATE_REFUSED) {
        refuse(parser, 400);
    } else {
        parser->state = (uint8_t)next;
    }
}

static void begin_chunk(struct http_parser *parser)
{
    parser->body_left = 0;
    parser->chunk_digits = 0;
    parser->state = STATE_CHUNK_FIRST;
}

/* Go on in `next` if the byte is the one that must be here. */
static void expect(struct http_parser *parser, uint8_t byte, char expected, enum state next)
{
    if (byte == (uint8_t)expected) {
        parser->state = (uint8_t)next;
    } else {
        refuse(parser, 400);
    }
}

static void step_chunk(struct http_parser *parser, uint8_t byte)
{
    uint8_t digit = hex_value(byte);
    switch ((enum state)parser->state) {
    case STATE_CHUNK_FIRST:
    case STATE_CHUNK_SIZE:
        if (digit < 16) {
            take_size_digit(parser, digit);
        } else if (parser->state == STATE_CHUNK_FIRST) {
            refuse(parser, 400);
        } else {
            take_extension_byte(parser, byte);
        }
        break;
    case STATE_CHUNK_SIZE_LF:
        expect(parser, byte, '\n', parser->body_left > 0 ? STATE_CHUNK_DATA : STATE_TRAILER_FIRST);
        break;
    case STATE_CHUNK_DATA_CR:
        expect(parser, byte, '\r', STATE_CHUNK_DATA_LF);
        break;
    case STATE_CHUNK_DATA_LF:
        begin_chunk(parser);
        expect(parser, byte, '\n', STATE_CHUNK_FIRST);
        break;
    default:
        take_extension_byte(parser, byte);
        break;
    }
}

/* Trailers are checked as header lines are, and dropped. */
static void step_trailer(struct http_parser *parser, uint8_t byte)
{
    if (parser->trailer_bytes++ == HTTP_TRAILER_MAX_BYTES) {
        refuse(parser, 431);
        return;
    }
    switch ((enum state)parser->state) {
    case STATE_TRAILER_FIRST:
        if (http_is_token_byte(byte)) {
            parser->state = STATE_TRAILER_NAME;
        } else {
            expect(parser, byte, '\r', STATE_LAST_LF);
        }
        break;
    case STATE_TRAILER_NAME:
        if (!http_is_token_byte(byte)) {
            expect(parser, byte, ':', STATE_TRAILER_VALUE);
        }
        break;
    case STATE_TRAILER_VALUE:
        if (!http_is_value_byte(byte)) {
            expect(parser, byte, '\r', STATE_TRAILER_LF);
        }
        break;
    case STATE_TRAILER_LF:
        expect(parser, byte, '\n', STATE_TRAILER_FIRST);
        break;
    default:
        expect(parser, byte, '\n', STATE_COMPLETE);
        break;
    }
}

/* ---- all of it ---- */

static void step(struct http_parser *parser, uint8_t *data, size_t size)
{
    if (parser->state <= STATE_HEADER_LINE) {
        if ((parser->flags & HTTP_FLAG_SAW_CR) == 0) {
            skip_value_bytes(parser, data, size);
        }
        if (parser->scanned_bytes < size) {
            step_head(parser, data);
        }
    } else if (parser->state == STATE_BODY || parser->state == STATE_CHUNK_DATA) {
        take_body(parser, data, size);
    } else if (parser->state < STATE_TRAILER_FIRST) {
        step_chunk(parser, data[parser->scanned_bytes++]);
    } else {
        step_trailer(parser, data[parser->scanned_bytes++]);
        if (parser->state == STATE_COMPLETE) {
            complete(parser);
        }
    }
}

static struct bytes view_of(struct http_span span, const uint8_t *data)
{
    return bytes_of(data + span.offset, span.size);
}

/* Views into the buffer where it lies now. */
static void bind_views(struct http_parser *parser, const uint8_t *data)
{
    struct http_request *request = &parser->request;
    if (parser->target_known) {
        request->path = view_of(parser->path, data);
        request->query = view_of(parser->query, data);
        if ((parser->flags & (HTTP_FLAG_PATH_ROOT | HTTP_FLAG_PATH_STAR)) != 0) {
            request->path =
                (parser->flags & HTTP_FLAG_PATH_ROOT) != 0 ? BYTES_LITERAL("/") : BYTES_LITERAL("*");
        }
    }
    for (size_t i = 0; i < request->header_count; i++) {
        request->headers[i].name = view_of(parser->names[i], data);
        request->headers[i].value = view_of(parser->values[i], data);
    }
    if (parser->head_complete) {
        request->body = bytes_of(data + parser->body_start, parser->body_size);
    }
}

enum http_parse http_request_parse(struct http_parser *parser, uint8_t *data, size_t size)
{
    assert(size >= parser->scanned_bytes || parser->state >= STATE_COMPLETE);
    while (parser->scanned_bytes < size && parser->state < STATE_COMPLETE) {
        step(parser, data, size);
    }
    bind_views(parser, data);
    parser->request.expect_continue =
        (parser->flags & HTTP_FLAG_CONTINUE) != 0 && !parser->request.is_http_1_0 && parser->head_complete &&
        parser->state < STATE_COMPLETE && parser->scanned_bytes == parser->body_start;
    if (parser->state < STATE_COMPLETE) {
        return HTTP_PARSE_MORE;
    }
    return parser->state == STATE_COMPLETE ? HTTP_PARSE_COMPLETE : HTTP_PARSE_REFUSED;
}

size_t http_parser_compact(struct http_parser *parser)
{
    assert(parser->state < STATE_COMPLETE);
    if (parser->head_complete) {
        parser->scanned_bytes = parser->body_start + parser->body_size;
    }
    return parser->scanned_bytes;
}

struct bytes http_request_header(const struct http_request *request, const char *name, size_t *count)
{
    struct bytes first = {NULL, 0};
    size_t found = 0;
    for (size_t i = 0; i < request->header_count; i++) {
        if (bytes_equal_ignoring_case(request->headers[i].name, bytes_of_string(name))) {
            first = found++ == 0 ? request->headers[i].value : first;
        }
    }
    if (count != NULL) {
        *count = found;
    }
    return first;
}

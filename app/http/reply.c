/*
 * Responses of upstreams, line by line.
 */
#include "http/reply.h"

#include <string.h>

#include "http/head.h"

enum state {
    STATE_STATUS, /* lines */
    STATE_HEADER,
    STATE_CHUNK,
    STATE_CHUNK_END,
    STATE_TRAILER,
    STATE_LENGTH_DATA, /* bytes */
    STATE_CHUNK_DATA,
    STATE_DATA_TO_END,
    STATE_COMPLETE,
    STATE_REFUSED
};

#define STATUS_SWITCHING   101
#define STATUS_OK_FIRST    200
#define STATUS_NO_CONTENT  204
#define STATUS_RESET       205
#define STATUS_UNCHANGED   304
#define CHUNK_DIGITS_MAX   8
#define STATUS_LINE_MIN    12 /* HTTP/1.1 200 */
#define STATUS_LINE_PREFIX 9

void http_reply_reset(struct http_reply_parser *parser, struct buffer *body)
{
    memset(parser, 0, offsetof(struct http_reply_parser, line));
    parser->body = body;
}

static bool refuse(struct http_reply_parser *parser)
{
    parser->state = STATE_REFUSED;
    return false;
}

/* ---- the head ---- */

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* HTTP/1.x SP 3DIGIT [SP text]: some send no space where there is no reason. */
static bool read_status_line(struct http_reply_parser *parser, struct bytes line)
{
    struct bytes version = bytes_slice(line, 0, 8);
    struct bytes rest = bytes_slice(line, STATUS_LINE_PREFIX, line.size);
    bool is_1_0 = bytes_equal_string(version, "HTTP/1.0");
    if (line.size < STATUS_LINE_MIN || (!is_1_0 && !bytes_equal_string(version, "HTTP/1.1")) ||
        line.data[8] != ' ' || !is_digit(rest.data[0]) || !is_digit(rest.data[1]) ||
        !is_digit(rest.data[2]) || (rest.size > 3 && rest.data[3] != ' ')) {
        return refuse(parser);
    }
    for (size_t i = 3; i < rest.size; i++) {
        if (!http_is_value_byte(rest.data[i])) {
            return refuse(parser);
        }
    }
    parser->is_http_1_0 = is_1_0;
    parser->status =
        (uint16_t)((rest.data[0] - '0') * 100 + (rest.data[1] - '0') * 10 + (rest.data[2] - '0'));
    if (parser->status < 100 || parser->status > 599 || parser->status == STATUS_SWITCHING) {
        return refuse(parser);
    }
    parser->state = STATE_HEADER;
    return true;
}

static bool read_length(struct http_reply_parser *parser, struct bytes value)
{
    if (parser->has_length || bytes_to_u64(value, &parser->left) != STATUS_OK) {
        return refuse(parser);
    }
    parser->has_length = true;
    return true;
}

static bool read_coding(struct http_reply_parser *parser, struct bytes value)
{
    if (parser->has_coding || !bytes_equal_ignoring_case(value, BYTES_LITERAL("chunked"))) {
        return refuse(parser);
    }
    parser->has_coding = true;
    return true;
}

static bool read_connection(struct http_reply_parser *parser, struct bytes value)
{
    while (value.size > 0) {
        size_t end = bytes_find(value, ',');
        struct bytes option = bytes_trim(bytes_slice(value, 0, end));
        parser->wants_close |= bytes_equal_ignoring_case(option, BYTES_LITERAL("close"));
        value = bytes_slice(value, end + 1, value.size);
    }
    return true;
}

/* The first counts; one that is too long to keep counts as none. */
static bool read_type(struct http_reply_parser *parser, struct bytes value)
{
    if (!parser->has_type && value.size <= sizeof(parser->type) &&
        bytes_find(value, '\t') == value.size) { /* it becomes a header of ours */
        memcpy(parser->type, value.data, value.size);
        parser->type_size = value.size;
    }
    parser->has_type = true;
    return true;
}

static bool note_header(struct http_reply_parser *parser, struct bytes name, struct bytes value)
{
    static const struct {
        const char *name;
        bool (*read)(struct http_reply_parser *parser, struct bytes value);
    } known[] = {
        {"content-length", read_length},
        {"transfer-encoding", read_coding},
        {"connection", read_connection},
        {"content-type", read_type},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (bytes_equal_ignoring_case(name, bytes_of_string(known[i].name))) {
            return known[i].read(parser, value);
        }
    }
    return true;
}

static bool header_is_sound(struct bytes name, struct bytes value)
{
    bool sound = name.size > 0;
    for (size_t i = 0; i < name.size; i++) {
        sound = sound && http_is_token_byte(name.data[i]);
    }
    for (size_t i = 0; i < value.size; i++) {
        sound = sound && http_is_value_byte(value.data[i]);
    }
    return sound;
}

static void complete(struct http_reply_parser *parser)
{
    parser->state = STATE_COMPLETE;
}

/* An interim answer ends here, and the next one's head begins. */
static void pass_over(struct http_reply_parser *parser)
{
    parser->state = STATE_STATUS;
    parser->header_count = 0;
    parser->has_length = false;
    parser->has_coding = false;
    parser->wants_close = false;
    parser->has_type = false;
    parser->type_size = 0;
}

/* RFC 9112 section 6.3, in its order. */
static bool finish_head(struct http_reply_parser *parser)
{
    if (parser->has_coding && (parser->has_length || parser->is_http_1_0)) {
        return refuse(parser);
    }
    if (parser->status < STATUS_OK_FIRST) {
        pass_over(parser);
        return true;
    }
    parser->keep_alive = !parser->wants_close && !parser->is_http_1_0;
    if (parser->status == STATUS_NO_CONTENT || parser->status == STATUS_RESET ||
        parser->status == STATUS_UNCHANGED) {
        complete(parser);
    } else if (parser->has_coding) {
        parser->state = STATE_CHUNK;
    } else if (!parser->has_length) {
        parser->state = STATE_DATA_TO_END;
        parser->keep_alive = false;
    } else if (parser->left > parser->body->capacity) {
        return refuse(parser);
    } else if (parser->left == 0) {
        complete(parser);
    } else {
        parser->state = STATE_LENGTH_DATA;
    }
    return true;
}

static bool read_header_line(struct http_reply_parser *parser, struct bytes line)
{
    if (line.size == 0) {
        return finish_head(parser);
    }
    size_t name_size = bytes_find(line, ':');
    struct bytes name = bytes_slice(line, 0, name_size);
    struct bytes value = bytes_trim(bytes_slice(line, name_size + 1, line.size));
    if (name_size == line.size || !header_is_sound(name, value) ||
        ++parser->header_count > HTTP_HEADERS_MAX) {
        return refuse(parser);
    }
    return note_header(parser, name, value);
}

/* ---- chunks ---- */

static int hex_value(uint8_t byte)
{
    if (is_digit(byte)) {
        return byte - '0';
    }
    uint8_t lower = byte | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The size, and perhaps an extension that means nothing to us. */
static bool read_chunk_line(struct http_reply_parser *parser, struct bytes line)
{
    size_t digits = 0;
    parser->left = 0;
    while (digits < line.size && hex_value(line.data[digits]) >= 0 && digits <= CHUNK_DIGITS_MAX) {
        parser->left = parser->left * 16 + (uint64_t)hex_value(line.data[digits]);
        digits++;
    }
    struct bytes extension = bytes_trim(bytes_slice(line, digits, line.size));
    parser->extension_bytes += line.size - digits;
    for (size_t i = 0; i < extension.size; i++) {
        if (!http_is_value_byte(extension.data[i])) {
            return refuse(parser);
        }
    }
    if (digits == 0 || digits > CHUNK_DIGITS_MAX || (extension.size > 0 && extension.data[0] != ';') ||
        parser->extension_bytes > HTTP_CHUNK_EXTENSION_MAX_BYTES ||
        parser->left > parser->body->capacity - parser->body->size) {
        return refuse(parser);
    }
    parser->state = parser->left == 0 ? STATE_TRAILER : STATE_CHUNK_DATA;
    return true;
}

static bool read_trailer_line(struct http_reply_parser *parser, struct bytes line)
{
    size_t name_size = bytes_find(line, ':');
    parser->trailer_bytes += line.size + 2;
    if (line.size == 0) {
        complete(parser);
        return true;
    }
    bool sound = name_size < line.size && header_is_sound(bytes_slice(line, 0, name_size),
                                                          bytes_slice(line, name_size + 1, line.size));
    return (sound && parser->trailer_bytes <= HTTP_TRAILER_MAX_BYTES) || refuse(parser);
}

/* ---- lines ---- */

static bool read_line(struct http_reply_parser *parser)
{
    struct bytes line = bytes_of(parser->line, parser->line_size);
    parser->line_size = 0;
    switch ((enum state)parser->state) {
    case STATE_STATUS:
        return read_status_line(parser, line);
    case STATE_HEADER:
        return read_header_line(parser, line);
    case STATE_CHUNK:
        return read_chunk_line(parser, line);
    case STATE_CHUNK_END:
        parser->state = STATE_CHUNK;
        return line.size == 0 || refuse(parser);
    default:
        return read_trailer_line(parser, line);
    }
}

static bool line_has_room(struct http_reply_parser *parser)
{
    bool in_head = parser->state == STATE_STATUS || parser->state == STATE_HEADER;
    parser->head_bytes += in_head ? 1 : 0;
    return parser->line_size < sizeof(parser->line) && parser->head_bytes <= HTTP_HEAD_MAX_BYTES;
}

/* CR LF ends a line, and neither stands anywhere else. */
static bool take_line_byte(struct http_reply_parser *parser, uint8_t byte)
{
    if (!line_has_room(parser) || parser->saw_cr != (byte == '\n')) {
        return refuse(parser);
    }
    parser->saw_cr = byte == '\r';
    if (byte == '\n') {
        return read_line(parser);
    }
    if (byte != '\r') {
        parser->line[parser->line_size++] = byte;
    }
    return true;
}

/* ---- bodies ---- */

static bool take_data(struct http_reply_parser *parser, struct bytes *rest)
{
    bool to_end = parser->state == STATE_DATA_TO_END;
    size_t size = to_end || parser->left > rest->size ? rest->size : (size_t)parser->left;
    buffer_append(parser->body, bytes_slice(*rest, 0, size));
    *rest = bytes_slice(*rest, size, rest->size);
    if (buffer_failed(parser->body)) {
        return refuse(parser);
    }
    parser->left -= to_end ? 0 : size;
    if (!to_end && parser->left == 0) {
        parser->state = parser->state == STATE_LENGTH_DATA ? STATE_COMPLETE : STATE_CHUNK_END;
    }
    return true;
}

static enum http_reply result(const struct http_reply_parser *parser)
{
    if (parser->state == STATE_REFUSED) {
        return HTTP_REPLY_REFUSED;
    }
    return parser->state == STATE_COMPLETE ? HTTP_REPLY_COMPLETE : HTTP_REPLY_MORE;
}

enum http_reply http_reply_feed(struct http_reply_parser *parser, struct bytes *rest)
{
    bool going_on = result(parser) == HTTP_REPLY_MORE;
    while (going_on && rest->size > 0) {
        if (parser->state >= STATE_LENGTH_DATA) {
            going_on = take_data(parser, rest);
        } else {
            going_on = take_line_byte(parser, rest->data[0]);
            *rest = bytes_slice(*rest, 1, rest->size);
        }
        going_on = going_on && result(parser) == HTTP_REPLY_MORE;
    }
    return result(parser);
}

enum http_reply http_reply_end(struct http_reply_parser *parser)
{
    if (parser->state == STATE_DATA_TO_END) {
        complete(parser);
    } else if (parser->state != STATE_COMPLETE) {
        (void)refuse(parser);
    }
    return result(parser);
}

bool http_reply_begun(const struct http_reply_parser *parser)
{
    return parser->state != STATE_STATUS || parser->head_bytes > 0;
}

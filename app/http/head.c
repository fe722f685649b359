/*
 * The lines of a request head, and what they mean together.
 */
#include "http/head.h"

#define REFUSE_MALFORMED   400
#define REFUSE_BODY        413
#define REFUSE_EXPECTATION 417
#define REFUSE_HEADERS     431
#define REFUSE_CODING      501
#define REFUSE_VERSION     505

/* ---- classes of bytes ---- */

enum {
    IN_TOKEN = 1, /* RFC 9110 5.6.2 */
    IN_HOST = 2,  /* an authority without user info: RFC 3986 3.2.2, 3.2.3 */
    IN_PATH = 4,  /* RFC 3986 pchar and the slash; `%` is looked at by its followers */
    IN_URI = IN_HOST | IN_PATH,
    IN_ALL = IN_TOKEN | IN_URI
};

static const uint8_t classes[256] = {
    ['0' ... '9'] = IN_ALL, ['A' ... 'Z'] = IN_ALL, ['a' ... 'z'] = IN_ALL, ['!'] = IN_ALL, ['$'] = IN_ALL,
    ['%'] = IN_ALL,         ['&'] = IN_ALL,         ['\''] = IN_ALL,        ['*'] = IN_ALL, ['+'] = IN_ALL,
    ['-'] = IN_ALL,         ['.'] = IN_ALL,         ['_'] = IN_ALL,         ['~'] = IN_ALL, ['#'] = IN_TOKEN,
    ['^'] = IN_TOKEN,       ['`'] = IN_TOKEN,       ['|'] = IN_TOKEN,       ['('] = IN_URI, [')'] = IN_URI,
    [','] = IN_URI,         [';'] = IN_URI,         ['='] = IN_URI,         [':'] = IN_URI, ['['] = IN_HOST,
    [']'] = IN_HOST,        ['/'] = IN_PATH,        ['@'] = IN_PATH,
};

bool http_is_token_byte(uint8_t byte)
{
    return (classes[byte] & IN_TOKEN) != 0;
}

static bool is_host_byte(uint8_t byte)
{
    return (classes[byte] & IN_HOST) != 0;
}

static bool is_path_byte(uint8_t byte)
{
    return (classes[byte] & IN_PATH) != 0;
}

static bool is_hex_digit(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'F') || (byte >= 'a' && byte <= 'f');
}

static inline bool all_bytes(struct bytes text, bool (*is_member)(uint8_t byte))
{
    for (size_t i = 0; i < text.size; i++) {
        if (!is_member(text.data[i])) {
            return false;
        }
    }
    return text.size > 0;
}

static struct http_span span_of(struct bytes part, struct bytes line, size_t offset)
{
    return (struct http_span){(uint16_t)(offset + (size_t)(part.data - line.data)), (uint16_t)part.size};
}

/* ---- request line (RFC 9112 section 3) ---- */

static enum http_method method_of(struct bytes token)
{
    static const char names[][8] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (bytes_equal_string(token, names[i])) {
            return (enum http_method)i;
        }
    }
    return HTTP_OTHER;
}

static uint16_t read_version(struct http_parser *parser, struct bytes version)
{
    if (version.size != 8 || !bytes_starts_with(version, BYTES_LITERAL("HTTP/")) || version.data[6] != '.') {
        return REFUSE_MALFORMED;
    }
    uint8_t major = version.data[5];
    uint8_t minor = version.data[7];
    if (major < '0' || major > '9' || minor < '0' || minor > '9') {
        return REFUSE_MALFORMED;
    }
    parser->request.is_http_1_0 = minor == '0';
    return major == '1' && minor <= '1' ? 0 : REFUSE_VERSION;
}

static bool path_valid(struct bytes path)
{
    for (size_t i = 0; i < path.size; i++) {
        if (!is_path_byte(path.data[i])) {
            return false;
        }
        if (path.data[i] == '%' &&
            (path.size - i < 3 || !is_hex_digit(path.data[i + 1]) || !is_hex_digit(path.data[i + 2]))) {
            return false;
        }
    }
    return true;
}

/* More than RFC 3986 allows: proxies append their client's query to ours as it is, so that what browsers send must
 * pass here. It is judged where it is decoded. */
static bool is_query_byte(uint8_t byte)
{
    return byte > 0x20 && byte < 0x7f && byte != '#';
}

/* absolute-form: cut scheme and authority off `target`; false when they are not https and a host. */
static bool cut_authority(struct bytes *target)
{
    const struct bytes scheme = BYTES_LITERAL("https://");
    if (!bytes_equal_ignoring_case(bytes_slice(*target, 0, scheme.size), scheme)) {
        return false;
    }
    struct bytes rest = bytes_slice(*target, scheme.size, target->size);
    size_t end = 0;
    while (end < rest.size && rest.data[end] != '/' && rest.data[end] != '?') {
        end++;
    }
    *target = bytes_slice(rest, end, rest.size);
    return all_bytes(bytes_slice(rest, 0, end), is_host_byte);
}

static uint16_t read_target(struct http_parser *parser, struct bytes target, struct bytes line, size_t offset)
{
    bool is_options = parser->request.method == HTTP_OPTIONS;
    if (bytes_equal_string(target, "*")) {
        parser->flags |= HTTP_FLAG_PATH_STAR;
        return is_options ? 0 : REFUSE_MALFORMED;
    }
    if (target.size == 0 || (target.data[0] != '/' && !cut_authority(&target))) {
        return REFUSE_MALFORMED;
    }
    size_t path_size = bytes_find(target, '?');
    struct bytes path = bytes_slice(target, 0, path_size);
    struct bytes query = bytes_slice(target, path_size + 1, target.size);
    if (!path_valid(path) || (query.size > 0 && !all_bytes(query, is_query_byte))) {
        return REFUSE_MALFORMED;
    }
    if (path.size == 0) {
        /* RFC 9112 3.2.4: OPTIONS of a whole server, through a proxy. */
        parser->flags |= is_options && path_size == target.size ? HTTP_FLAG_PATH_STAR : HTTP_FLAG_PATH_ROOT;
    }
    parser->path = span_of(path, line, offset);
    parser->query = span_of(query, line, offset);
    return 0;
}

uint16_t http_read_request_line(struct http_parser *parser, struct bytes line, size_t offset)
{
    size_t method_size = bytes_find(line, ' ');
    struct bytes method = bytes_slice(line, 0, method_size);
    struct bytes rest = bytes_slice(line, method_size + 1, line.size);
    size_t target_size = bytes_find(rest, ' ');
    if (!all_bytes(method, http_is_token_byte) || target_size == rest.size) {
        return REFUSE_MALFORMED;
    }
    parser->request.method = method_of(method);
    uint16_t refusal = read_version(parser, bytes_slice(rest, target_size + 1, rest.size));
    if (refusal == 0) {
        refusal = read_target(parser, bytes_slice(rest, 0, target_size), line, offset);
        parser->target_known = refusal == 0;
    }
    return refusal;
}

/* ---- header lines (RFC 9112 section 5) ---- */

/* A header that may be there once only. */
static uint16_t note_single(struct http_parser *parser, uint16_t flag)
{
    bool is_repeated = (parser->flags & flag) != 0;
    parser->flags |= flag;
    return is_repeated ? REFUSE_MALFORMED : 0;
}

static uint16_t read_host(struct http_parser *parser, struct bytes value)
{
    uint16_t refusal = note_single(parser, HTTP_FLAG_HOST);
    return refusal == 0 && !all_bytes(value, is_host_byte) ? REFUSE_MALFORMED : refusal;
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static uint16_t read_length(struct http_parser *parser, struct bytes value)
{
    uint16_t refusal = note_single(parser, HTTP_FLAG_LENGTH);
    if (refusal != 0 || !all_bytes(value, is_digit)) {
        return REFUSE_MALFORMED;
    }
    if (bytes_to_u64(value, &parser->content_length) != STATUS_OK) {
        parser->content_length =
            UINT64_MAX; /* more digits than 64 bits hold: too large, like any large number */
    }
    return 0;
}

static uint16_t read_coding(struct http_parser *parser, struct bytes value)
{
    uint16_t refusal = note_single(parser, HTTP_FLAG_CODING);
    if (value.size == 0) {
        return REFUSE_MALFORMED;
    }
    if (!bytes_equal_ignoring_case(value, BYTES_LITERAL("chunked"))) {
        parser->flags |= HTTP_FLAG_CODING_UNKNOWN;
    }
    return refusal;
}

static uint16_t read_expect(struct http_parser *parser, struct bytes value)
{
    bool is_known = bytes_equal_ignoring_case(value, BYTES_LITERAL("100-continue"));
    parser->flags |= is_known ? HTTP_FLAG_CONTINUE : HTTP_FLAG_EXPECT_UNKNOWN;
    return 0;
}

/* A list of tokens; those that we don't know mean nothing to us. */
static uint16_t read_connection(struct http_parser *parser, struct bytes value)
{
    while (value.size > 0) {
        size_t end = bytes_find(value, ',');
        struct bytes option = bytes_trim(bytes_slice(value, 0, end));
        if (bytes_equal_ignoring_case(option, BYTES_LITERAL("close"))) {
            parser->flags |= HTTP_FLAG_CLOSE;
        } else if (bytes_equal_ignoring_case(option, BYTES_LITERAL("keep-alive"))) {
            parser->flags |= HTTP_FLAG_KEEP_ALIVE;
        }
        value = bytes_slice(value, end + 1, value.size);
    }
    return 0;
}

static bool is_named(struct bytes name, const char *known)
{
    return bytes_equal_ignoring_case(name, bytes_of_string(known));
}

/* The headers that decide about the message itself, told apart by their sizes first. */
static uint16_t note_header(struct http_parser *parser, struct bytes name, struct bytes value)
{
    switch (name.size) {
    case 4:
        return is_named(name, "host") ? read_host(parser, value) : 0;
    case 6:
        return is_named(name, "expect") ? read_expect(parser, value) : 0;
    case 10:
        return is_named(name, "connection") ? read_connection(parser, value) : 0;
    case 14:
        return is_named(name, "content-length") ? read_length(parser, value) : 0;
    case 17:
        return is_named(name, "transfer-encoding") ? read_coding(parser, value) : 0;
    default:
        return 0;
    }
}

uint16_t http_read_header_line(struct http_parser *parser, struct bytes line, size_t offset)
{
    size_t name_size = bytes_find(line, ':');
    struct bytes name = bytes_slice(line, 0, name_size);
    /* Neither obs-fold nor a space before the colon is a token byte: both are refused here. */
    if (name_size == line.size || !all_bytes(name, http_is_token_byte)) {
        return REFUSE_MALFORMED;
    }
    size_t index = parser->request.header_count;
    if (index == HTTP_HEADERS_MAX) {
        return REFUSE_HEADERS;
    }
    struct bytes value = bytes_trim(bytes_slice(line, name_size + 1, line.size));
    parser->names[index] = span_of(name, line, offset);
    parser->values[index] = span_of(value, line, offset);
    parser->request.header_count++;
    return note_header(parser, name, value);
}

/* ---- the head as a whole ---- */

/* RFC 9112 6.1 and 6.3: one framing or none. */
static uint16_t judge_framing(const struct http_parser *parser)
{
    bool has_coding = (parser->flags & HTTP_FLAG_CODING) != 0;
    if (has_coding && ((parser->flags & HTTP_FLAG_LENGTH) != 0 || parser->request.is_http_1_0)) {
        return REFUSE_MALFORMED;
    }
    if (!parser->request.is_http_1_0 && (parser->flags & HTTP_FLAG_HOST) == 0) {
        return REFUSE_MALFORMED;
    }
    return 0;
}

static uint16_t judge_body(const struct http_parser *parser)
{
    if ((parser->flags & HTTP_FLAG_CODING_UNKNOWN) != 0) {
        return REFUSE_CODING;
    }
    /* RFC 9110 10.1.1: an HTTP/1.0 client cannot mean 100-continue, but what else it expects we don't do. */
    if ((parser->flags & HTTP_FLAG_EXPECT_UNKNOWN) != 0) {
        return REFUSE_EXPECTATION;
    }
    return parser->content_length > HTTP_BODY_MAX_BYTES ? REFUSE_BODY : 0;
}

uint16_t http_finish_head(struct http_parser *parser)
{
    uint16_t refusal = judge_framing(parser);
    if (refusal != 0) {
        return refusal;
    }
    bool wants_close = (parser->flags & HTTP_FLAG_CLOSE) != 0;
    bool wants_more = (parser->flags & HTTP_FLAG_KEEP_ALIVE) != 0;
    parser->request.keep_alive = !wants_close && (wants_more || !parser->request.is_http_1_0);
    parser->request.has_body = (parser->flags & HTTP_FLAG_CODING) != 0 || parser->content_length > 0;
    parser->head_complete = true;
    return judge_body(parser);
}

/*
 * libFuzzer: the request parser. The first byte chooses the sizes of the pieces; whatever they are, the outcome is the
 * one of the whole. Inputs lie in blocks of exactly their size.
 */
#include "http/request.h"
#include "tests/fuzz/fuzz.h"

struct run {
    struct http_parser parser;
    enum http_parse result;
    uint8_t *data;
    size_t size;
    size_t fed_bytes;
};

static void feed(struct run *run, struct bytes piece, bool compact)
{
    uint8_t *moved = malloc(run->size + piece.size);
    require(moved != NULL || run->size + piece.size == 0, "malloc");
    if (run->size > 0) {
        memcpy(moved, run->data, run->size);
    }
    if (piece.size > 0) {
        memcpy(moved + run->size, piece.data, piece.size);
    }
    free(run->data);
    run->data = moved;
    run->size += piece.size;
    run->fed_bytes += piece.size;
    run->result = http_request_parse(&run->parser, run->data, run->size);
    if (compact && run->result == HTTP_PARSE_MORE) {
        run->size = http_parser_compact(&run->parser);
        require(run->size <= HTTP_HEAD_MAX_BYTES + HTTP_BODY_MAX_BYTES, "compaction bounds the buffer");
    }
}

static void feed_all(struct run *run, struct bytes input, size_t piece, bool compact)
{
    memset(run, 0, sizeof(*run));
    http_parser_reset(&run->parser);
    size_t offset = 0;
    do {
        struct bytes part = bytes_slice(input, offset, piece);
        feed(run, part, compact);
        offset += part.size;
    } while (offset < input.size && run->result == HTTP_PARSE_MORE);
}

static void compare_requests(const struct http_request *a, const struct http_request *b)
{
    require(a->method == b->method && bytes_equal(a->path, b->path) && bytes_equal(a->query, b->query),
            "target");
    require(a->is_http_1_0 == b->is_http_1_0 && a->keep_alive == b->keep_alive && a->has_body == b->has_body,
            "flags");
    require(a->header_count == b->header_count && a->header_count <= HTTP_HEADERS_MAX, "headers");
    for (size_t i = 0; i < a->header_count; i++) {
        require(bytes_equal(a->headers[i].name, b->headers[i].name), "header name");
        require(bytes_equal(a->headers[i].value, b->headers[i].value), "header value");
    }
}

static void compare(const struct run *a, const struct run *b)
{
    require(a->result == b->result && a->parser.refused_status == b->parser.refused_status, "result");
    require(a->parser.head_complete == b->parser.head_complete &&
                a->parser.target_known == b->parser.target_known,
            "progress");
    if (a->parser.head_complete) {
        compare_requests(&a->parser.request, &b->parser.request);
    } else if (a->parser.target_known) {
        require(bytes_equal(a->parser.request.path, b->parser.request.path), "path");
    }
    if (a->result == HTTP_PARSE_COMPLETE) {
        require(bytes_equal(a->parser.request.body, b->parser.request.body), "body");
        require(a->parser.request.body.size <= HTTP_BODY_MAX_BYTES, "body size");
        /* As many bytes were taken from the wire: pieces end before the whole does. */
        size_t rest_a = a->size - a->parser.consumed_bytes;
        size_t rest_b = b->size - b->parser.consumed_bytes;
        require(a->fed_bytes - rest_a == b->fed_bytes - rest_b, "consumed bytes");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct run whole;
    static struct run pieces;
    if (size < 1) {
        return 0;
    }
    struct bytes input = {data + 1, size - 1};
    size_t piece = (size_t)(data[0] >> 1) + 1;
    feed_all(&whole, input, input.size + 1, false);
    feed_all(&pieces, input, piece, (data[0] & 1) != 0);
    compare(&whole, &pieces);
    free(whole.data);
    free(pieces.data);
    return 0;
}

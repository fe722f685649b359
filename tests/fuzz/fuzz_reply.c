/*
 * libFuzzer: the parser of upstreams' answers. The first byte says how the bytes are cut; whatever the pieces are, the
 * outcome is the one of the whole.
 */
#include "http/reply.h"
#include "tests/fuzz/fuzz.h"

#define BODY_MAX 2048

struct run {
    struct http_reply_parser parser;
    enum http_reply result;
    struct buffer body;
    uint8_t memory[BODY_MAX];
    size_t left;
};

static void feed_all(struct run *run, struct bytes input, size_t piece)
{
    memset(run, 0, sizeof(*run));
    run->body = buffer_over(run->memory, sizeof(run->memory));
    http_reply_reset(&run->parser, &run->body);
    while (input.size > 0 && run->result == HTTP_REPLY_MORE) {
        struct bytes part = input_part(&input, piece);
        run->result = http_reply_feed(&run->parser, &part);
        run->left = part.size;
    }
    run->left += input.size;
    if (run->result == HTTP_REPLY_MORE) {
        run->result = http_reply_end(&run->parser);
    }
}

static void compare(const struct run *a, const struct run *b)
{
    require(a->result == b->result, "result");
    if (a->result != HTTP_REPLY_COMPLETE) {
        return;
    }
    require(a->parser.status == b->parser.status, "status");
    require(a->parser.status >= 200 && a->parser.status <= 599, "a final status");
    require(a->parser.keep_alive == b->parser.keep_alive, "keep-alive");
    require(a->left == b->left, "consumed bytes");
    require(bytes_equal(buffer_view(&a->body), buffer_view(&b->body)), "body");
    require(a->parser.type_size <= HTTP_TYPE_MAX_BYTES, "type size");
    require(bytes_equal(bytes_of(a->parser.type, a->parser.type_size),
                        bytes_of(b->parser.type, b->parser.type_size)),
            "type");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct run whole;
    static struct run pieces;
    struct bytes input = {data, size};
    size_t piece = (size_t)input_byte(&input) + 1;
    feed_all(&whole, input, size + 1);
    feed_all(&pieces, input, piece);
    compare(&whole, &pieces);
    return 0;
}

/*
 * The lines of a request head: what request.c hands over once a line is complete. Private to http/.
 *
 * Each function reads one line (without CR LF) into the parser and returns 0 or the status to refuse with. Nothing
 * here depends on how the bytes arrived.
 */
#ifndef JETON_HTTP_HEAD_H
#define JETON_HTTP_HEAD_H

#include "http/request.h"

/* Facts of the head, in parser->flags. */
enum http_flag {
    HTTP_FLAG_HOST = 1,
    HTTP_FLAG_LENGTH = 2,
    HTTP_FLAG_CODING = 4,         /* Transfer-Encoding is there */
    HTTP_FLAG_CODING_UNKNOWN = 8, /* and is not `chunked` */
    HTTP_FLAG_CONTINUE = 16,      /* Expect: 100-continue */
    HTTP_FLAG_EXPECT_UNKNOWN = 32,
    HTTP_FLAG_CLOSE = 64,       /* Connection: close */
    HTTP_FLAG_KEEP_ALIVE = 128, /* Connection: keep-alive */
    HTTP_FLAG_PATH_ROOT = 256,  /* the target has no path of its own: it is `/` ... */
    HTTP_FLAG_PATH_STAR = 512,  /* ... or `*` */
    HTTP_FLAG_SAW_CR = 1024,    /* of request.c: the byte before was CR */
    HTTP_FLAG_CHUNKED = 2048    /* of request.c: the body is chunked */
};

/* Classes of bytes: a token's (RFC 9110 5.6.2), a field value's (RFC 9110 5.5). */
bool http_is_token_byte(uint8_t byte);
static inline bool http_is_value_byte(uint8_t byte)
{
    return (byte >= 0x20 && byte != 0x7f) || byte == '\t';
}

/* `offset` is where `line` begins in the caller's buffer. */
uint16_t http_read_request_line(struct http_parser *parser, struct bytes line, size_t offset);
uint16_t http_read_header_line(struct http_parser *parser, struct bytes line, size_t offset);

/* After the empty line: what the headers mean together. Sets keep_alive and has_body, and head_complete unless the
 * head itself is malformed. */
uint16_t http_finish_head(struct http_parser *parser);

#endif

/*
 * Feeding the request parser in tests, in pieces of any size. Before each call the bytes move to a fresh block of exactly
 * their size, so that stale views and reads past the end show.
 */
#ifndef JETON_TESTS_SUPPORT_HTTP_FEED_H
#define JETON_TESTS_SUPPORT_HTTP_FEED_H

#include "http/request.h"

struct feed {
    struct http_parser parser;
    enum http_parse result;
    uint8_t *data; /* exactly `size` bytes */
    size_t size;
    size_t fed_bytes;
    bool compact;
};

/* `compact`: http_parser_compact after each call that wants more. */
void feed_start(struct feed *feed, bool compact);
void feed_bytes(struct feed *feed, const uint8_t *bytes, size_t count);
void feed_end(struct feed *feed);

/* Pieces of `piece` bytes after a first one of `first` bytes, until the parser has had enough. */
void feed_pieces(struct feed *feed, struct bytes input, size_t first, size_t piece);

/* The outcome in one line: the refusal's status, with path and `head` if the head was complete; or `more`; or
 * `method path?query version close|keep [body=...] [rest=n]`, where rest is what follows the request. The test fails when
 * it is not `outcome`. */
void assert_outcome(const struct feed *feed, struct bytes input, const char *outcome, const char *how);

#endif

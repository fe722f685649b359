/*
 * Bytes on their way in: the request that is being read, and what a pipelining client sent behind it, in one buffer
 * that grows while it must and is given back when nothing is pending.
 *
 * Ownership: the intake owns its memory until intake_close. Blocking: none.
 * Failure: STATUS_FULL without memory; STATUS_TOO_LARGE when one request is over INTAKE_MAX_BYTES as sent.
 */
#ifndef JETON_NET_INTAKE_H
#define JETON_NET_INTAKE_H

#include "base/heap.h"
#include "http/request.h"
#include "limits.h"

struct intake {
    struct http_parser parser;
    bool continue_sent; /* 100 Continue, for the request being read */
    uint8_t *data;
    size_t start; /* of the request being read */
    size_t size;
    size_t capacity;
};

/* Memory for the first bytes; NULL when there is none. */
struct intake *intake_open(struct heap *heap);
void intake_close(struct heap *heap, struct intake *intake);

/* Room for more bytes: at `*room`, `*room_bytes` > 0 of them. */
enum status intake_room(struct heap *heap, struct intake *intake, uint8_t **room,
                        size_t *room_bytes) MUST_USE;

/* `count` bytes were put there. */
void intake_added(struct intake *intake, size_t count);

/* Bytes that no request has used yet. */
size_t intake_pending(const struct intake *intake);

/* Parse on. */
enum http_parse intake_parse(struct intake *intake);

/* The complete request has been answered: the next one begins behind it. */
void intake_next(struct intake *intake);

#endif

/*
 * Bytes on their way out: a queue of chunks from the heap, all of one size, so that they are reused whatever is sent.
 *
 * Ownership: the queue owns its chunks until they are consumed or cleared. Blocking: none.
 * Failure: an append without memory keeps what was there and says false; the caller closes the connection.
 */
#ifndef JETON_NET_OUTBOX_H
#define JETON_NET_OUTBOX_H

#include "base/heap.h"
#include "limits.h"

struct outbox_chunk;

struct outbox {
    struct heap *heap;
    struct outbox_chunk *first;
    struct outbox_chunk *last;
    size_t size_bytes;
};

void outbox_init(struct outbox *box, struct heap *heap);
bool outbox_append(struct outbox *box, struct bytes bytes) MUST_USE;

/* The oldest bytes, at most one chunk of them; empty when there are none. */
struct bytes outbox_front(const struct outbox *box);

/* Drop `size` bytes off the front; at most as many as outbox_front showed. */
void outbox_consume(struct outbox *box, size_t size);

/* Move all of `from` behind what `box` holds. */
void outbox_move(struct outbox *box, struct outbox *from);

void outbox_clear(struct outbox *box);

#endif

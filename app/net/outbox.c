/*
 * A queue of chunks.
 */
#include "net/outbox.h"

#include <assert.h>
#include <string.h>

struct outbox_chunk {
    struct outbox_chunk *next;
    uint32_t start;
    uint32_t end;
    uint8_t data[OUTBOX_CHUNK_BYTES - 16];
};
_Static_assert(sizeof(struct outbox_chunk) == OUTBOX_CHUNK_BYTES, "a chunk fills its heap class");
_Static_assert(sizeof((struct outbox_chunk *)0)->data <= TLS_WRITE_MAX_BYTES, "a chunk is one record");

void outbox_init(struct outbox *box, struct heap *heap)
{
    *box = (struct outbox){.heap = heap};
}

static bool add_chunk(struct outbox *box)
{
    struct outbox_chunk *chunk = heap_take(box->heap, sizeof *chunk);
    if (chunk == NULL)
        return false;
    chunk->next = NULL;
    chunk->start = 0;
    chunk->end = 0;
    if (box->last == NULL)
        box->first = chunk;
    else
        box->last->next = chunk;
    box->last = chunk;
    return true;
}

bool outbox_append(struct outbox *box, struct bytes bytes)
{
    while (bytes.size > 0) {
        if ((box->last == NULL || box->last->end == sizeof box->last->data) && !add_chunk(box))
            return false;
        struct outbox_chunk *chunk = box->last;
        size_t room = sizeof chunk->data - chunk->end;
        size_t count = bytes.size < room ? bytes.size : room;
        memcpy(chunk->data + chunk->end, bytes.data, count);
        chunk->end += (uint32_t)count;
        box->size_bytes += count;
        bytes = bytes_slice(bytes, count, bytes.size);
    }
    return true;
}

struct bytes outbox_front(const struct outbox *box)
{
    const struct outbox_chunk *chunk = box->first;
    return chunk == NULL ? bytes_of(NULL, 0)
                         : bytes_of(chunk->data + chunk->start, chunk->end - chunk->start);
}

static void drop_first(struct outbox *box)
{
    struct outbox_chunk *chunk = box->first;
    box->first = chunk->next;
    if (box->first == NULL)
        box->last = NULL;
    bytes_wipe(chunk->data, chunk->end); /* answers carry new secrets */
    heap_give(box->heap, chunk);
}

void outbox_consume(struct outbox *box, size_t size)
{
    struct outbox_chunk *chunk = box->first;
    if (size == 0)
        return;
    assert(chunk != NULL && size <= chunk->end - chunk->start);
    chunk->start += (uint32_t)size;
    box->size_bytes -= size;
    if (chunk->start == chunk->end)
        drop_first(box);
}

void outbox_move(struct outbox *box, struct outbox *from)
{
    if (from->first == NULL)
        return;
    if (box->last == NULL)
        box->first = from->first;
    else
        box->last->next = from->first;
    box->last = from->last;
    box->size_bytes += from->size_bytes;
    outbox_init(from, from->heap);
}

void outbox_clear(struct outbox *box)
{
    while (box->first != NULL)
        drop_first(box);
    box->size_bytes = 0;
}

/*
 * The buffer of one connection's requests.
 */
#include "net/intake.h"

#include <assert.h>
#include <string.h>

struct intake *intake_open(struct heap *heap)
{
    struct intake *intake = heap_take(heap, sizeof *intake);
    uint8_t *data = heap_take(heap, INTAKE_FIRST_BYTES);
    if (intake == NULL || data == NULL) {
        heap_give(heap, intake);
        heap_give(heap, data);
        return NULL;
    }
    http_parser_reset(&intake->parser);
    intake->continue_sent = false;
    intake->data = data;
    intake->start = 0;
    intake->size = 0;
    intake->capacity = INTAKE_FIRST_BYTES;
    return intake;
}

/* Requests carry credentials: nothing of them stays in memory that another connection gets. */
void intake_close(struct heap *heap, struct intake *intake)
{
    if (intake == NULL)
        return;
    bytes_wipe(intake->data, intake->size);
    heap_give(heap, intake->data);
    heap_give(heap, intake);
}

static enum status grow(struct heap *heap, struct intake *intake)
{
    if (intake->capacity == INTAKE_MAX_BYTES)
        return STATUS_TOO_LARGE;
    size_t capacity = 2 * intake->capacity;
    uint8_t *larger = heap_take(heap, capacity);
    if (larger == NULL)
        return STATUS_FULL;
    memcpy(larger, intake->data, intake->size);
    bytes_wipe(intake->data, intake->size);
    heap_give(heap, intake->data);
    intake->data = larger;
    intake->capacity = capacity;
    return STATUS_OK;
}

enum status intake_room(struct heap *heap, struct intake *intake, uint8_t **room, size_t *room_bytes)
{
    if (intake->start > 0 && intake->size == intake->capacity) {
        memmove(intake->data, intake->data + intake->start, intake->size - intake->start);
        intake->size -= intake->start;
        intake->start = 0;
    }
    if (intake->size == intake->capacity) {
        enum status status = grow(heap, intake);
        if (status != STATUS_OK)
            return status;
    }
    *room = intake->data + intake->size;
    *room_bytes = intake->capacity - intake->size;
    return STATUS_OK;
}

void intake_added(struct intake *intake, size_t count)
{
    assert(count <= intake->capacity - intake->size);
    intake->size += count;
}

size_t intake_pending(const struct intake *intake)
{
    return intake->size - intake->start;
}

enum http_parse intake_parse(struct intake *intake)
{
    if (intake_pending(intake) == 0)
        return HTTP_PARSE_MORE;
    return http_request_parse(&intake->parser, intake->data + intake->start, intake_pending(intake));
}

void intake_next(struct intake *intake)
{
    intake->start += intake->parser.consumed_bytes;
    assert(intake->start <= intake->size);
    if (intake->start == intake->size) {
        bytes_wipe(intake->data, intake->size);
        intake->start = 0;
        intake->size = 0;
    }
    http_parser_reset(&intake->parser);
    intake->continue_sent = false;
}

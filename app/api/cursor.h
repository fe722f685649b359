/*
 * Cursors of lists: opaque texts that say after which item a page begins, and for which list.
 *
 * A cursor carries the item's id and its sort key when the cursor was made, so that it stays good when the item is
 * changed, revoked or gone. A MAC (service_mac) binds it to the list: caller's tenant and user, filters, order. One that
 * was changed, or taken from another list, does not read.
 * Ownership: a read cursor's name lives until the next cursor_read. Failure: STATUS_INVALID.
 */
#ifndef JETON_API_CURSOR_H
#define JETON_API_CURSOR_H

#include "service/service.h"

#define CURSOR_LIST_BYTES 32

/* Which list: a digest over everything that a page's cursors must agree on, apart from page size and direction. */
struct cursor_list {
    uint8_t digest[CURSOR_LIST_BYTES];
};

/* From texts that name the list; they are taken apart from each other by their sizes. At most 3. */
struct cursor_list cursor_list_of(const struct bytes *parts, size_t count);

struct cursor {
    struct uuid id;
    int64_t key_s;     /* sort key of a list by time, else 0 */
    struct bytes name; /* sort key of a list by name, else empty */
};

/* Append the text of a cursor. */
void cursor_write(struct buffer *out, const struct cursor_list *list, const struct cursor *cursor);

enum status cursor_read(struct bytes text, const struct cursor_list *list, struct cursor *cursor) MUST_USE;

#endif

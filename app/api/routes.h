/*
 * The route table: every path, method, what it asks of its caller, and its handler.
 */
#ifndef JETON_API_ROUTES_H
#define JETON_API_ROUTES_H

#include "api/auth.h"

struct route {
    enum http_method method;
    const char *pattern; /* {id} stands for one segment */
    enum needs needs;
    void (*handle)(struct exchange *exchange);
};

/* The routes by index, NULL behind the last; fewer than API_ROUTES_MAX. */
const struct route *route_at(size_t index);

/* The route of a request, NULL when there is none; HEAD is GET. *id gets the segment that stands for {id}. */
const struct route *route_find(enum http_method method, struct bytes path, struct bytes *id, uint8_t *index);

/* The methods that a path knows, as bits of enum http_method; 0 when there is no such path. `*` knows all. */
uint32_t route_methods(struct bytes path);

#endif

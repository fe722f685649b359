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

struct route_match {
    const struct route *route; /* NULL: the path knows no such method, or there is no such path */
    uint32_t
        methods; /* that the path knows, as bits of enum http_method; 0: there is no such path. `*` knows all */
    struct bytes id; /* the segment that stands for {id} */
    uint8_t index;   /* of the route */
};

/* The route of a request; HEAD is GET. */
void route_find(enum http_method method, struct bytes path, struct route_match *match);

#endif

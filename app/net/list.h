/*
 * A circular, doubly linked list through nodes inside its members: O(1) in, out and first.
 *
 * Ownership: none; a node is in at most one list. A zeroed node is in none.
 */
#ifndef JETON_NET_LIST_H
#define JETON_NET_LIST_H

#include "platform/types.h"

struct list_node {
    struct list_node *previous;
    struct list_node *next;
};

struct list {
    struct list_node head;
};

/* The struct that `node` is the member `member` of. */
#define LIST_OWNER(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

void list_init(struct list *list);
bool list_is_empty(const struct list *list);

/* The first node, NULL in an empty list. */
struct list_node *list_first(const struct list *list);

/* The node after `node`, NULL after the last. */
struct list_node *list_next(const struct list *list, const struct list_node *node);

bool list_has(const struct list_node *node);

/* Put at the end; the node must be in no list. */
void list_append(struct list *list, struct list_node *node);

/* Take out of its list; nothing where it is in none. */
void list_remove(struct list_node *node);

#endif

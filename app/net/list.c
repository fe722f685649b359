/*
 * A circular, doubly linked list.
 */
#include "net/list.h"

#include <assert.h>

void list_init(struct list *list)
{
    list->head.previous = &list->head;
    list->head.next = &list->head;
}

bool list_is_empty(const struct list *list)
{
    return list->head.next == &list->head;
}

struct list_node *list_first(const struct list *list)
{
    return list_is_empty(list) ? NULL : list->head.next;
}

struct list_node *list_next(const struct list *list, const struct list_node *node)
{
    return node->next == &list->head ? NULL : node->next;
}

bool list_has(const struct list_node *node)
{
    return node->next != NULL;
}

void list_append(struct list *list, struct list_node *node)
{
    assert(!list_has(node));
    node->previous = list->head.previous;
    node->next = &list->head;
    list->head.previous->next = node;
    list->head.previous = node;
}

void list_remove(struct list_node *node)
{
    if (!list_has(node))
        return;
    node->previous->next = node->next;
    node->next->previous = node->previous;
    node->previous = NULL;
    node->next = NULL;
}

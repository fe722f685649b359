/*
 * Reading: scan, cJSON's tree in the arena, exact numbers, duplicates. And looking at the tree.
 */
#include "json/json.h"

#include "limits.h"
#include "json/members.h"
#include "json/number.h"
#include "json/scan.h"

#include <assert.h>
#include <cJSON.h>
#include <stdlib.h>
#include <string.h>

/* ---- the arena: taken upwards, the latest piece can be given back, all of it at the next json_read ---- */

#define ARENA_ALIGNMENT 8

_Static_assert(sizeof(cJSON) <= 64, "JSON_ARENA_BYTES counts on it");
_Static_assert(_Alignof(cJSON) <= ARENA_ALIGNMENT, "nodes lie in the arena");

static union {
    uint8_t bytes[JSON_ARENA_BYTES];
    cJSON alignment;
} arena;
static size_t arena_used_bytes;
static size_t arena_latest; /* offset of the latest piece */

static void *arena_take(size_t size)
{
    size_t needed = (size + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
    if (needed > sizeof(arena.bytes) - arena_used_bytes) {
        return NULL;
    }
    arena_latest = arena_used_bytes;
    arena_used_bytes += needed;
    return arena.bytes + arena_latest;
}

/* cJSON gives back its copy of a number before it takes anything else. */
static void arena_give(void *piece)
{
    if (piece == arena.bytes + arena_latest) {
        arena_used_bytes = arena_latest;
    }
}

/* ---- from text to tree ---- */

/* Sorted members of one object at a time. */
static const struct json *sorted_members[JSON_MEMBERS_MAX];

struct reading {
    struct bytes text;
    size_t offset; /* in the text, past the number read last */
    bool refuse_duplicates;
    struct json_error *error;
};

static enum status fail(struct reading *reading, enum json_error_kind kind, const char *message,
                        size_t position)
{
    *reading->error = (struct json_error){kind, message, position};
    return STATUS_INVALID;
}

static bool is_number_byte(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || byte == '-' || byte == '+' || byte == '.' || byte == 'e' ||
           byte == 'E';
}

/* The next number of the text from `offset` on; there is one. */
static struct bytes next_number(struct bytes text, size_t offset)
{
    for (;; offset++) {
        uint8_t byte = text.data[offset];
        if (byte == '-' || (byte >= '0' && byte <= '9')) {
            break;
        }
        if (byte == '"') {
            for (offset++; text.data[offset] != '"'; offset++) {
                offset += text.data[offset] == '\\';
            }
        }
    }
    size_t end = offset;
    while (end < text.size && is_number_byte(text.data[end])) {
        end++;
    }
    return bytes_slice(text, offset, end - offset);
}

/* The tree is walked in the order of the text, so that the numbers of both meet. cJSON itself only skipped them. */
static enum status finish_number(struct reading *reading, cJSON *number)
{
    struct bytes token = next_number(reading->text, reading->offset);
    size_t start = (size_t)(token.data - reading->text.data);
    reading->offset = start + token.size;
    if (json_read_number(token, &number->valuedouble) != STATUS_OK) {
        return fail(reading, JSON_ERROR_RANGE, "number out of range", json_position(reading->text, start));
    }
    return STATUS_OK;
}

static enum status finish_object(struct reading *reading, cJSON *object)
{
    size_t count = json_sort_members((const struct json *)object, sorted_members, JSON_MEMBERS_MAX);
    for (size_t i = 1; i < count; i++) {
        struct bytes name = json_name(sorted_members[i - 1]);
        if (!bytes_equal(name, json_name(sorted_members[i]))) {
            continue;
        }
        if (reading->refuse_duplicates) {
            return fail(reading, JSON_ERROR_DUPLICATE, "duplicate member name", 0);
        }
        /* The pointer comes from the tree that we own; only its type had become const. */
        cJSON *earlier = (cJSON *)(uintptr_t)sorted_members[i - 1];
        (void)cJSON_DetachItemViaPointer(object, earlier);
    }
    return STATUS_OK;
}

/* Recursion is bounded by JSON_DEPTH_MAX, which the scan enforced. */
static enum status finish_value(struct reading *reading, cJSON *value)
{
    enum status status = STATUS_OK;
    for (cJSON *child = value->child; child != NULL && status == STATUS_OK; child = child->next) {
        status = finish_value(reading, child);
    }
    if (status == STATUS_OK && cJSON_IsNumber(value)) {
        status = finish_number(reading, value);
    }
    if (status == STATUS_OK && cJSON_IsObject(value)) {
        status = finish_object(reading, value);
    }
    return status;
}

enum status json_read(struct bytes text, enum json_duplicates duplicates, const struct json **root,
                      struct json_error *error)
{
    struct json_error own_error;
    struct reading reading = {text, 0, duplicates == JSON_DUPLICATES_REFUSE,
                              error == NULL ? &own_error : error};
    if (json_scan(text, reading.error) != STATUS_OK) {
        return STATUS_INVALID;
    }
    cJSON_Hooks hooks = {arena_take, arena_give};
    cJSON_InitHooks(&hooks);
    arena_used_bytes = 0;
    arena_latest = 0;
    cJSON *tree = cJSON_ParseWithLength((const char *)text.data, text.size);
    if (tree == NULL) {
        return STATUS_FULL; /* the scan is stricter than cJSON: it can only be the arena */
    }
    enum status status = finish_value(&reading, tree);
    if (status == STATUS_OK) {
        *root = (const struct json *)tree;
    }
    return status;
}

/* ---- looking at the tree ---- */

static const cJSON *node(const struct json *value)
{
    assert(value != NULL);
    return (const cJSON *)value;
}

enum json_type json_type(const struct json *value)
{
    switch (node(value)->type & 0xff) {
    case cJSON_NULL:
        return JSON_NULL;
    case cJSON_False:
        return JSON_FALSE;
    case cJSON_True:
        return JSON_TRUE;
    case cJSON_Number:
        return JSON_NUMBER;
    case cJSON_String:
        return JSON_STRING;
    case cJSON_Array:
        return JSON_ARRAY;
    default:
        assert(cJSON_IsObject(node(value)));
        return JSON_OBJECT;
    }
}

struct bytes json_string(const struct json *value)
{
    assert(json_type(value) == JSON_STRING);
    return bytes_of_string(node(value)->valuestring); /* no U+0000 inside: the scan saw to that */
}

double json_number(const struct json *value)
{
    assert(json_type(value) == JSON_NUMBER);
    return node(value)->valuedouble;
}

const struct json *json_member(const struct json *object, const char *name)
{
    return json_member_view(object, bytes_of_string(name));
}

const struct json *json_member_view(const struct json *object, struct bytes name)
{
    if (json_type(object) != JSON_OBJECT) {
        return NULL;
    }
    const struct json *member = json_first(object);
    while (member != NULL && !bytes_equal(json_name(member), name)) {
        member = json_next(member);
    }
    return member;
}

const struct json *json_first(const struct json *container)
{
    return (const struct json *)node(container)->child;
}

const struct json *json_next(const struct json *value)
{
    return (const struct json *)node(value)->next;
}

struct bytes json_name(const struct json *value)
{
    assert(node(value)->string != NULL);
    return bytes_of_string(node(value)->string);
}

size_t json_count(const struct json *container)
{
    size_t count = 0;
    for (const struct json *child = json_first(container); child != NULL; child = json_next(child)) {
        count++;
    }
    return count;
}

/*
 * The members of an object in the order of RFC 8785. Private to json/.
 */
#ifndef JETON_JSON_MEMBERS_H
#define JETON_JSON_MEMBERS_H

#include "json/json.h"

/* Fill `sorted` (room for `room` entries, an assert) with the object's members by name as UTF-16 code units, equal
 * names in the order of the text; the count. O(n log n) in time, constant in memory. */
size_t json_sort_members(const struct json *object, const struct json **sorted, size_t room);

#endif

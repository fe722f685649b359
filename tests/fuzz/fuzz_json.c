/*
 * libFuzzer: the JSON reader. What it accepts has a canonical form of bounded size, which is accepted again, without
 * duplicates, and is its own canonical form; the raw text of every member reads as the member.
 */
#include "base/encode.h"
#include "limits.h"
#include "tests/fuzz/fuzz.h"
#include "json/json.h"

#define NAMES_MAX      32
#define NAME_MAX_BYTES 64

static uint8_t first_memory[JSON_CANONICAL_MAX_BYTES];
static uint8_t second_memory[JSON_CANONICAL_MAX_BYTES];

static struct bytes canonical_of(const struct json *value, uint8_t *memory)
{
    struct buffer out = buffer_over(memory, JSON_CANONICAL_MAX_BYTES);
    require(json_canonical(value, &out) == STATUS_OK, "the canonical form fits");
    return buffer_view(&out);
}

static void check_error(struct bytes text, const struct json_error *error)
{
    size_t points = 0;
    require(error->kind != JSON_ERROR_NONE && error->message != NULL, "an error says what it is");
    if (error->kind == JSON_ERROR_GRAMMAR) {
        require(utf8_check(text, &points) == STATUS_OK && error->position <= points, "position in the text");
    }
}

/* The canonical form again; `first` is in first_memory. */
static void check_idempotent(struct bytes first)
{
    const struct json *root = NULL;
    if (first.size <= JSON_TEXT_MAX_BYTES) {
        require(json_read(first, JSON_DUPLICATES_REFUSE, &root, NULL) == STATUS_OK,
                "canonical form is accepted");
        require(bytes_equal(canonical_of(root, second_memory), first), "canonical form is its own");
    }
}

static void check_raw_member(struct bytes text, const char *name)
{
    const struct json *root = NULL;
    require(json_read(text, JSON_DUPLICATES_LAST, &root, NULL) == STATUS_OK, "accepted again");
    struct bytes expected = canonical_of(json_member(root, name), first_memory);
    struct bytes raw = json_raw_member(text, name);
    require(json_read(raw, JSON_DUPLICATES_LAST, &root, NULL) == STATUS_OK, "a raw member is JSON");
    require(bytes_equal(canonical_of(root, second_memory), expected), "a raw member is the member");
}

static void check_raw_members(struct bytes text, const struct json *root)
{
    static char names[NAMES_MAX][NAME_MAX_BYTES];
    size_t count = 0;
    for (const struct json *member = json_first(root); member != NULL && count < NAMES_MAX;
         member = json_next(member)) {
        struct bytes name = json_name(member);
        if (name.size < NAME_MAX_BYTES) {
            memcpy(names[count], name.data, name.size);
            names[count++][name.size] = '\0';
        }
    }
    for (size_t i = 0; i < count; i++) {
        check_raw_member(text, names[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct json *root = NULL;
    struct json_error error;
    struct json_error strict_error;
    struct bytes text = {data, size};
    enum status strict = json_read(text, JSON_DUPLICATES_REFUSE, &root, &strict_error);
    enum status status = json_read(text, JSON_DUPLICATES_LAST, &root, &error);
    if (status != STATUS_OK) {
        /* The strict reader may have come upon a duplicate before the fault that both see. */
        require(strict == status &&
                    (strict_error.kind == error.kind || strict_error.kind == JSON_ERROR_DUPLICATE),
                "refused alike");
        check_error(text, &error);
        return 0;
    }
    require(strict == STATUS_OK || strict_error.kind == JSON_ERROR_DUPLICATE, "only duplicates differ");
    check_idempotent(canonical_of(root, first_memory));
    require(json_read(text, JSON_DUPLICATES_LAST, &root, NULL) == STATUS_OK, "accepted again");
    if (json_type(root) == JSON_OBJECT) {
        check_raw_members(text, root);
    }
    return 0;
}

/*
 * libFuzzer: cursors of lists. An arbitrary text is no cursor; one that was made, and then changed or shown to another list,
 * is none either; unchanged it gives back what it was made of.
 */
#include "api/cursor.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/api_harness.h"

#define TEXT_MAX 1024
#define NAME_MAX (TOKEN_NAME_MAX_BYTES + 1)

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    appliance_start();
    return 0;
}

static struct cursor cursor_from(struct bytes *input)
{
    struct cursor cursor = {.key_s = (int64_t)input_u16(input) << 16 | input_u16(input)};
    struct bytes id = input_part(input, sizeof(cursor.id));
    if (id.size > 0) {
        memcpy(&cursor.id, id.data, id.size);
    }
    cursor.name = input_part(input, input_byte(input) % NAME_MAX);
    return cursor;
}

static void check_made(struct bytes text, const struct cursor_list *list, const struct cursor *made)
{
    struct cursor read;
    require(cursor_read(text, list, &read) == STATUS_OK, "a cursor reads");
    require(memcmp(&read.id, &made->id, sizeof(read.id)) == 0 && read.key_s == made->key_s &&
                bytes_equal(read.name, made->name),
            "as it was made");
}

static void check_changed(struct buffer *text, struct bytes changes, const struct cursor_list *list)
{
    struct cursor read;
    size_t position = input_u16(&changes) % text->size;
    uint8_t change = input_byte(&changes);
    text->data[position] ^= change;
    require(change == 0 || cursor_read(buffer_view(text), list, &read) != STATUS_OK,
            "a changed cursor is none");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t memory[TEXT_MAX];
    struct bytes input = {data, size};
    struct bytes names[2] = {BYTES_LITERAL("tenant"), input_part(&input, 3)};
    struct cursor_list list = cursor_list_of(names, 2), other = cursor_list_of(names, 1);
    struct cursor made, read;
    require(cursor_read(input, &list, &read) != STATUS_OK, "an arbitrary text is no cursor");
    made = cursor_from(&input);
    struct buffer text = buffer_over(memory, sizeof(memory));
    cursor_write(&text, &list, &made);
    check_made(buffer_view(&text), &list, &made);
    require(cursor_read(buffer_view(&text), &other, &read) != STATUS_OK, "another list's cursor is none");
    check_changed(&text, input, &list);
    return 0;
}

/*
 * The members of an object in the order of RFC 8785: a heap sort, which needs neither memory nor recursion and has no
 * bad inputs.
 */
#include "json/members.h"

#include <assert.h>

/* UTF-8 sorts as code points do, UTF-16 puts surrogates (code points from 10000 on, lead bytes from F0 on) before
 * E000..FFFF (lead bytes EE and EF). Only lead bytes can be the first to differ and be of these. */
static unsigned utf16_rank(uint8_t byte)
{
    return byte == 0xee || byte == 0xef ? byte + 0x10U : byte;
}

static int compare_utf16(struct bytes a, struct bytes b)
{
    size_t i = 0;
    while (i < a.size && i < b.size && a.data[i] == b.data[i]) {
        i++;
    }
    if (i == a.size || i == b.size) {
        return a.size == b.size ? 0 : a.size < b.size ? -1 : 1;
    }
    return utf16_rank(a.data[i]) < utf16_rank(b.data[i]) ? -1 : 1;
}

static bool comes_before(const struct json *a, const struct json *b)
{
    int order = compare_utf16(json_name(a), json_name(b));
    /* The arena hands out memory upwards: the address is the order of the text. */
    return order < 0 || (order == 0 && (uintptr_t)a < (uintptr_t)b);
}

static void sift_down(const struct json **heap, size_t root, size_t count)
{
    const struct json *sinking = heap[root];
    for (size_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
        if (child + 1 < count && comes_before(heap[child], heap[child + 1])) {
            child++;
        }
        if (!comes_before(sinking, heap[child])) {
            break;
        }
        heap[root] = heap[child];
        root = child;
    }
    heap[root] = sinking;
}

size_t json_sort_members(const struct json *object, const struct json **sorted, size_t room)
{
    size_t count = 0;
    for (const struct json *member = json_first(object); member != NULL; member = json_next(member)) {
        assert(count < room);
        sorted[count++] = member;
    }
    for (size_t root = count / 2; root > 0; root--) {
        sift_down(sorted, root - 1, count);
    }
    for (size_t end = count; end > 1; end--) {
        const struct json *last = sorted[0];
        sorted[0] = sorted[end - 1];
        sorted[end - 1] = last;
        sift_down(sorted, 0, end - 1);
    }
    return count;
}

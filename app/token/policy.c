/*
 * Actions, lives, and exact decimal comparison.
 */
#include "token/policy.h"

bool policy_action_is_builtin(struct bytes action)
{
    return bytes_equal_string(action, CAPABILITY_WITHDRAWAL) ||
           bytes_equal_string(action, CAPABILITY_CONVERSION);
}

static bool is_name_byte(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '_' || byte == '-';
}

static bool is_name(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (!is_name_byte(text.data[i])) {
            return false;
        }
    }
    return text.size > 0;
}

bool policy_action_is_wellformed(struct bytes action, struct bytes *member)
{
    size_t dot = bytes_find(action, '.');
    struct bytes head = bytes_slice(action, 0, dot);
    if (action.size > ACTION_NAME_MAX_BYTES || dot == action.size || !is_name(head) ||
        !is_name(bytes_slice(action, dot + 1, action.size))) {
        return false;
    }
    if (member != NULL) {
        *member = head;
    }
    return true;
}

uint32_t policy_action_life_s(uint64_t ttl_s)
{
    if (ttl_s == 0) {
        return ACTION_LIFE_DEFAULT_S;
    }
    if (ttl_s < ACTION_LIFE_MIN_S) {
        return ACTION_LIFE_MIN_S;
    }
    return ttl_s > ACTION_LIFE_MAX_S ? ACTION_LIFE_MAX_S : (uint32_t)ttl_s;
}

/* ---- decimals: 0.d1 d2 d3 ... x 10^exponent, d1 not 0; zero has no digits ---- */

struct decimal {
    struct bytes integer;
    struct bytes fraction;
    size_t first; /* index of d1 in integer and fraction read as one */
    size_t count; /* digits from d1 to the last that is not 0 */
    int64_t exponent;
};

#define EXPONENT_BOUND 1000000000 /* beyond any text's length; larger exponents are equal to it */

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static struct bytes take_digits(struct bytes *text)
{
    size_t count = 0;
    while (count < text->size && is_digit(text->data[count])) {
        count++;
    }
    struct bytes digits = bytes_slice(*text, 0, count);
    *text = bytes_slice(*text, count, text->size);
    return digits;
}

static bool take_byte(struct bytes *text, uint8_t byte)
{
    if (text->size == 0 || text->data[0] != byte) {
        return false;
    }
    *text = bytes_slice(*text, 1, text->size);
    return true;
}

static enum status take_exponent(struct bytes *text, int64_t *exponent)
{
    *exponent = 0;
    if (!take_byte(text, 'e') && !take_byte(text, 'E')) {
        return STATUS_OK;
    }
    bool negative = take_byte(text, '-');
    if (!negative) {
        (void)take_byte(text, '+');
    }
    struct bytes digits = take_digits(text);
    for (size_t i = 0; i < digits.size; i++) {
        *exponent = *exponent * 10 + (digits.data[i] - '0');
        *exponent = *exponent > EXPONENT_BOUND ? EXPONENT_BOUND : *exponent;
    }
    *exponent = negative ? -*exponent : *exponent;
    return digits.size > 0 ? STATUS_OK : STATUS_INVALID;
}

static uint8_t digit_at(const struct decimal *decimal, size_t index)
{
    if (index < decimal->integer.size) {
        return decimal->integer.data[index];
    }
    index -= decimal->integer.size;
    return index < decimal->fraction.size ? decimal->fraction.data[index] : '0';
}

static void normalize(struct decimal *decimal)
{
    size_t end = decimal->integer.size + decimal->fraction.size;
    size_t first = 0;
    while (first < end && digit_at(decimal, first) == '0') {
        first++;
    }
    while (end > first && digit_at(decimal, end - 1) == '0') {
        end--;
    }
    decimal->first = first;
    decimal->count = end - first;
    decimal->exponent += (int64_t)decimal->integer.size - (int64_t)first;
}

static enum status read_decimal(struct bytes text, struct decimal *decimal)
{
    (void)take_byte(&text, '-');
    decimal->integer = take_digits(&text);
    decimal->fraction = (struct bytes){NULL, 0};
    if (decimal->integer.size == 0) {
        return STATUS_INVALID;
    }
    if (take_byte(&text, '.')) {
        decimal->fraction = take_digits(&text);
        if (decimal->fraction.size == 0) {
            return STATUS_INVALID;
        }
    }
    enum status status = take_exponent(&text, &decimal->exponent);
    if (status != STATUS_OK || text.size > 0) {
        return STATUS_INVALID;
    }
    normalize(decimal);
    return STATUS_OK;
}

static int compare(const struct decimal *a, const struct decimal *b)
{
    if (a->count == 0 || b->count == 0) {
        return (a->count > 0) - (b->count > 0);
    }
    if (a->exponent != b->exponent) {
        return a->exponent < b->exponent ? -1 : 1;
    }
    size_t count = a->count > b->count ? a->count : b->count;
    for (size_t i = 0; i < count; i++) {
        uint8_t digit_a = i < a->count ? digit_at(a, a->first + i) : '0';
        uint8_t digit_b = i < b->count ? digit_at(b, b->first + i) : '0';
        if (digit_a != digit_b) {
            return digit_a < digit_b ? -1 : 1;
        }
    }
    return 0;
}

enum status policy_compare_amounts(struct bytes a, struct bytes b, int *order)
{
    struct decimal decimal_a;
    struct decimal decimal_b;
    *order = 0;
    if (read_decimal(a, &decimal_a) != STATUS_OK || read_decimal(b, &decimal_b) != STATUS_OK) {
        return STATUS_INVALID;
    }
    *order = compare(&decimal_a, &decimal_b);
    return STATUS_OK;
}

bool policy_amount_within(struct bytes amount, struct bytes limit)
{
    int order = 0;
    return policy_compare_amounts(amount, limit, &order) == STATUS_OK && order <= 0;
}

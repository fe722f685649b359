/*
 * The functions of <string.h> that the compiler and the stub ask for; the C library is in the image proper only. Eight bytes
 * at a time: an emulator takes as long for one.
 */
#include <stddef.h>

void *memcpy(void *restrict out, const void *restrict from, size_t size);
void *memset(void *out, int value, size_t size);
int memcmp(const void *a, const void *b, size_t size);

void *memcpy(void *restrict out, const void *restrict from, size_t size)
{
    void *result = out;
    size_t words = size / 8;
    size_t rest = size % 8;
    __asm__ volatile("rep movsq" : "+D"(out), "+S"(from), "+c"(words) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(out), "+S"(from), "+c"(rest) : : "memory");
    return result;
}

void *memset(void *out, int value, size_t size)
{
    void *result = out;
    size_t words = size / 8;
    size_t rest = size % 8;
    unsigned long pattern = (unsigned char)value * 0x0101010101010101UL;
    __asm__ volatile("rep stosq" : "+D"(out), "+c"(words) : "a"(pattern) : "memory");
    __asm__ volatile("rep stosb" : "+D"(out), "+c"(rest) : "a"(pattern) : "memory");
    return result;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const unsigned char *left = a;
    const unsigned char *right = b;
    for (size_t i = 0; i < size; i++) {
        if (left[i] != right[i]) {
            return left[i] - right[i];
        }
    }
    return 0;
}

/*
 * The functions of <string.h> that the compiler and the stub ask for; the C library is in the image proper only.
 */
#include <stddef.h>

void *memcpy(void *restrict out, const void *restrict from, size_t size);
void *memset(void *out, int value, size_t size);
int memcmp(const void *a, const void *b, size_t size);

void *memcpy(void *restrict out, const void *restrict from, size_t size)
{
    void *result = out;
    __asm__ volatile("rep movsb" : "+D"(out), "+S"(from), "+c"(size) : : "memory");
    return result;
}

void *memset(void *out, int value, size_t size)
{
    void *result = out;
    __asm__ volatile("rep stosb" : "+D"(out), "+c"(size) : "a"(value) : "memory");
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

/*
 * lwIP's compiler and machine: asserts stop the machine with their sentence, randomness comes from app/net.
 */
#ifndef JETON_LWIP_ARCH_CC_H
#define JETON_LWIP_ARCH_CC_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Else lwIP defines its own ssize_t. */
#ifndef SSIZE_MAX
#define SSIZE_MAX LONG_MAX
#endif

/* Given by app/net. The heap has a fixed size; calloc and malloc return NULL where it is full. */
void *link_heap_malloc(size_t size_bytes);
void *link_heap_calloc(size_t count, size_t size_bytes);
void link_heap_free(void *memory);
uint32_t link_random_u32(void);

/* Given by the platform. */
_Noreturn void platform_panic(const char *sentence);

#define LWIP_RAND()               link_random_u32()
#define LWIP_PLATFORM_ASSERT(why) platform_panic("lwIP: " why)
#define LWIP_PLATFORM_DIAG(what)  ((void)0)

#endif

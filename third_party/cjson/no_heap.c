/*
 * cJSON's default allocator, which has nothing to give: cJSON works only with the memory that app/json hands it by
 * cJSON_InitHooks(). sources.mk renames malloc, free and realloc inside cJSON to these.
 */
#include <stddef.h>

void *cjson_no_malloc(size_t size);
void *cjson_no_realloc(void *memory, size_t size);
void cjson_no_free(void *memory);

void *cjson_no_malloc(size_t size)
{
    (void)size;
    return NULL;
}

void *cjson_no_realloc(void *memory, size_t size)
{
    (void)memory;
    (void)size;
    return NULL;
}

void cjson_no_free(void *memory)
{
    (void)memory;
}

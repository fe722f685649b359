/*
 * What stands in for the C library inside cJSON; sources.mk renames malloc, free, realloc and strtod there to these.
 *
 * The default allocator has nothing to give: cJSON works only with the memory that app/json hands it by
 * cJSON_InitHooks(). Numbers are only skipped: app/json reads them itself, exactly, and the C library's strtod with its
 * own memory would be one more thing that a long number could exhaust.
 */
#include <stddef.h>
#include <string.h>

void *cjson_no_malloc(size_t size);
void *cjson_no_realloc(void *memory, size_t size);
void cjson_no_free(void *memory);
double cjson_skip_number(const char *text, char **end);

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

/* `text` is a copy of what looks like one number, which app/json's scan has found to be one. */
double cjson_skip_number(const char *text, char **end)
{
    *end = strchr(text, '\0');
    return 0;
}

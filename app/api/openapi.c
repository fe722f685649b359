/*
 * GET /openapi.json: the text of openapi.json beside this file, which the build puts into build/openapi.json without
 * its indentation, and the assembler from there into the image.
 */
#include "api/handlers.h"

/* A text without C's limits on string literals. The section is the one of constants. */
__asm__(".pushsection .rodata.openapi, \"a\"\n"
        ".global jeton_openapi_begin, jeton_openapi_end\n"
        "jeton_openapi_begin: .incbin \"build/openapi.json\"\n"
        "jeton_openapi_end: .byte 0\n"
        ".popsection\n");
extern const uint8_t jeton_openapi_begin[];
extern const uint8_t jeton_openapi_end[];

void openapi(struct exchange *exchange)
{
    size_t size = (size_t)((uintptr_t)jeton_openapi_end - (uintptr_t)jeton_openapi_begin);
    buffer_append(answer_text(exchange, 200, "application/json"), bytes_of(jeton_openapi_begin, size));
}

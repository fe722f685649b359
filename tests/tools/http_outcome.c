/*
 * What our request parser makes of bytes, for comparison with other parsers: standard input is records of a decimal size, a
 * line feed and so many bytes; standard output has a line for each: `refused`, `more`, or the request's parts in hex,
 * separated by spaces: method, path and query, version, keep-alive, consumed bytes, body, then each header's name and value.
 */
#include <stdio.h>
#include <stdlib.h>

#include "http/request.h"

#define RECORD_MAX 65536

static void put_hex(struct bytes text)
{
    putchar(' ');
    for (size_t i = 0; i < text.size; i++) {
        printf("%02x", text.data[i]);
    }
    if (text.size == 0) {
        putchar('-');
    }
}

static void put_request(const struct http_request *request, size_t consumed)
{
    printf("%d", (int)request->method);
    put_hex(request->path);
    put_hex(request->query);
    printf(" %d %d %zu", request->is_http_1_0 ? 0 : 1, (int)request->keep_alive, consumed);
    put_hex(request->body);
    for (size_t i = 0; i < request->header_count; i++) {
        put_hex(request->headers[i].name);
        put_hex(request->headers[i].value);
    }
}

/* The next record; false at the end, or where there is none. */
static bool read_record(uint8_t record[RECORD_MAX], size_t *size)
{
    char line[16];
    if (fgets(line, sizeof line, stdin) == NULL) {
        return false;
    }
    *size = strtoul(line, NULL, 10);
    return *size <= RECORD_MAX && fread(record, 1, *size, stdin) == *size;
}

int main(void)
{
    static uint8_t record[RECORD_MAX];
    static struct http_parser parser;
    size_t size;
    while (read_record(record, &size)) {
        http_parser_reset(&parser);
        enum http_parse result = http_request_parse(&parser, record, size);
        if (result == HTTP_PARSE_COMPLETE) {
            put_request(&parser.request, parser.consumed_bytes);
        } else {
            fputs(result == HTTP_PARSE_MORE ? "more" : "refused", stdout);
        }
        putchar('\n');
    }
    return 0;
}

/*
 * Every bound of the appliance in one place, by module, with how they fit together.
 *
 * A bound is reached by an answer (413, 431, 429, 503, a refused connection), never by a crash.
 */
#ifndef JETON_LIMITS_H
#define JETON_LIMITS_H
#include <assert.h>

/* ---- base ---- */
#define LOG_LINE_MAX_BYTES   512
#define HEAP_CHUNK_MAX_BYTES (1024 * 1024)

/* ---- http ---- */
#define HTTP_HEAD_MAX_BYTES            8192
#define HTTP_BODY_MAX_BYTES            16384
#define HTTP_HEADERS_MAX               64
#define HTTP_RESPONSE_HEADERS_MAX      12
#define HTTP_REQUEST_ID_MAX_BYTES      128
#define HTTP_CHUNK_EXTENSION_MAX_BYTES 256
#define HTTP_TRAILER_MAX_BYTES         1024

/* ---- json ---- */
#define JSON_DEPTH_MAX      32
#define JSON_TEXT_MAX_BYTES HTTP_BODY_MAX_BYTES

/* ---- store ---- */
#define STORE_RECORD_MAX_BYTES 20480 /* a tenant with the largest policy: one body and its frame */

/* ---- api ---- */
#define API_BODY_MAX_BYTES                                                                                   \
    (768 * 1024) /* a page of 1,000 tokens with short names; longer ones make shorter pages */

#endif

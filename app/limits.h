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

/* ---- crypto ---- */
#define CRYPTO_RESERVE_BYTES     (48 * 1024) /* one signature or sealed frame while the heap is full */
#define CRYPTO_RANDOM_POOL_BYTES 256         /* small random numbers (IP ids, ports) drawn at once */

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

/* ---- token ---- */
#define TOKEN_NAME_MAX_CODE_POINTS        255
#define TOKEN_NAME_MAX_BYTES              (4 * TOKEN_NAME_MAX_CODE_POINTS)
#define TOKEN_DESCRIPTION_MAX_CODE_POINTS 1024
#define TOKEN_DESCRIPTION_MAX_BYTES       (4 * TOKEN_DESCRIPTION_MAX_CODE_POINTS)
#define TOKEN_REASON_MAX_CODE_POINTS      255
#define TOKEN_REASON_MAX_BYTES            (4 * TOKEN_REASON_MAX_CODE_POINTS)
#define TOKEN_ACTIVE_PER_USER_MAX         10 /* family 1, per user and tenant */
#define TOKEN_CIDRS_MAX                   16
#define TOKEN_PAGE_MAX                    1000
#define ACTION_NAME_MAX_BYTES             64
#define ACTION_LIFE_DEFAULT_S             300
#define ACTION_LIFE_MIN_S                 30
#define ACTION_LIFE_MAX_S                 900
#define IDEMPOTENCY_LIFE_S                86400
#define IDEMPOTENCY_KEY_MAX_BYTES         255
#define TENANT_NAME_MAX_BYTES             1020
#define TENANT_POLICY_MAX_BYTES           16384
#define USER_EMAIL_MAX_BYTES              254
#define USER_TENANTS_MAX                  16
#define USER_CAPABILITIES_MAX             32
#define CAPABILITY_MAX_BYTES              64

/* ---- main ---- */
#define MEMORY_MIN_BYTES     (8 * 1024 * 1024)
#define MEMORY_TABLE_PERCENT 25 /* of what the machine has: the token table; the heap has the rest */
#define MEMORY_SPARE_BYTES   (64 * 1024)
#define SERVER_PORT          443
#define HOST_NAME_MAX_BYTES  63
#define BACKGROUND_STEP_US   2000
#define IDLE_TICK_NS         1000000000ULL /* the loop looks around once a second, for clock and certificate */
#define CERTIFICATE_NOT_BEFORE_S                                                                             \
    1577836800LL /* 2020-01-01: a clock that is wrong must not lock its operator out */
#define CERTIFICATE_NOT_AFTER_S                                                                              \
    253402300799LL /* 9999-12-31: no well-defined end (RFC 5280 section 4.1.2.5) */

#endif

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
#define HEAP_CHUNK_MAX_BYTES (2 * 1024 * 1024) /* the largest slice of mbedTLS's key store, below */

/* ---- crypto ---- */
#define CRYPTO_RESERVE_BYTES      (48 * 1024) /* one signature or sealed frame while the heap is full */
#define CRYPTO_RANDOM_POOL_BYTES  1024        /* drawn at once, for many small requests */
#define CRYPTO_RANDOM_SMALL_BYTES 64          /* from the pool, a larger one past it */

/* ---- http ---- */
#define HTTP_HEAD_MAX_BYTES            8192
#define HTTP_BODY_MAX_BYTES            16384
#define HTTP_HEADERS_MAX               64
#define HTTP_RESPONSE_HEADERS_MAX      12
#define HTTP_REQUEST_ID_MAX_BYTES      128
#define HTTP_CHUNK_EXTENSION_MAX_BYTES 256
#define HTTP_TRAILER_MAX_BYTES         1024
#define HTTP_TYPE_MAX_BYTES            128 /* an upstream's Content-Type */

/* ---- json ---- */
#define JSON_DEPTH_MAX      32
#define JSON_TEXT_MAX_BYTES HTTP_BODY_MAX_BYTES
#define JSON_MEMBERS_MAX    (JSON_TEXT_MAX_BYTES / 5 + 1) /* the shortest member is `"":1,` */
/* Numbers grow most: `1e20,` becomes 21 digits and a comma. Strings and the rest never grow. */
#define JSON_CANONICAL_MAX_BYTES (JSON_TEXT_MAX_BYTES / 5 * 22 + 22)
/* Per value at most one node of 64 bytes and, for strings, 10 bytes more than the text's, while each value has a byte
 * of its own and one after it (comma, bracket or the end): 32 bytes per byte of text. Beside that one copy of a number
 * at a time. */
#define JSON_ARENA_BYTES (32 * (JSON_TEXT_MAX_BYTES + 1) + JSON_TEXT_MAX_BYTES + 16)

/* ---- store ---- */
#define STORE_RECORD_MAX_BYTES  20480 /* a tenant with the largest policy: one body and its frame */
#define STORE_KNOWN_MAX_BYTES   63    /* of a record that has a rest: what a boot reads */
#define STORE_FRAME_SOFT_BYTES  16384 /* records of one frame, unless one alone is larger */
#define STORE_FRAME_MAX_BYTES   20992 /* header, the largest record, tags, CRC, padding */
#define STORE_SEGMENT_MIN_BYTES 32768
#define STORE_SEGMENTS_MIN      12
#define STORE_SEGMENTS_MAX      2048 /* a larger flash has larger segments */
#define STORE_SEGMENTS_GOAL     128  /* each has its first header read at boot: no more than that, ... */
#define STORE_SEGMENT_GOAL_BYTES                                                                             \
    (1024 * 1024) /* ... until they are so large: one is read to its end at boot */
#define STORE_HEADER_BLOCKS      4
#define STORE_PROGRAM_MAX_BYTES  512
#define STORE_READ_BYTES         (64 * 1024)  /* read at once by replay and compaction */
#define STORE_WINDOW_BYTES       (128 * 1024) /* where that goes */
#define STORE_IO_TRIES           3
#define STORE_MARK_INTERVAL_S    60 /* the newest time is that fresh after an idle spell */
#define STORE_SENTENCE_MAX_BYTES 200
#define GATHER_FLUSH_MIN_NS      1000000ULL /* a faster flush is not worth idling for company, */
#define GATHER_RECORD_NS                                                                                     \
    25000ULL /* nor one faster than so long for each record: the processor has work meanwhile */
#define GATHER_FAST_RECORDS     24         /* a fast sync is worth its processor time with so many, */
#define GATHER_BLOCKING_RECORDS 16         /* and one that the loop stands still for; */
#define GATHER_FEW_NS           500000ULL  /* while others are served a group waits for so long, */
#define GATHER_MANY_NS          2500000ULL /* and where many write for so long, also idle, */
#define GATHER_MANY_QUIET_NS    400000ULL  /* but then not for longer than this after the last one */
#define GATHER_MANY_WRITERS     8
#define CENSUS_PERIOD_MS        10 /* who wrote in it is expected to write again */
#define GATHER_QUIET_SHARE      16 /* of the last flush's time: nobody else came for so long */
#define GATHER_ALL_SHARE        4  /* of it: the longest wait */
static_assert(STORE_FRAME_MAX_BYTES <= STORE_SEGMENT_MIN_BYTES, "a frame never crosses segments");
static_assert(STORE_READ_BYTES >= STORE_FRAME_MAX_BYTES && STORE_WINDOW_BYTES >= 2 * STORE_READ_BYTES,
              "a window holds a frame wherever it begins");
static_assert(STORE_RECORD_MAX_BYTES + 4 + 112 + 2 * 16 + 4 <= STORE_FRAME_MAX_BYTES,
              "the largest record has a frame");
static_assert(STORE_FRAME_MAX_BYTES % STORE_PROGRAM_MAX_BYTES == 0, "padding fits");

/* ---- api ---- */
#define API_BODY_MAX_BYTES                                                                                   \
    (768 * 1024) /* a page of 1,000 tokens with short names; longer ones make shorter pages */
#define API_ID_MAX_BYTES            64 /* decoded {id} segment or parameter name; longer ones are of no thing */
#define API_PAGE_DEFAULT            50
#define API_PAGE_MAX                100   /* families 2 and operator; family 1 takes TOKEN_PAGE_MAX */
#define API_PAGE_FRAME_MAX_BYTES    4096  /* what a page has beside its items: two cursors and counts */
#define API_CURSOR_SHORT_BYTES      64    /* of a list by time: base64url of 40 bytes */
#define API_CURSOR_MAX_BYTES        1536  /* of a list by name: base64url of 40 bytes and a name */
#define API_ROW_MAX_BYTES           40960 /* a tenant or user in a list; the policy is JSON already */
#define API_PROBLEMS_MAX            100   /* told at once; more stay untold */
#define API_JWT_MAX_BYTES           2048
#define API_CREDENTIAL_MAX_BYTES    512 /* client_id and client_secret in an OAuth body */
#define API_ROUTES_MAX              64  /* the last index stands for no route */
#define API_METRIC_SOURCES_MAX      4
#define API_URL_MAX_BYTES           320
#define API_TOKEN_DAYS_MAX          365
#define API_OVERLAP_MAX_S           604800
#define POLICY_UPSTREAM_MAX_BYTES   512
#define API_UPSTREAM_HOST_MAX_BYTES 253 /* a domain name's most (RFC 1035 section 2.3.4) */
#define API_UPSTREAM_HEAD_MAX_BYTES 2048

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
#define TOKENS_CHAINED_AT_ONCE            4096   /* after a boot */
#define TOKENS_LOOSE_MAX                  131072 /* what a look-up may have to search then */
#define HELD_CHANGES_MAX                  4096   /* of loose tokens, */
#define HELD_BYTES_MAX                    131072 /* and so many bytes of them */
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
#define TOKEN_MEMOS_MAX                   8 /* idempotency keys remembered at one token */
#define TOKEN_TEXT_MAX_BYTES              8192
#define PRINCIPAL_TEXT_MAX_BYTES          18000
#define POOL_TEXT_MAX_BYTES               PRINCIPAL_TEXT_MAX_BYTES
#define TABLE_MEMORY_MIN_BYTES            (256 * 1024)
#define TABLE_REPLAY_MARGIN_BYTES         4096 /* left by all, as texts lie otherwise after a replay */
#define TOKEN_RETENTION_S                 (90 * 86400) /* revoked and expired tokens stay listed as long */
/* All texts of one entity and their field headers (3 bytes each) fit; so does its record. */
static_assert(TOKEN_NAME_MAX_BYTES + TOKEN_DESCRIPTION_MAX_BYTES + TOKEN_REASON_MAX_BYTES +
                      USER_EMAIL_MAX_BYTES + ACTION_NAME_MAX_BYTES + 17 * TOKEN_CIDRS_MAX +
                      40 * TOKEN_MEMOS_MAX + 160 <=
                  TOKEN_TEXT_MAX_BYTES,
              "a token's texts");
static_assert(TENANT_NAME_MAX_BYTES + TENANT_POLICY_MAX_BYTES + 128 <= PRINCIPAL_TEXT_MAX_BYTES,
              "a tenant's texts");
static_assert(USER_EMAIL_MAX_BYTES + 16 * USER_TENANTS_MAX +
                      USER_CAPABILITIES_MAX * (CAPABILITY_MAX_BYTES + 3) + 128 <=
                  PRINCIPAL_TEXT_MAX_BYTES,
              "a user's texts");
static_assert(PRINCIPAL_TEXT_MAX_BYTES + 512 <= STORE_RECORD_MAX_BYTES, "the largest record");

/* ---- rates (token/bucket.h, api/rates.h) ---- */
#define BUCKET_WAYS           8
#define BUCKET_FILL_MAX_US    60000000ULL /* from empty to full */
#define BUCKET_BLOCK_FIRST_US 1000000ULL
#define BUCKET_LEVEL_MAX      6 /* 64 s */
#define BUCKET_BLOCK_MAX_US   (BUCKET_BLOCK_FIRST_US << BUCKET_LEVEL_MAX)
#define RATE_MAX              100000 /* of a boot option */
#define RATE_ISSUE_PER_S      500
#define RATE_TENANT_PER_S     2000
#define RATE_ISSUE_BURST_S    10  /* what may be issued at once, as seconds of the rate */
#define RATE_FAILURES_PER_MIN 300 /* also at once */
/* 32 bytes for each bucket, 8 for a known credential: 240 KiB in all. */
#define RATE_PRINCIPAL_SETS 256
#define RATE_TENANT_SETS    64
#define RATE_ADDRESS_SETS   512
#define RATE_KNOWN_SETS     1024
#define RATE_KNOWN_WAYS     4
static_assert(RATE_ISSUE_BURST_S * 1000000ULL <= BUCKET_FILL_MAX_US, "a bucket of issuing fills in time");

/* ---- service ---- */
#define SERVICE_SETTINGS_MAX         16
#define SERVICE_SETTING_NAME_MAX     32
#define SERVICE_SIGNING_KEYS_MAX     8    /* the one in use and those whose tokens still live */
#define SERVICE_GONE_MAX             256  /* users deleted in the log while a boot leaves tokens unread */
#define SERVICE_NOTES_MAX            256  /* bulk revocations whose reason is still told */
#define SERVICE_TOUCHED_MAX          4096 /* tokens whose last use waits for the log */
#define SERVICE_TOUCH_PERIOD_S       60
#define SERVICE_SWEEP_PERIOD_S       60
#define SERVICE_SWEEP_SLOTS          256  /* looked at between two looks at the time */
#define SERVICE_OUTCOMES_MAX         8192 /* commands under an Idempotency-Key in a day */
#define OUTCOME_TYPE_MAX_BYTES       HTTP_TYPE_MAX_BYTES
#define OUTCOME_BODY_MAX_BYTES       16384
#define SERVICE_ISSUER_MAX_BYTES     272
#define SERVICE_CLAIMS_MAX_BYTES     1024
#define SERVICE_CREDENTIAL_MAX_BYTES 4096

/* ---- net ---- */
#define LINK_FRAMES_PER_TURN 64  /* taken in before connections are looked at */
#define LINK_COPY_MAX_BYTES  512 /* frames up to this size move to a buffer of their size */
/* What strangers may make us do and keep (net/guard.h). */
#define PCBS_BUCKETS            8192
#define SYN_COOKIE_LIFE_S       16     /* at least, and less than twice as long */
#define SYN_MSS_MIN             256    /* who takes less gets this all the same */
#define SYN_MSS_DEFAULT         536    /* RFC 9293 section 3.7.1 */
#define SYN_ANSWERED_BITS       65536U /* of a map of peers, two periods */
#define SEGMENT_RESETS_PER_S    200
#define SEGMENT_CHALLENGE_MS    100 /* of one connection */
#define GUARD_PINGS_PER_S       1000
#define GUARD_DATAGRAMS_PER_S   200
#define NEIGHBOUR_PROOFS        256
#define NEIGHBOUR_PROOF_MS      20000 /* so long nobody else gets the address */
#define NEIGHBOUR_REFRESH_MS    5000
#define NEIGHBOUR_QUESTIONS     16
#define NEIGHBOUR_QUESTION_MS   2000
#define NEIGHBOUR_ROUTERS_PER_S 4
#define NEIGHBOUR_OTHERS_PER_S  50
#define NEIGHBOUR_TELL_MS       60000
#define TLS_WRITE_MAX_BYTES     4096
#define TLS_TICKET_LIFE_S       3600 /* also how often the key that seals tickets changes */

#define RESPONSE_HEAD_MAX_BYTES 4096
#define OUTBOX_CHUNK_BYTES      4096
/* One request as it comes: a head, a body in chunks of one byte (6 bytes each), extensions, trailers. */
#define INTAKE_FIRST_BYTES    4096
#define INTAKE_MAX_BYTES      (128 * 1024)
#define CONN_HANDSHAKE_MS     10000
#define CONN_REQUEST_MS       15000
#define CONN_IDLE_MS          60000
#define CONN_WRITE_MS         30000
#define CONN_WRITE_STEP_BYTES 32768 /* taken by the peer within CONN_WRITE_MS */
#define CONN_LINGER_MS        3000
#define CONN_LINGERS_MAX      10    /* times CONN_LINGER_MS, while our last bytes are not taken */
#define SOCKET_ORPHAN_MS      30000 /* for the last bytes of a connection that has no owner any more */
#define CONN_REQUESTS_PER_STEP                                                                               \
    8                          /* of one client, before others have their turn: about one record of answers */
#define CONN_READS_PER_STEP 16 /* the same for records, however little is in each */
#define CONN_OUT_HIGH_BYTES 16384 /* no further request is answered while that much waits */
#define CONN_SEGMENTS_MAX   64    /* received and not read yet; more are left to TCP */
/* What a connection takes of the heap: its TLS session, its TCP state, some of its buffers. */
#define SERVER_CONNECTION_BYTES (32 * 1024)
#define SERVER_CONNECTIONS_MIN  8
/* mbedTLS keeps two keys a connection, in slices of 16, 32, 64... keys; the next one after 32,752 would be too large a
 * chunk for the heap. */
#define SERVER_CONNECTIONS_MAX 16000
#define SERVER_ADDRESS_SHARE_PERCENT                                                                         \
    75 /* of all connections, that one address may have; lingering ones aside */
#define SERVER_ADDRESS_BUCKETS     1024 /* lists that connections are found in by address */
#define SERVER_HEAP_SPARE_PERCENT  6    /* kept for the connections that are: no new one into it */
#define SERVER_EVICT_IDLE_MS       1000 /* an idle connection this old makes room for a new one */
#define SERVER_BACKLOG             255  /* lwIP counts in 8 bits; half-open ones take no place (net/syn.h) */
#define SERVER_STEPS_PER_TURN      32   /* of established connections, before a flush may begin */
#define SERVER_HANDSHAKES_PER_TURN 16   /* steps of them, one client address after the other ... */
#define SERVER_HANDSHAKES_TURN_US                                                                            \
    100 /* ... and none is begun later than that into a turn: others' requests go first */
#define UPSTREAM_EXCHANGES_MAX 32 /* with upstreams at a time; each takes about 64 KiB, and 45 KiB for TLS */
#define UPSTREAM_CONNECT_MS    3000  /* name and TCP */
#define UPSTREAM_TOTAL_MS      10000 /* from the first step to the last byte of the answer */
#define UPSTREAM_KEPT_MAX      8     /* connections between exchanges */
#define UPSTREAM_KEPT_MS       3000  /* less than servers keep theirs: a request must not cross their end */
#define UPSTREAM_READ_BYTES    2048
static_assert(UPSTREAM_TOTAL_MS < CONN_REQUEST_MS, "who waits for an upstream is not taken for slow");
static_assert(INTAKE_MAX_BYTES >= HTTP_HEAD_MAX_BYTES + 6 * HTTP_BODY_MAX_BYTES +
                                      HTTP_CHUNK_EXTENSION_MAX_BYTES + HTTP_TRAILER_MAX_BYTES,
              "the longest way to say the largest request");
static_assert(API_BODY_MAX_BYTES <= HEAP_CHUNK_MAX_BYTES && INTAKE_MAX_BYTES <= HEAP_CHUNK_MAX_BYTES,
              "the heap gives them in one piece");

/* ---- main ---- */
#define MEMORY_MIN_BYTES     (3 * 1024 * 1024) /* besides the image: some 50 connections, 5,000 tokens */
#define MEMORY_TABLE_PERCENT 25 /* of what the machine has: the token table; the heap has the rest */
#define MEMORY_SPARE_BYTES   (64 * 1024)
#define SERVER_PORT          443
#define HOST_NAME_MAX_BYTES  63
#define ADDRESSES_MAX        5             /* of ours, at a time */
#define URL_MAX_BYTES        64            /* of ours, by address */
#define SERVER_IPV4_WAIT_NS  5000000000ULL /* from power-on; then IPv6 alone is good enough */
#define UPKEEP_IDLE_US       2000          /* of one step of upkeep while nobody asks */
#define UPKEEP_BUSY_US       200
#define READING_QUIET_NS     250000000ULL /* with nothing to do for so long, the loop reads what the boot left */
#define READING_BUSY_SHARE   8 /* else it waits so many times as long as the last step of it took */
#define IDLE_TICK_NS         1000000000ULL /* the loop looks around once a second, for clock and certificate */
#define CERTIFICATE_NOT_BEFORE_S                                                                             \
    1577836800LL /* 2020-01-01: a clock that is wrong must not lock its operator out */
#define CERTIFICATE_NOT_AFTER_S                                                                              \
    253402300799LL /* 9999-12-31: no well-defined end (RFC 5280 section 4.1.2.5) */

static_assert(API_UPSTREAM_HEAD_MAX_BYTES >= POLICY_UPSTREAM_MAX_BYTES + API_UPSTREAM_HOST_MAX_BYTES +
                                                 HTTP_REQUEST_ID_MAX_BYTES + IDEMPOTENCY_KEY_MAX_BYTES + 512,
              "the largest head of a request to an upstream");
static_assert(OUTCOME_BODY_MAX_BYTES <= API_BODY_MAX_BYTES, "an upstream's body fits an answer");
static_assert(API_CURSOR_MAX_BYTES >= (40 + TOKEN_NAME_MAX_BYTES + 2) / 3 * 4, "a cursor holds any name");
static_assert(API_URL_MAX_BYTES >= SERVICE_ISSUER_MAX_BYTES + 48, "an issuer and a path fit a URL");
static_assert(API_ROW_MAX_BYTES >= TENANT_POLICY_MAX_BYTES + 6 * TENANT_NAME_MAX_BYTES + 512,
              "a tenant fits a row");
static_assert(API_PAGE_FRAME_MAX_BYTES >= 2 * API_CURSOR_MAX_BYTES + 512, "a page's frame holds two cursors");
static_assert(API_BODY_MAX_BYTES >= 6 * JSON_TEXT_MAX_BYTES,
              "the answer's buffer holds the canonical form of any body (1e20, is 5 bytes and becomes 22)");

#endif

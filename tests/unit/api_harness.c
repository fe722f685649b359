/*
 * An appliance for the tests of api/.
 */
#include "api_harness.h"

#include "base/encode.h"
#include "crypto/crypto.h"
#include "platform/platform.h"
#include "platform/sim/sim.h"
#include "platform/sim/sim_flash.h"
#include "service/service.h"
#include "store/store.h"

#define TEXTS_COUNT 128
#define TEXT_BYTES  20000

struct appliance appliance;
struct api_peer send_from = {{[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 1}};

static uint8_t answer_memory[API_BODY_MAX_BYTES + 1];

/* ---- texts ---- */

static char *next_text(void)
{
    static char texts[TEXTS_COUNT][TEXT_BYTES];
    static size_t next;
    return texts[next++ % TEXTS_COUNT];
}

const char *text_of(const char *format, ...)
{
    char *text = next_text();
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, TEXT_BYTES, format, arguments);
    va_end(arguments);
    assert_in_range(size, 0, TEXT_BYTES - 1);
    return text;
}

char *read_whole_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long end = ftell(file);
    assert_true(end >= 0);
    rewind(file);
    char *data = malloc((size_t)end + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, (size_t)end, file), (size_t)end);
    data[end] = 0;
    fclose(file);
    if (size != NULL) {
        *size = (size_t)end;
    }
    return data;
}

/* app/json lends cJSON its own arena; the tests' trees come from the heap. After each call into the app. */
static void take_json_back(void)
{
    cJSON_InitHooks(&(cJSON_Hooks){malloc, free});
}

/* ---- the machine ---- */

/* The library's state outlives a simulated machine: one heap for the process. */
static void start_crypto(void)
{
    static _Alignas(16) uint8_t region[1024 * 1024];
    static struct heap heap;
    if (heap.region == NULL) {
        heap_init(&heap, region, sizeof(region));
        assert_int_equal(crypto_init(&heap), STATUS_OK);
    }
}

static void boot(void)
{
    static const uint8_t secret[32] = {1, 2, 3};
    size_t table_bytes = 16 * 1024 * 1024;
    bool first_boot = false;
    start_crypto();
    struct service_options options = {.table_memory = platform_memory_take(table_bytes),
                                      .table_bytes = table_bytes,
                                      .device_secret = bytes_of(secret, sizeof(secret)),
                                      .host_name = BYTES_LITERAL("jeton.test")};
    assert_int_equal(service_start(&options, &first_boot), STATUS_OK);
    service_clock_update();
    if (first_boot) {
        struct service_root root;
        assert_int_equal(service_create_root(&root), STATUS_OK);
        memcpy(appliance.client_id, root.client_id, sizeof(root.client_id));
        memcpy(appliance.client_secret, root.client_secret, sizeof(root.client_secret));
        struct buffer tenant = buffer_over(appliance.tenant, sizeof(appliance.tenant) - 1);
        encode_uuid(&tenant, &root.tenant);
        appliance.tenant[tenant.size] = 0;
        strcpy(appliance.root, basic_of(root.client_id, root.client_secret));
        assert_int_equal(store_flush(service_now_s()), STATUS_OK);
    }
}

void appliance_start(void)
{
    appliance_start_with(256);
}

void appliance_start_with(uint32_t block_count)
{
    memset(&appliance, 0, sizeof(appliance));
    sim_reset();
    sim_flash_create(SIM_FLASH_DISK, 65536, block_count);
    boot();
    take_json_back();
}

void appliance_reboot(void)
{
    sim_reboot();
    boot();
}

void appliance_wait_s(uint32_t seconds)
{
    sim_advance_ns((uint64_t)seconds * 1000000000U);
    service_clock_update();
}

/* ---- requests ---- */

static struct reply handle(const struct http_request *request, uint16_t refused_status)
{
    static struct api_answer answer;
    static struct buffer body;
    struct api_call call = {.request = request, .peer = send_from, .refused_status = refused_status};
    body = buffer_over(answer_memory, API_BODY_MAX_BYTES);
    memset(&answer, 0, sizeof(answer));
    answer.response.body = &body;
    api_handle(&call, &answer);
    assert_true(answer.depends_on <= store_newest());
    take_json_back();
    enum status flushed = store_flush(service_now_s());
    assert_true(flushed == STATUS_OK || appliance.flash_fails);
    assert_true(answer.response.request_id.size > 0);
    assert_true(answer.response.status >= 200 && answer.response.status <= 599);
    assert_int_equal(answer.response.content_type == NULL, body.size == 0);
    answer_memory[body.size] = 0;
    return (struct reply){answer.response.status, (const char *)answer_memory, body.size, &answer.response};
}

bool send_maybe(const char *text, size_t size, struct reply *reply)
{
    static uint8_t memory[HTTP_HEAD_MAX_BYTES + HTTP_BODY_MAX_BYTES + 4096];
    static struct http_parser parser;
    assert_true(size <= sizeof(memory));
    memcpy(memory, text, size);
    http_parser_reset(&parser);
    enum http_parse parse = http_request_parse(&parser, memory, size);
    if (parse != HTTP_PARSE_MORE) {
        *reply = handle(&parser.request, parse == HTTP_PARSE_REFUSED ? parser.refused_status : 0);
    }
    return parse != HTTP_PARSE_MORE;
}

static struct reply parse_and_handle(const char *text, size_t size)
{
    struct reply reply = {0};
    assert_true(send_maybe(text, size, &reply));
    return reply;
}

struct reply send_raw(const char *head)
{
    return parse_and_handle(head, strlen(head));
}

static void add_header(char *text, size_t *size, const char *name, const char *value)
{
    if (value != NULL) {
        *size += (size_t)sprintf(text + *size, "%s: %s\r\n", name, value);
    }
}

struct reply send_request(const struct send *send)
{
    static char text[HTTP_HEAD_MAX_BYTES + HTTP_BODY_MAX_BYTES + 4096];
    bool has_body = send->body != NULL;
    size_t body_size = has_body && send->body_size == 0 ? strlen(send->body) : send->body_size;
    const char *method = send->method != NULL ? send->method : has_body ? "POST" : "GET";
    const char *type = send->type == NULL && has_body ? "application/json" : send->type;
    size_t size = (size_t)sprintf(text, "%s %s HTTP/1.1\r\nHost: jeton.test\r\n", method, send->path);
    add_header(text, &size, "Authorization", send->authorization);
    add_header(text, &size, "x-business-id", send->business);
    if (type != NULL && type[0] != 0) {
        add_header(text, &size, "Content-Type", type);
    }
    if (has_body) {
        size += (size_t)sprintf(text + size, "Content-Length: %zu\r\n", body_size);
    }
    size += (size_t)sprintf(text + size, "%s\r\n", send->extra != NULL ? send->extra : "");
    if (has_body) {
        memcpy(text + size, send->body, body_size);
    }
    return parse_and_handle(text, size + body_size);
}

const char *reply_header(const struct reply *reply, const char *name)
{
    for (size_t i = 0; i < reply->response->header_count; i++) {
        if (strcmp(reply->response->headers[i].name, name) == 0) {
            struct bytes value = reply->response->headers[i].value;
            return text_of("%.*s", (int)value.size, (const char *)value.data);
        }
    }
    return NULL;
}

/* ---- JSON ---- */

/* Where the string that begins at `text` ends, behind its quote. */
static size_t string_size(const char *text)
{
    size_t size = 1;
    while (text[size] != 0 && text[size] != '"') {
        size += text[size] == '\\' && text[size + 1] != 0 ? 2 : 1;
    }
    return text[size] == 0 ? size : size + 1;
}

cJSON *read_json(const char *text)
{
    static const char digits[] = "0123456789+-.eE";
    char *marked = malloc(strlen(text) * 9 + 1);
    char *out = marked;
    assert_non_null(marked);
    while (*text != 0) {
        bool is_number = *text == '-' || (*text >= '0' && *text <= '9');
        size_t size = is_number ? strspn(text, digits) : *text == '"' ? string_size(text) : 1;
        out += sprintf(out, is_number ? "\"\\u001f%.*s\"" : "%.*s", (int)size, text);
        text += size;
    }
    *out = 0;
    cJSON *root = cJSON_Parse(marked);
    free(marked);
    return root;
}

/* Printed, with numbers as they were. */
static char *print_json(const cJSON *value)
{
    static const char mark[] = "\"\\u001f";
    char *text = cJSON_PrintUnformatted(value);
    for (char *place = strstr(text, mark); place != NULL; place = strstr(place, mark)) {
        size_t size = strcspn(place + strlen(mark), "\"");
        memmove(place, place + strlen(mark), size);
        memmove(place + size, place + strlen(mark) + size + 1, strlen(place + strlen(mark) + size + 1) + 1);
    }
    return text;
}

static bool is_number(const cJSON *value)
{
    return cJSON_IsString(value) && value->valuestring[0] == NUMBER_MARK[0];
}

long json_long(const cJSON *object, const char *name)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);
    assert_true(value != NULL && is_number(value));
    return strtol(value->valuestring + 1, NULL, 10);
}

static cJSON *parse(const struct reply *reply)
{
    cJSON *root = read_json(reply->body);
    if (root == NULL) {
        fail_msg("no JSON (%u): %s", reply->status, reply->body);
    }
    return root;
}

const char *reply_text(const struct reply *reply, const char *path)
{
    cJSON *root = parse(reply);
    const cJSON *value = root;
    char *copy = next_text();
    strcpy(copy, path);
    for (char *name = strtok(copy, "."); name != NULL && value != NULL; name = strtok(NULL, ".")) {
        value = cJSON_IsArray(value) ? cJSON_GetArrayItem(value, (int)strtol(name, NULL, 10))
                                     : cJSON_GetObjectItemCaseSensitive(value, name);
    }
    if (value == NULL) {
        fail_msg("no %s in %u %s", path, reply->status, reply->body);
    }
    char *printed = is_number(value)        ? strdup(value->valuestring + 1)
                    : cJSON_IsString(value) ? strdup(value->valuestring)
                                            : print_json(value);
    const char *text = text_of("%s", printed);
    free(printed);
    cJSON_Delete(root);
    return text;
}

static bool objects_equal(const cJSON *a, const cJSON *b)
{
    const cJSON *member;
    if (cJSON_GetArraySize(a) != cJSON_GetArraySize(b)) {
        return false;
    }
    cJSON_ArrayForEach(member, a)
    {
        const cJSON *other = cJSON_GetObjectItemCaseSensitive(b, member->string);
        if (other == NULL || !json_equal(member, other)) {
            return false;
        }
    }
    return true;
}

bool json_equal(const cJSON *a, const cJSON *b)
{
    int type = a->type & 0xff;
    if (type != (b->type & 0xff)) {
        return false;
    }
    if (is_number(a) && is_number(b)) {
        return strtod(a->valuestring + 1, NULL) == strtod(b->valuestring + 1, NULL);
    }
    if (type == cJSON_String) {
        return strcmp(a->valuestring, b->valuestring) == 0;
    }
    if (type == cJSON_Object) {
        return objects_equal(a, b);
    }
    if (cJSON_GetArraySize(a) != cJSON_GetArraySize(b)) {
        return false;
    }
    for (int i = 0; i < cJSON_GetArraySize(a); i++) {
        if (!json_equal(cJSON_GetArrayItem(a, i), cJSON_GetArrayItem(b, i))) {
            return false;
        }
    }
    return true;
}

void assert_json(const struct reply *reply, unsigned status, const char *json)
{
    cJSON *wanted = read_json(json);
    cJSON *got = read_json(reply->body);
    assert_non_null(wanted);
    if (reply->status != status || got == NULL || !json_equal(wanted, got)) {
        fail_msg("wanted %u %s, got %u %s", status, json, reply->status, reply->body);
    }
    cJSON_Delete(wanted);
    cJSON_Delete(got);
}

long reply_number(const struct reply *reply, const char *path)
{
    char *end;
    const char *text = reply_text(reply, path);
    long number = strtol(text, &end, 10);
    assert_true(end != text && *end == 0);
    return number;
}

static bool fits(const char *pattern, const char *text)
{
    while (*pattern != 0) {
        if (*pattern == '~') {
            size_t size = strcspn(text, "\" \n\t");
            pattern++;
            size_t rest = strcspn(pattern, "\"");
            if (size <= rest) {
                return false;
            }
            text += size - rest;
        } else if (*pattern++ != *text++) {
            return false;
        }
    }
    return *text == 0;
}

void assert_fits(const struct reply *reply, unsigned status, const char *pattern)
{
    if (reply->status != status || !fits(pattern, reply->body)) {
        fail_msg("wanted %u %s, got %u %s", status, pattern, reply->status, reply->body);
    }
}

/* ---- principals ---- */

const char *basic_of(const char *client_id, const char *secret)
{
    char *text = next_text();
    const char *pair = text_of("%s:%s", client_id, secret);
    struct buffer out = buffer_over(text, TEXT_BYTES - 1);
    buffer_append_string(&out, "Basic ");
    encode_base64(&out, bytes_of_string(pair));
    text[out.size] = 0;
    return text;
}

const char *make_user(const char *email, const char *capabilities)
{
    struct reply reply = SEND(.path = "/admin/v1/users", .authorization = appliance.root,
                              .body = text_of("{\"email\":\"%s\",\"tenants\":[\"%s\"],\"capabilities\":%s}",
                                              email, appliance.tenant, capabilities));
    if (reply.status != 201) {
        fail_msg("no user: %u %s", reply.status, reply.body);
    }
    return reply_text(&reply, "id");
}

const char *make_bearer(const char *user_id)
{
    struct reply reply =
        SEND(.path = text_of("/admin/v1/users/%s/tokens", user_id), .authorization = appliance.root,
             .body = text_of("{\"tenant\":\"%s\",\"name\":\"first\"}", appliance.tenant));
    if (reply.status != 201) {
        fail_msg("no token: %u %s", reply.status, reply.body);
    }
    return text_of("Bearer %s", reply_text(&reply, "token"));
}

const char *make_basic(const char *permissions)
{
    struct reply reply = SEND(.path = "/tokens", .authorization = appliance.root,
                              .body = text_of("{\"name\":\"made\",\"permissions\":%s}", permissions));
    if (reply.status != 201) {
        fail_msg("no credential: %u %s", reply.status, reply.body);
    }
    return basic_of(reply_text(&reply, "clientId"), reply_text(&reply, "clientSecret"));
}

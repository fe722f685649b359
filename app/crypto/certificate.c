/*
 * The self-signed certificate, written and read by mbedTLS's X.509 code.
 */
#include "crypto/certificate.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <mbedtls/oid.h>
#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>
#include <psa/crypto.h>

#include "base/clocktext.h"

#define SERIAL_BYTES      16
#define COMMON_NAME_MAX   64  /* RFC 5280 appendix A, ub-common-name */
#define HOST_NAME_MAX_LEN 253 /* RFC 1035 section 2.3.4, as text */
#define TIME_TEXT_BYTES   14  /* yyyymmddhhmmss */
#define LAST_SECOND       INT64_C(253402300799)

/* The library's lists point at names without const; it does not write through them. */
static unsigned char *unconst(const void *data)
{
    return (unsigned char *)(uintptr_t)data;
}

static bool is_host_name(struct bytes name)
{
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        bool alphanumeric =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!alphanumeric && c != '-' && c != '.')
            return false;
    }
    return name.size > 0 && name.size <= HOST_NAME_MAX_LEN;
}

/* Everything that a certificate's making holds, so that one function can let go of it. */
struct making {
    mbedtls_x509write_cert cert;
    mbedtls_pk_context pk;
    psa_key_id_t key;
    mbedtls_x509_san_list san[CERTIFICATE_NAMES_MAX + CERTIFICATE_ADDRESSES_MAX + CERTIFICATE_ADDRESSES6_MAX];
    uint8_t addresses[CERTIFICATE_ADDRESSES_MAX][4];
};

static int load_key(struct making *making, const uint8_t scalar[P256_PRIVATE_BYTES])
{
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    psa_set_key_type(&attributes, PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1));
    psa_set_key_algorithm(&attributes, PSA_ALG_DETERMINISTIC_ECDSA(PSA_ALG_SHA_256));
    psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_SIGN_HASH);
    if (psa_import_key(&attributes, scalar, P256_PRIVATE_BYTES, &making->key) != PSA_SUCCESS)
        return -1;
    return mbedtls_pk_setup_opaque(&making->pk, making->key);
}

static int set_names(struct making *making, const struct certificate_subject *subject)
{
    char text[sizeof "CN=" + COMMON_NAME_MAX];
    struct bytes common = subject->name_count > 0 && subject->names[0].size <= COMMON_NAME_MAX
                              ? subject->names[0]
                              : BYTES_LITERAL("jeton");
    int length = snprintf(text, sizeof text, "CN=%.*s", (int)common.size, (const char *)common.data);
    assert(length > 0 && (size_t)length < sizeof text);
    int failed = mbedtls_x509write_crt_set_subject_name(&making->cert, text);
    return failed != 0 ? failed : mbedtls_x509write_crt_set_issuer_name(&making->cert, text);
}

static void set_ip(mbedtls_x509_subject_alternative_name *node, const uint8_t *octets, size_t size)
{
    node->type = MBEDTLS_X509_SAN_IP_ADDRESS;
    node->san.unstructured_name.p = unconst(octets);
    node->san.unstructured_name.len = size;
}

static int set_alternative_names(struct making *making, const struct certificate_subject *subject)
{
    size_t count = 0;
    for (size_t i = 0; i < subject->name_count; i++) {
        mbedtls_x509_subject_alternative_name *node = &making->san[count++].node;
        node->type = MBEDTLS_X509_SAN_DNS_NAME;
        node->san.unstructured_name.p = unconst(subject->names[i].data);
        node->san.unstructured_name.len = subject->names[i].size;
    }
    for (size_t i = 0; i < subject->address_count; i++) {
        uint32_t address = subject->addresses[i];
        for (size_t j = 0; j < 4; j++)
            making->addresses[i][j] = (uint8_t)(address >> (24 - 8 * j));
        set_ip(&making->san[count++].node, making->addresses[i], 4);
    }
    for (size_t i = 0; i < subject->address6_count; i++)
        set_ip(&making->san[count++].node, subject->addresses6[i], 16);
    for (size_t i = 1; i < count; i++)
        making->san[i - 1].next = &making->san[i];
    return count == 0 ? 0 : mbedtls_x509write_crt_set_subject_alternative_name(&making->cert, making->san);
}

static void write_time(char text[TIME_TEXT_BYTES + 1], int64_t unix_s)
{
    uint8_t rfc3339[20];
    size_t count = 0;
    struct buffer out = buffer_over(rfc3339, sizeof rfc3339);
    time_write_rfc3339(&out, unix_s);
    for (size_t i = 0; i < out.size && count < TIME_TEXT_BYTES; i++)
        if (rfc3339[i] >= '0' && rfc3339[i] <= '9')
            text[count++] = (char)rfc3339[i];
    text[count] = 0;
}

static int set_validity(struct making *making, const struct certificate_subject *subject)
{
    char from[TIME_TEXT_BYTES + 1];
    char to[TIME_TEXT_BYTES + 1];
    write_time(from, subject->not_before_s);
    write_time(to, subject->not_after_s);
    return mbedtls_x509write_crt_set_validity(&making->cert, from, to);
}

/* RFC 7093 section 2, method 1: the first 160 bits of the SHA-256 of the public key. */
static int set_key_identifier(struct making *making)
{
    uint8_t point[P256_PUBLIC_BYTES];
    uint8_t octets[2 + SHA256_BYTES] = {MBEDTLS_ASN1_OCTET_STRING, 20};
    size_t size;
    if (psa_export_public_key(making->key, point, sizeof point, &size) != PSA_SUCCESS)
        return -1;
    crypto_sha256(&(struct bytes){point, size}, 1, octets + 2);
    return mbedtls_x509write_crt_set_extension(&making->cert, MBEDTLS_OID_SUBJECT_KEY_IDENTIFIER,
                                               MBEDTLS_OID_SIZE(MBEDTLS_OID_SUBJECT_KEY_IDENTIFIER), 0,
                                               octets, 22);
}

static int set_extensions(struct making *making)
{
    mbedtls_asn1_sequence usage = {.buf = {.tag = MBEDTLS_ASN1_OID,
                                           .len = MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH),
                                           .p = unconst(MBEDTLS_OID_SERVER_AUTH)}};
    int failed = mbedtls_x509write_crt_set_basic_constraints(&making->cert, 1, 0);
    if (failed == 0)
        failed = mbedtls_x509write_crt_set_key_usage(&making->cert, MBEDTLS_X509_KU_DIGITAL_SIGNATURE |
                                                                        MBEDTLS_X509_KU_KEY_CERT_SIGN);
    if (failed == 0)
        failed = mbedtls_x509write_crt_set_ext_key_usage(&making->cert, &usage);
    if (failed == 0)
        failed = set_key_identifier(making);
    return failed;
}

/* A positive serial number of full length, unique by chance (RFC 5280 section 4.1.2.2). */
static int set_serial(struct making *making)
{
    uint8_t serial[SERIAL_BYTES];
    crypto_random(serial, sizeof serial);
    serial[0] = (uint8_t)((serial[0] & 0x3f) | 0x40);
    return mbedtls_x509write_crt_set_serial_raw(&making->cert, serial, sizeof serial);
}

static int prepare(struct making *making, const uint8_t scalar[P256_PRIVATE_BYTES],
                   const struct certificate_subject *subject)
{
    mbedtls_x509write_crt_set_version(&making->cert, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(&making->cert, MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_subject_key(&making->cert, &making->pk);
    mbedtls_x509write_crt_set_issuer_key(&making->cert, &making->pk);
    int failed = load_key(making, scalar);
    if (failed == 0)
        failed = set_serial(making);
    if (failed == 0)
        failed = set_names(making, subject);
    if (failed == 0)
        failed = set_validity(making, subject);
    if (failed == 0)
        failed = set_alternative_names(making, subject);
    if (failed == 0)
        failed = set_extensions(making);
    return failed;
}

static bool is_sound(const struct certificate_subject *subject)
{
    assert(subject->name_count <= CERTIFICATE_NAMES_MAX &&
           subject->address_count <= CERTIFICATE_ADDRESSES_MAX &&
           subject->address6_count <= CERTIFICATE_ADDRESSES6_MAX);
    for (size_t i = 0; i < subject->name_count; i++)
        if (!is_host_name(subject->names[i]))
            return false;
    return subject->not_before_s >= 0 && subject->not_before_s <= subject->not_after_s &&
           subject->not_after_s <= LAST_SECOND;
}

enum status certificate_make(const uint8_t scalar[P256_PRIVATE_BYTES],
                             const struct certificate_subject *subject, struct buffer *der)
{
    if (!is_sound(subject))
        return STATUS_INVALID;
    struct making making;
    uint8_t work[2 * CERTIFICATE_MAX_BYTES]; /* the library writes from the end of it */
    memset(&making, 0, sizeof making);
    mbedtls_x509write_crt_init(&making.cert);
    mbedtls_pk_init(&making.pk);
    int size = prepare(&making, scalar, subject);
    if (size == 0)
        size = mbedtls_x509write_crt_der(&making.cert, work, sizeof work, NULL, NULL);
    enum status status = size > 0 ? STATUS_OK : STATUS_FULL;
    if (size == MBEDTLS_ERR_ASN1_BUF_TOO_SMALL || size > CERTIFICATE_MAX_BYTES)
        status = STATUS_TOO_LARGE;
    if (status == STATUS_OK) {
        buffer_append(der, bytes_of(work + sizeof work - (size_t)size, (size_t)size));
        status = buffer_failed(der) ? STATUS_TOO_LARGE : STATUS_OK;
    }
    mbedtls_x509write_crt_free(&making.cert);
    mbedtls_pk_free(&making.pk);
    (void)psa_destroy_key(making.key);
    return status;
}

/* ---- reading ---- */

static bool san_has(const mbedtls_x509_crt *cert, int type, struct bytes value)
{
    for (const mbedtls_x509_sequence *item = &cert->subject_alt_names; item != NULL; item = item->next)
        if ((item->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK) == type &&
            bytes_equal_ignoring_case(bytes_of(item->buf.p, item->buf.len), value))
            return true;
    return false;
}

static bool san_has_ip(const mbedtls_x509_crt *cert, struct bytes octets)
{
    for (const mbedtls_x509_sequence *item = &cert->subject_alt_names; item != NULL; item = item->next)
        if ((item->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK) == MBEDTLS_X509_SAN_IP_ADDRESS &&
            bytes_equal(bytes_of(item->buf.p, item->buf.len), octets))
            return true;
    return false;
}

static bool san_has_address(const mbedtls_x509_crt *cert, uint32_t address)
{
    const uint8_t octets[4] = {(uint8_t)(address >> 24), (uint8_t)(address >> 16), (uint8_t)(address >> 8),
                               (uint8_t)address};
    return san_has_ip(cert, bytes_of(octets, sizeof octets));
}

static int64_t unix_time_s(const mbedtls_x509_time *time)
{
    char text[64];
    int64_t unix_s = 0;
    int size = snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02dZ", time->year, time->mon, time->day,
                        time->hour, time->min, time->sec);
    if (size <= 0 || time_read_rfc3339(bytes_of(text, (size_t)size), &unix_s) != STATUS_OK)
        return -1;
    return unix_s;
}

static bool covers(const mbedtls_x509_crt *cert, const struct certificate_subject *subject, int64_t now_s)
{
    int64_t from_s = unix_time_s(&cert->valid_from);
    int64_t to_s = unix_time_s(&cert->valid_to);
    if (from_s < 0 || to_s < 0 || now_s < from_s || now_s > to_s)
        return false;
    for (size_t i = 0; i < subject->name_count; i++)
        if (!san_has(cert, MBEDTLS_X509_SAN_DNS_NAME, subject->names[i]))
            return false;
    for (size_t i = 0; i < subject->address_count; i++)
        if (!san_has_address(cert, subject->addresses[i]))
            return false;
    for (size_t i = 0; i < subject->address6_count; i++)
        if (!san_has_ip(cert, bytes_of(subject->addresses6[i], sizeof subject->addresses6[i])))
            return false;
    return true;
}

bool certificate_covers(struct bytes der, const struct certificate_subject *subject, int64_t now_s)
{
    mbedtls_x509_crt cert;
    mbedtls_x509_crt_init(&cert);
    bool covered =
        mbedtls_x509_crt_parse_der_nocopy(&cert, der.data, der.size) == 0 && covers(&cert, subject, now_s);
    mbedtls_x509_crt_free(&cert);
    return covered;
}

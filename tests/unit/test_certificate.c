/*
 * The self-signed certificate: what a client's checker sees in it, and what certificate_covers says of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <mbedtls/oid.h>
#include <mbedtls/x509_crt.h>

#include "crypto/certificate.h"

#define NOW_S INT64_C(1793000000)

static struct heap heap;
static uint8_t scalar[P256_PRIVATE_BYTES];
static char long_name[254];

static int start(void **state)
{
    (void)state;
    static _Alignas(16) uint8_t region[1024 * 1024];
    heap_init(&heap, region, sizeof region);
    if (crypto_init(&heap) != STATUS_OK)
        return -1;
    jose_generate_p256(scalar);
    memset(long_name, 'a', sizeof long_name - 1);
    return 0;
}

static struct certificate_subject subject(void)
{
    return (struct certificate_subject){
        .names = {BYTES_LITERAL("jeton"), BYTES_LITERAL("localhost")},
        .name_count = 2,
        .addresses = {0x7f000001, 0xc0a80105},
        .address_count = 2,
        .not_before_s = NOW_S - 3600,
        .not_after_s = NOW_S + 86400,
    };
}

static size_t make(const struct certificate_subject *of, uint8_t der[CERTIFICATE_MAX_BYTES])
{
    struct buffer out = buffer_over(der, CERTIFICATE_MAX_BYTES);
    assert_int_equal(certificate_make(scalar, of, &out), STATUS_OK);
    return out.size;
}

/* As a client does it: the certificate is its own trust anchor, checked for each name. */
static void test_a_client_accepts_it(void **state)
{
    (void)state;
    uint8_t der[CERTIFICATE_MAX_BYTES];
    struct certificate_subject of = subject();
    size_t size = make(&of, der);
    mbedtls_x509_crt cert;
    mbedtls_x509_crt_init(&cert);
    assert_int_equal(mbedtls_x509_crt_parse_der(&cert, der, size), 0);
    const char *names[] = {"jeton", "localhost", "127.0.0.1", "192.168.1.5"};
    uint32_t flags = 0;
    for (size_t i = 0; i < 4; i++) {
        (void)mbedtls_x509_crt_verify(&cert, &cert, NULL, names[i], &flags, NULL, NULL);
        /* The test's clock may be outside the days of this certificate: everything else must hold. */
        assert_int_equal(flags & ~(uint32_t)(MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE), 0);
    }
    (void)mbedtls_x509_crt_verify(&cert, &cert, NULL, "example.com", &flags, NULL, NULL);
    assert_true((flags & MBEDTLS_X509_BADCERT_CN_MISMATCH) != 0);
    assert_int_equal(mbedtls_x509_crt_check_key_usage(&cert, MBEDTLS_X509_KU_DIGITAL_SIGNATURE), 0);
    assert_int_equal(mbedtls_x509_crt_check_key_usage(&cert, MBEDTLS_X509_KU_KEY_CERT_SIGN), 0);
    assert_int_equal(mbedtls_x509_crt_check_extended_key_usage(&cert, MBEDTLS_OID_SERVER_AUTH,
                                                               MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH)),
                     0);
    assert_int_equal(cert.version, 3);
    assert_int_equal(mbedtls_x509_crt_get_ca_istrue(&cert), 1);
    mbedtls_x509_crt_free(&cert);
}

static void test_covers(void **state)
{
    (void)state;
    uint8_t der[CERTIFICATE_MAX_BYTES];
    struct certificate_subject of = subject();
    struct bytes made = {der, make(&of, der)};
    assert_true(certificate_covers(made, &of, NOW_S));
    assert_true(certificate_covers(made, &of, of.not_before_s));
    assert_false(certificate_covers(made, &of, of.not_before_s - 1));
    assert_true(certificate_covers(made, &of, of.not_after_s));
    assert_false(certificate_covers(made, &of, of.not_after_s + 1));
    of.addresses[1]++;
    assert_false(certificate_covers(made, &of, NOW_S));
    of = subject();
    of.names[1] = BYTES_LITERAL("other");
    assert_false(certificate_covers(made, &of, NOW_S));
    of = subject();
    of.name_count = 1;
    of.address_count = 0;
    assert_true(certificate_covers(made, &of, NOW_S));
}

/* Whatever bytes it gets, the reader says no and stays in bounds. */
static void test_covers_of_damaged(void **state)
{
    (void)state;
    uint8_t der[CERTIFICATE_MAX_BYTES];
    struct certificate_subject of = subject();
    size_t size = make(&of, der);
    for (size_t cut = 0; cut < size; cut++)
        assert_false(certificate_covers(bytes_of(der, cut), &of, NOW_S));
    for (size_t i = 0; i < size; i++) {
        der[i] ^= 0x55;
        (void)certificate_covers(bytes_of(der, size), &of, NOW_S);
        der[i] ^= 0x55;
    }
    assert_false(certificate_covers(bytes_of(NULL, 0), &of, NOW_S));
    assert_true(certificate_covers(bytes_of(der, size), &of, NOW_S));
}

static void test_bad_subjects(void **state)
{
    (void)state;
    uint8_t der[CERTIFICATE_MAX_BYTES];
    const struct bytes names[] = {BYTES_LITERAL(""),         BYTES_LITERAL("a b"),
                                  BYTES_LITERAL("a,O=x"),    BYTES_LITERAL("*.example"),
                                  BYTES_LITERAL("\xc3\xa4"), {NULL, 0}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct certificate_subject of = subject();
        struct buffer out = buffer_over(der, sizeof der);
        of.names[1] = names[i];
        assert_int_equal(certificate_make(scalar, &of, &out), STATUS_INVALID);
        assert_int_equal(out.size, 0);
    }
    struct certificate_subject of = subject();
    struct buffer out = buffer_over(der, sizeof der);
    of.not_before_s = of.not_after_s + 1;
    assert_int_equal(certificate_make(scalar, &of, &out), STATUS_INVALID);
    of = subject();
    of.not_after_s = INT64_C(253402300800);
    assert_int_equal(certificate_make(scalar, &of, &out), STATUS_INVALID);
}

static void test_sizes(void **state)
{
    (void)state;
    uint8_t der[CERTIFICATE_MAX_BYTES];
    struct certificate_subject of = subject();
    of.names[1] = bytes_of(long_name, 253);
    of.not_before_s = 0;
    of.not_after_s = INT64_C(253402300799);
    struct bytes made = {der, make(&of, der)};
    assert_true(certificate_covers(made, &of, NOW_S));
    of.names[0] = bytes_of(long_name, 64);
    assert_true(make(&of, der) > 0);
    of.names[0] = bytes_of(long_name, 65); /* too long for a common name, not for an alternative one */
    made = bytes_of(der, make(&of, der));
    assert_true(certificate_covers(made, &of, NOW_S));
    of.names[0] = of.names[2] = of.names[3] = of.names[1];
    of.name_count = 4;
    struct buffer out = buffer_over(der, sizeof der);
    assert_int_equal(certificate_make(scalar, &of, &out), STATUS_TOO_LARGE);
    of = subject();
    out = buffer_over(der, made.size / 4);
    assert_int_equal(certificate_make(scalar, &of, &out), STATUS_TOO_LARGE);
}

static void test_no_memory(void **state)
{
    (void)state;
    static void *taken[4096];
    size_t count = 0;
    for (size_t size = 65536; size >= 16; size /= 2)
        while (count < 4096 && (taken[count] = heap_take(&heap, size)) != NULL)
            count++;
    uint8_t der[CERTIFICATE_MAX_BYTES];
    struct certificate_subject of = subject();
    struct buffer out = buffer_over(der, sizeof der);
    for (size_t freed = 0; freed < 40; freed++) { /* fail at each of the first allocations */
        enum status status = certificate_make(scalar, &of, &out);
        assert_true(status == STATUS_FULL || status == STATUS_OK);
        if (status == STATUS_OK)
            break;
        heap_give(&heap, taken[--count]);
    }
    while (count > 0)
        heap_give(&heap, taken[--count]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_client_accepts_it),
        cmocka_unit_test(test_covers),
        cmocka_unit_test(test_covers_of_damaged),
        cmocka_unit_test(test_bad_subjects),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}

/*
 * A service and a TLS identity.
 */
#include "tests/support/start.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/certificate.h"
#include "net/tls.h"
#include "platform/platform.h"
#include "service/service.h"

void start_service(void)
{
    bool first_boot;
    const size_t table_bytes = 4 * 1024 * 1024;
    const struct service_options service = {.table_memory = platform_memory_take(table_bytes),
                                            .table_bytes = table_bytes,
                                            .device_secret =
                                                BYTES_LITERAL("0123456789abcdef0123456789abcdef"),
                                            .host_name = BYTES_LITERAL("jeton.test")};
    assert_int_equal(service_start(&service, &first_boot), STATUS_OK);
    service_clock_update();
}

void start_identity(void)
{
    struct tls_identity identity;
    uint8_t der[CERTIFICATE_MAX_BYTES];
    struct buffer out = buffer_over(der, sizeof der);
    const struct certificate_subject subject = {
        .names = {BYTES_LITERAL("jeton.test")}, .name_count = 1, .not_after_s = INT64_C(253402300799)};
    jose_generate_p256(identity.scalar);
    assert_int_equal(certificate_make(identity.scalar, &subject, &out), STATUS_OK);
    identity.certificate_der = buffer_view(&out);
    assert_int_equal(tls_start(&identity), STATUS_OK);
}

/*
 * The choice of a network card, and platform_nic_*() passed on to its driver.
 */
#include "platform/x86_64/nic.h"

#include <string.h>

#include "platform/platform.h"
#include "platform/x86_64/console.h"
#include "platform/x86_64/intel_nic.h"
#include "platform/x86_64/wait.h"

#define LINK_WAIT_MS  3000U
#define MAC_TEXT_SIZE 17U /* 52:54:00:12:34:56 */
#define PCI_TEXT_SIZE 7U  /* 00:03.0 */

static struct nic found[NIC_MAX];
static size_t found_count;
static const struct nic_driver *driver; /* of the started card; NULL: none */

void nic_register(const struct nic *nic)
{
    if (found_count < NIC_MAX) {
        found[found_count++] = *nic;
    }
}

/* ---- the choice ---- */

/* `count` bytes as two lower-case hexadecimal digits each, with `separators` between. */
static void write_hex(char *out, const uint8_t *bytes, size_t count, const char *separators)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
        if (i + 1 < count) {
            *out++ = separators[i];
        }
    }
}

/* Does `option` name this card, in lower or upper case? */
static bool is_named(const struct nic *nic, struct bytes option)
{
    char mac[MAC_TEXT_SIZE];
    char pci[PCI_TEXT_SIZE + 1] = {0};
    char text[MAC_TEXT_SIZE];
    if (option.size > sizeof text) {
        return false;
    }
    for (size_t i = 0; i < option.size; i++) {
        uint8_t c = option.data[i];
        text[i] = (char)(c >= 'A' && c <= 'F' ? c + ('a' - 'A') : c);
    }
    write_hex(mac, nic->mac, NIC_MAC_BYTES, ":::::");
    if (nic->pci != NULL) {
        const uint8_t place[3] = {nic->pci->bus, nic->pci->slot, nic->pci->function};
        write_hex(pci, place, sizeof place, ":.");
        pci[PCI_TEXT_SIZE - 1] = pci[PCI_TEXT_SIZE]; /* the function has one digit */
    }
    return (option.size == MAC_TEXT_SIZE && memcmp(text, mac, MAC_TEXT_SIZE) == 0) ||
           (nic->pci != NULL && option.size == PCI_TEXT_SIZE && memcmp(text, pci, PCI_TEXT_SIZE) == 0);
}

static const struct nic *find_named(struct bytes option)
{
    for (size_t i = 0; i < found_count; i++) {
        if (is_named(&found[i], option)) {
            return &found[i];
        }
    }
    console_print("no network card is the one of boot option nic\n");
    return NULL;
}

static const struct nic *find_with_link(void)
{
    uint64_t start_ns = platform_monotonic_ns();
    do {
        for (size_t i = 0; i < found_count; i++) {
            if (found[i].driver->has_link(&found[i])) {
                return &found[i];
            }
        }
    } while (wait_step(start_ns, LINK_WAIT_MS));
    return &found[0];
}

static const struct nic *choose(void)
{
    struct bytes option = platform_option("nic");
    if (found_count == 0) {
        return NULL;
    }
    if (option.size > 0) {
        return find_named(option);
    }
    return found_count == 1 ? &found[0] : find_with_link();
}

void nic_start(void)
{
    intel_nic_probe();
    const struct nic *nic = choose();
    if (nic == NULL || nic->driver->start(nic) != STATUS_OK) {
        return;
    }
    driver = nic->driver;
    if (found_count > 1) {
        char mac[MAC_TEXT_SIZE + 1] = {0};
        write_hex(mac, nic->mac, NIC_MAC_BYTES, ":::::");
        console_print("of several network cards ");
        console_print(driver->name);
        console_print(" ");
        console_print(mac);
        console_print(" is used\n");
    }
}

/* ---- platform.h ---- */

void platform_nic_info(struct platform_nic *nic)
{
    *nic = (struct platform_nic){.present = false};
    if (driver != NULL) {
        driver->info(nic);
    }
}

size_t platform_nic_receive(uint8_t *frame, size_t capacity, bool *sums_known)
{
    return driver != NULL ? driver->receive(frame, capacity, sums_known) : 0;
}

static size_t total_size(const struct bytes *parts, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += parts[i].size;
    }
    return total;
}

enum status platform_nic_send(const struct bytes *parts, size_t count, const struct platform_offload *offload)
{
    bool is_cut = offload != NULL && offload->segment_bytes > 0;
    size_t size_max = is_cut ? PLATFORM_UNCUT_MAX_BYTES : PLATFORM_FRAME_MAX_BYTES;
    if (count > PLATFORM_FRAME_PARTS_MAX || total_size(parts, count) > size_max) {
        platform_panic("platform_nic_send: the frame is too large");
    }
    return driver != NULL ? driver->send(parts, count, offload) : STATUS_IO;
}

void platform_nic_flush(void)
{
    if (driver != NULL) {
        driver->flush();
    }
}

bool nic_sleep_begin(void)
{
    return driver == NULL || driver->sleep_begin();
}

void nic_sleep_end(void)
{
    if (driver != NULL) {
        driver->sleep_end();
    }
}

bool nic_needs_polling(void)
{
    return driver != NULL && driver->needs_polling();
}

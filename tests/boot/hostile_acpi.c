/*
 * ACPI tables that lie, below the real parser: wrong lengths, pointers to nowhere, noise with right checksums, AML that
 * ends in the middle. Every mapping is a copy of exactly the bytes that were asked for, so AddressSanitizer sees a read
 * beyond them.
 */
#include <stdlib.h>
#include <string.h>

#include "hostile.h"
#include "platform/x86_64/acpi.h"
#include "platform/x86_64/paging.h"
#include "platform/x86_64/pvh.h"

#define FIRMWARE_BYTES 4096U
#define FIRMWARE_AT    0x70000000U /* its physical address */
#define RSDP           0U
#define XSDT           64U
#define FADT           256U
#define MCFG           768U
#define DSDT           1024U
#define DSDT_BYTES     96U
#define CONTROL_PORT   0x604U
#define EVENT_PORT     0x600U
#define SLEEP          0x2000U

const uint32_t device_kinds = 1;
static uint8_t firmware[FIRMWARE_BYTES];
static void *copies[64];
static size_t copy_count;
static uint16_t event_status;
static uint16_t slept_with;
static uint32_t resets;

static void put(uint32_t at, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        firmware[at + i] = (uint8_t)(value >> 8 * i);
    }
}

static void seal(uint32_t at, size_t size, uint32_t sum_at)
{
    uint8_t sum = 0;
    firmware[at + sum_at] = 0;
    for (size_t i = 0; i < size; i++) {
        sum = (uint8_t)(sum + firmware[at + i]);
    }
    firmware[at + sum_at] = (uint8_t)-sum;
}

static void table(uint32_t at, const char *signature, uint32_t size)
{
    if (lies(4)) {
        put(at + 36 + chance(size - 36), chance(1U << 24), 1 + chance(4));
    }
    memcpy(firmware + at, signature, 4);
    put(at + 4, lies(20) ? chance(1U << 22) : lies(20) ? chance(FIRMWARE_BYTES) : size, 4);
    seal(at, size, 9);
}

static void write_tables(void)
{
    static const uint8_t sleep_types[] = {0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x0a, 0x05, 0x01, 0x00};
    memset(firmware, 0, sizeof firmware);
    memcpy(firmware + RSDP, "RSD PTR ", 8);
    firmware[RSDP + 15] = 2;
    put(RSDP + 24, FIRMWARE_AT + XSDT, 8);
    seal(RSDP, 20, 8);
    seal(RSDP, 36, 32);
    put(XSDT + 36, FIRMWARE_AT + FADT, 8);
    put(XSDT + 44, FIRMWARE_AT + MCFG, 8);
    table(XSDT, "XSDT", 52);
    put(FADT + 40, FIRMWARE_AT + DSDT, 4);
    put(FADT + 56, EVENT_PORT, 4);
    put(FADT + 64, CONTROL_PORT, 4);
    firmware[FADT + 88] = 4;
    put(FADT + 112, 1U << 10, 4);
    put(FADT + 116, 1, 1);
    put(FADT + 120, 0xcf9, 8);
    firmware[FADT + 128] = 15;
    table(FADT, "FACP", lies(3) ? 116 : 244);
    put(MCFG + 44, 0xb0000000U, 8);
    firmware[MCFG + 55] = 255;
    table(MCFG, "MCFG", 60);
    memcpy(firmware + DSDT + DSDT_BYTES - sizeof sleep_types, sleep_types, sizeof sleep_types);
    table(DSDT, "DSDT", lies(3) ? DSDT_BYTES - chance(12) : DSDT_BYTES);
}

/* ---- the machine ---- */

uintptr_t paging_map_firmware(uint64_t address, uint64_t size_bytes)
{
    bool inside = address >= FIRMWARE_AT && size_bytes <= FIRMWARE_BYTES &&
                  address - FIRMWARE_AT <= FIRMWARE_BYTES - size_bytes;
    if (!inside || size_bytes == 0 || copy_count == sizeof copies / sizeof copies[0]) {
        return 0;
    }
    void *copy = malloc(size_bytes);
    memcpy(copy, firmware + (address - FIRMWARE_AT), size_bytes);
    copies[copy_count++] = copy;
    return (uintptr_t)copy;
}

uintptr_t paging_map_device(uint64_t address, uint64_t size_bytes)
{
    (void)size_bytes;
    return address < 0x1000 ? 0 : REGISTERS;
}

uint16_t model_port_read(uint16_t port)
{
    return port == CONTROL_PORT ? 1 : port == EVENT_PORT ? event_status : (uint16_t)chance(65536);
}

void model_port_write(uint16_t port, uint16_t value)
{
    if (port == CONTROL_PORT && (value & SLEEP) != 0) {
        slept_with = value;
    }
    resets += port == 0xcf9 && value == 15;
}

uint32_t model_read(uintptr_t address)
{
    (void)address;
    return 0;
}

void model_write(uintptr_t address, uint32_t value)
{
    (void)address;
    (void)value;
}

void device_runs(void)
{
}

void device_attach(uint32_t which)
{
    (void)which;
}

/* ---- each use is a boot of its own, as far as the parser keeps nothing ---- */

bool device_use(void)
{
    const struct pvh_start_info info = {.acpi_rsdp = FIRMWARE_AT};
    write_tables();
    event_status = 0;
    slept_with = 0;
    resets = 0;
    acpi_note((uintptr_t)&info);
    acpi_init();
    struct acpi_configuration_space space = acpi_configuration_space();
    acpi_power_off();
    acpi_reset();
    event_status = 0x100;
    bool pressed = false;
    for (int i = 0; i < 400 && !pressed; i++) {
        pressed = acpi_power_button();
    }
    while (copy_count > 0) {
        free(copies[--copy_count]);
    }
    return space.base == 0xb0000000U && space.last_bus == 255 && slept_with == (SLEEP | 5U << 10 | 1) &&
           resets == 1 && pressed;
}

/*
 * ACPI 6.5: finding tables (5.2.5 to 5.2.8), FADT (5.2.9), fixed hardware (4.8), \_S5 (7.4.2.6, AML 20.2.4); PCI Firmware
 * Specification 3.2, 4.1.2 (MCFG).
 */
#include "platform/x86_64/acpi.h"

#include <string.h>

#include "platform/platform.h"
#include "platform/x86_64/console.h"
#include "platform/x86_64/cpu.h"
#include "platform/x86_64/paging.h"
#include "platform/x86_64/pvh.h"
#include "platform/x86_64/wait.h"

#define HEADER_BYTES    36U
#define TABLE_BYTES_MAX (1U << 20)
#define TABLES_MAX      64U

#define RSDP_BYTES    36U
#define RSDP_V1_BYTES 20U
#define RSDP_REVISION 15U
#define RSDP_RSDT     16U
#define RSDP_XSDT     24U

#define FADT_DSDT          40U
#define FADT_COMMAND_PORT  48U
#define FADT_ENABLE        52U
#define FADT_EVENTS        56U /* ports of the PM1 event blocks, a and b */
#define FADT_CONTROLS      64U /* and of the PM1 control blocks */
#define FADT_EVENT_BYTES   88U
#define FADT_FLAGS         112U
#define FADT_RESET         116U
#define FADT_RESET_VALUE   128U
#define FADT_DSDT_WIDE     140U
#define FADT_V1_BYTES      116U
#define FLAG_BUTTON_IN_AML (1U << 4)
#define FLAG_RESET         (1U << 10)
#define FLAG_REDUCED       (1U << 20)
#define SPACE_MEMORY       0U
#define SPACE_PORTS        1U

#define CONTROL_ACPI  1U
#define CONTROL_TYPE  0x1c00U
#define CONTROL_SLEEP 0x2000U
#define TYPE_SHIFT    10U
#define EVENT_BUTTON  0x0100U
#define ENABLE_MS     1000U
#define LOOK_EVERY_NS 100000000ULL

#define MCFG_FIRST       44U
#define MCFG_ENTRY_BYTES 16U

#define AML_ZERO    0x00U
#define AML_ONE     0x01U
#define AML_NAME    0x08U
#define AML_BYTE    0x0aU
#define AML_PACKAGE 0x12U
#define AML_ROOT    0x5cU

static uint64_t root_pointer; /* physical; 0: none */
static uint64_t dsdt;
static uint16_t event_port[2]; /* 0: none */
static uint16_t event_enable_offset;
static uint16_t control_port[2];
static struct {
    uint8_t space, value; /* SPACE_MEMORY, SPACE_PORTS */
    uint64_t address;     /* physical, or a port; 0: none */
} reset_register;
static uintptr_t reset_mapped;
static struct acpi_configuration_space space;
static bool pressed;
static uint64_t looked_ns;

void acpi_note(uintptr_t start_info)
{
    const struct pvh_start_info *info = (const struct pvh_start_info *)start_info;
    root_pointer = info->acpi_rsdp;
}

/* ---- tables ---- */

static uint64_t little(const uint8_t *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value |= (uint64_t)bytes[i] << 8 * i;
    }
    return value;
}

static bool sums_to_zero(const uint8_t *bytes, size_t size)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum = (uint8_t)(sum + bytes[i]);
    }
    return sum == 0;
}

/* The table at a physical address, if it has that signature and is sound. */
static struct bytes table_at(uint64_t physical, const char *signature)
{
    struct bytes none = {NULL, 0};
    const uint8_t *header = (const uint8_t *)paging_map_firmware(physical, HEADER_BYTES);
    if (header == NULL || memcmp(header, signature, 4) != 0) {
        return none;
    }
    size_t size = (size_t)little(header + 4, 4);
    if (size < HEADER_BYTES || size > TABLE_BYTES_MAX) {
        return none;
    }
    const uint8_t *table = (const uint8_t *)paging_map_firmware(physical, size);
    if (table == NULL || !sums_to_zero(table, size)) {
        return none;
    }
    return (struct bytes){table, size};
}

/* The list of all tables (XSDT, or RSDT before ACPI 2), and how large its entries are. */
static struct bytes table_list(size_t *entry_bytes)
{
    const uint8_t *root = (const uint8_t *)paging_map_firmware(root_pointer, RSDP_BYTES);
    if (root == NULL || memcmp(root, "RSD PTR ", 8) != 0 || !sums_to_zero(root, RSDP_V1_BYTES)) {
        return (struct bytes){NULL, 0};
    }
    bool is_wide = root[RSDP_REVISION] >= 2 && sums_to_zero(root, RSDP_BYTES);
    *entry_bytes = is_wide ? 8 : 4;
    return is_wide ? table_at(little(root + RSDP_XSDT, 8), "XSDT")
                   : table_at(little(root + RSDP_RSDT, 4), "RSDT");
}

/* The first table of that signature. */
static struct bytes find_table(const char *signature)
{
    size_t entry_bytes = 0;
    struct bytes list = table_list(&entry_bytes);
    for (size_t i = 0; i < TABLES_MAX; i++) {
        size_t at = HEADER_BYTES + i * entry_bytes;
        if (list.size < entry_bytes || at > list.size - entry_bytes) {
            break;
        }
        struct bytes table = table_at(little(list.data + at, entry_bytes), signature);
        if (table.data != NULL) {
            return table;
        }
    }
    return (struct bytes){NULL, 0};
}

/* ---- what they say ---- */

static uint16_t port_of(const uint8_t *field)
{
    uint64_t port = little(field, 4);
    return port <= UINT16_MAX ? (uint16_t)port : 0;
}

static void read_reset(struct bytes fadt)
{
    bool has_it = fadt.size > FADT_RESET_VALUE && (little(fadt.data + FADT_FLAGS, 4) & FLAG_RESET) != 0;
    if (!has_it) {
        return;
    }
    reset_register.space = fadt.data[FADT_RESET];
    reset_register.address = little(fadt.data + FADT_RESET + 4, 8);
    reset_register.value = fadt.data[FADT_RESET_VALUE];
    if (reset_register.space == SPACE_MEMORY) {
        reset_mapped = paging_map_device(reset_register.address, 1);
    }
}

static void read_ports(struct bytes fadt)
{
    for (size_t i = 0; i < 2; i++) {
        event_port[i] = port_of(fadt.data + FADT_EVENTS + 4 * i);
        control_port[i] = port_of(fadt.data + FADT_CONTROLS + 4 * i);
    }
    event_enable_offset = fadt.data[FADT_EVENT_BYTES] / 2;
    if (fadt.size >= FADT_DSDT_WIDE + 8) {
        dsdt = little(fadt.data + FADT_DSDT_WIDE, 8);
    }
    if (dsdt == 0) {
        dsdt = little(fadt.data + FADT_DSDT, 4);
    }
}

static void read_configuration_space(struct bytes mcfg)
{
    for (size_t at = MCFG_FIRST; mcfg.size >= MCFG_ENTRY_BYTES && at <= mcfg.size - MCFG_ENTRY_BYTES;
         at += MCFG_ENTRY_BYTES) {
        const uint8_t *entry = mcfg.data + at;
        if (little(entry + 8, 2) == 0 && entry[10] <= entry[11]) {
            space = (struct acpi_configuration_space){little(entry, 8), entry[10], entry[11]};
            return;
        }
    }
}

struct acpi_configuration_space acpi_configuration_space(void)
{
    return space;
}

/* ---- fixed hardware ---- */

/* Ask the firmware for ACPI mode, if it is not on. */
static bool enter_acpi_mode(struct bytes fadt)
{
    uint16_t command_port = port_of(fadt.data + FADT_COMMAND_PORT);
    uint64_t start_ns = platform_monotonic_ns();
    bool asked = false;
    while ((port_read16(control_port[0]) & CONTROL_ACPI) == 0) {
        if (command_port == 0 || fadt.data[FADT_ENABLE] == 0 || !wait_step(start_ns, ENABLE_MS)) {
            return false;
        }
        if (!asked) {
            port_write8(command_port, fadt.data[FADT_ENABLE]);
            asked = true;
        }
    }
    return true;
}

/* The button alone may raise the status that we look at; no interrupt is taken from it. */
static void arm_button(void)
{
    for (size_t i = 0; i < 2; i++) {
        if (event_port[i] != 0 && event_enable_offset != 0) {
            port_write16(event_port[i], EVENT_BUTTON);
            port_write16((uint16_t)(event_port[i] + event_enable_offset), EVENT_BUTTON);
        }
    }
}

void acpi_init(void)
{
    struct bytes fadt = find_table("FACP");
    read_configuration_space(find_table("MCFG"));
    bool usable = fadt.size >= FADT_V1_BYTES && (little(fadt.data + FADT_FLAGS, 4) & FLAG_REDUCED) == 0;
    if (!usable) {
        return;
    }
    read_reset(fadt);
    read_ports(fadt);
    bool has_button = (little(fadt.data + FADT_FLAGS, 4) & FLAG_BUTTON_IN_AML) == 0;
    if (control_port[0] == 0 || !enter_acpi_mode(fadt)) {
        console_print("the firmware does not hand over the power button\n");
        control_port[0] = event_port[0] = event_port[1] = 0;
    } else if (has_button) {
        arm_button();
    } else {
        event_port[0] = event_port[1] = 0;
    }
}

bool acpi_power_button(void)
{
    uint64_t now_ns = platform_monotonic_ns();
    if (pressed || event_port[0] == 0 || now_ns - looked_ns < LOOK_EVERY_NS) {
        return pressed;
    }
    looked_ns = now_ns;
    for (size_t i = 0; i < 2 && event_port[i] != 0; i++) {
        uint16_t events = port_read16(event_port[i]);
        pressed |= events != UINT16_MAX && (events & EVENT_BUTTON) != 0;
    }
    return pressed;
}

/* ---- power off ---- */

/* One small constant of AML at `*at`. */
static bool take_constant(struct bytes aml, size_t *at, uint8_t *value)
{
    if (*at >= aml.size) {
        return false;
    }
    uint8_t code = aml.data[(*at)++];
    if (code == AML_BYTE && *at < aml.size) {
        *value = aml.data[(*at)++];
        return true;
    }
    *value = code;
    return code == AML_ZERO || code == AML_ONE;
}

/* The two sleep types of `Name (_S5, Package () {a, b, ...})` whose name is at `at`. */
static bool read_package(struct bytes aml, size_t at, uint8_t types[2])
{
    bool is_name = (at >= 1 && aml.data[at - 1] == AML_NAME) ||
                   (at >= 2 && aml.data[at - 1] == AML_ROOT && aml.data[at - 2] == AML_NAME);
    at += 4;
    if (!is_name || aml.size - at < 3 || aml.data[at] != AML_PACKAGE) {
        return false;
    }
    at += 2U + (aml.data[at + 1] >> 6) +
          1U; /* the package's length, of 1 to 4 bytes, and its number of elements */
    return take_constant(aml, &at, &types[0]) && take_constant(aml, &at, &types[1]);
}

static bool find_sleep_types(uint8_t types[2])
{
    struct bytes aml = table_at(dsdt, "DSDT");
    for (size_t at = HEADER_BYTES; aml.size >= 4 && at <= aml.size - 4; at++) {
        if (aml.data[at] == '_' && memcmp(aml.data + at, "_S5_", 4) == 0 && read_package(aml, at, types)) {
            return true;
        }
    }
    return false;
}

void acpi_power_off(void)
{
    uint8_t types[2];
    if (control_port[0] == 0 || !find_sleep_types(types)) {
        return;
    }
    for (size_t i = 0; i < 2 && control_port[i] != 0; i++) {
        uint32_t control = port_read16(control_port[i]) & ~(CONTROL_TYPE | CONTROL_SLEEP);
        control |= (uint32_t)types[i] << TYPE_SHIFT & CONTROL_TYPE;
        port_write16(control_port[i], (uint16_t)(control | CONTROL_SLEEP));
    }
    wait_ms(ENABLE_MS);
}

void acpi_reset(void)
{
    if (reset_register.space == SPACE_PORTS && reset_register.address - 1 < UINT16_MAX) {
        port_write8((uint16_t)reset_register.address, reset_register.value);
    } else if (reset_mapped != 0) {
        mmio_write8(reset_mapped, reset_register.value);
    }
}

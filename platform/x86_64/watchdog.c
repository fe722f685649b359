/*
 * i6300ESB: Intel 6300ESB I/O Controller Hub datasheet, 16 (two stages of 1 ms ticks; the second resets). TCO: Intel I/O
 * Controller Hub 9 datasheet, 13.9 (ticks of 0.6 s; the second expiry resets).
 */
#include "platform/x86_64/watchdog.h"
#include "platform/platform.h"
#include "platform/x86_64/console.h"
#include "platform/x86_64/cpu.h"
#include "platform/x86_64/crash.h"
#include "platform/x86_64/paging.h"
#include "platform/x86_64/pci.h"

#define NS_PER_S  1000000000ULL
#define PET_NS    (NS_PER_S / 2)
#define DEFAULT_S 30U
#define LEAST_S   2U
#define MOST_S    300U

#define VENDOR_INTEL   0x8086U
#define DEVICE_ESB     0x25abU
#define DEVICE_ICH9    0x2918U
#define ESB_CONFIG     0x60U /* bits 0 to 1: interrupt of stage 1, 3 for none; bit 5: no reset */
#define ESB_NO_STAGE_1 0x03U
#define ESB_LOCK       0x68U
#define ESB_ENABLE     0x02U
#define ESB_STAGE_1    0x00U
#define ESB_STAGE_2    0x04U
#define ESB_RELOAD     0x0cU
#define ESB_UNLOCK_1   0x80U
#define ESB_UNLOCK_2   0x86U
#define ESB_RELOAD_NOW 0x0100U
#define ESB_HAS_FIRED  0x0200U
#define ESB_BYTES      16U
#define ESB_TICKS_S    1024U /* about; at most 20 bits of them */

#define ICH9_PM_BASE     0x40U
#define ICH9_ACPI        0x44U
#define ICH9_ACPI_ENABLE 0x80U
#define ICH9_RCBA        0xf0U
#define RCBA_GCS         0x3410U
#define GCS_NO_REBOOT    0x20U
#define SMI_ENABLE       0x30U
#define SMI_TCO          0x2000U
#define TCO_BASE         0x60U
#define TCO_RELOAD       0x00U
#define TCO_STATUS_1     0x04U
#define TCO_STATUS_2     0x06U
#define TCO_TIMEOUT      0x0008U
#define TCO_SECOND       0x0002U
#define TCO_CONTROL      0x08U
#define TCO_HALT         0x0800U
#define TCO_TIMER        0x12U
#define TCO_TICKS_MAX    1023U

static uintptr_t esb; /* its registers; 0: none */
static struct pci_device esb_device;
static uint16_t tco; /* its first port; 0: none */
static uint32_t timeout_s = DEFAULT_S;
static bool armed;
static uint64_t petted_ns;

static void esb_write(uint32_t offset, uint32_t value)
{
    mmio_write16(esb + ESB_RELOAD, ESB_UNLOCK_1);
    mmio_write16(esb + ESB_RELOAD, ESB_UNLOCK_2);
    if (offset == ESB_RELOAD) {
        mmio_write16(esb + offset, (uint16_t)value);
    } else {
        mmio_write32(esb + offset, value);
    }
}

static bool esb_find(const struct pci_device *pci)
{
    esb_device = *pci;
    pci_enable(&esb_device);
    esb = pci_map(&esb_device, 0, 0, ESB_BYTES);
    if (esb == 0 || (mmio_read16(esb + ESB_RELOAD) & ESB_HAS_FIRED) == 0) {
        return false;
    }
    esb_write(ESB_RELOAD, ESB_HAS_FIRED);
    return true;
}

static bool tco_find(const struct pci_device *pci)
{
    uint32_t base = pci_read32(pci, ICH9_PM_BASE);
    uint32_t chipset = pci_read32(pci, ICH9_RCBA);
    if ((pci_read8(pci, ICH9_ACPI) & ICH9_ACPI_ENABLE) == 0 || (base & 0xff80U) == 0 || (chipset & 1) == 0) {
        return false;
    }
    uintptr_t gcs = paging_map_device((chipset & 0xffffc000U) + RCBA_GCS, 4);
    uint16_t ports = (uint16_t)(base & 0xff80U);
    if (gcs == 0) {
        return false;
    }
    mmio_write32(gcs, mmio_read32(gcs) & ~GCS_NO_REBOOT);
    port_write32((uint16_t)(ports + SMI_ENABLE), port_read32((uint16_t)(ports + SMI_ENABLE)) & ~SMI_TCO);
    tco = (uint16_t)(ports + TCO_BASE);
    bool fired = (port_read8((uint16_t)(tco + TCO_STATUS_2)) & TCO_SECOND) != 0;
    port_write16((uint16_t)(tco + TCO_STATUS_1), TCO_TIMEOUT);
    port_write16((uint16_t)(tco + TCO_STATUS_2), TCO_SECOND);
    return fired;
}

static void visit(const struct pci_device *pci)
{
    bool fired = false;
    if (pci->vendor == VENDOR_INTEL && pci->device == DEVICE_ESB && esb == 0) {
        fired = esb_find(pci);
    } else if (pci->vendor == VENDOR_INTEL && pci->device == DEVICE_ICH9 && tco == 0) {
        fired = tco_find(pci);
    }
    if (fired) {
        console_print("the watchdog ended the last run, which hung\n");
        crash_note();
    }
}

static uint32_t option_s(struct bytes text)
{
    uint32_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || value > MOST_S) {
            return DEFAULT_S;
        }
        value = value * 10 + (uint32_t)(text.data[i] - '0');
    }
    return text.size == 0 || (value != 0 && value < LEAST_S) || value > MOST_S ? DEFAULT_S : value;
}

void watchdog_init(void)
{
    timeout_s = option_s(platform_option("watchdog"));
    if (timeout_s != 0) {
        pci_each_device(visit);
    }
}

/* Each timer has two stages, and half the time is given to each. */
static void arm(void)
{
    armed = true;
    if (esb != 0) {
        uint32_t ticks = timeout_s * ESB_TICKS_S / 2;
        pci_write16(&esb_device, ESB_CONFIG, ESB_NO_STAGE_1);
        esb_write(ESB_STAGE_1, ticks);
        esb_write(ESB_STAGE_2, ticks);
        pci_write8(&esb_device, ESB_LOCK, ESB_ENABLE);
    } else if (tco != 0) {
        uint32_t ticks = timeout_s * 10 / 6 / 2;
        port_write16((uint16_t)(tco + TCO_TIMER), (uint16_t)(ticks < TCO_TICKS_MAX ? ticks : TCO_TICKS_MAX));
        port_write16((uint16_t)(tco + TCO_CONTROL),
                     port_read16((uint16_t)(tco + TCO_CONTROL)) & (uint16_t)~TCO_HALT);
    }
}

void platform_alive(void)
{
    uint64_t now_ns = platform_monotonic_ns();
    if (timeout_s == 0 || (esb == 0 && tco == 0) || (armed && now_ns - petted_ns < PET_NS)) {
        return;
    }
    if (!armed) {
        arm();
    }
    petted_ns = now_ns;
    if (esb != 0) {
        esb_write(ESB_RELOAD, ESB_RELOAD_NOW);
    } else {
        port_write16((uint16_t)(tco + TCO_RELOAD), 1);
    }
}

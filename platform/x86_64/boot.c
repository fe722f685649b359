/*
 * The boot list of the machine, one step a line, up to the app.
 */
#include "platform/x86_64/boot.h"
#include "platform/platform.h"
#include "platform/x86_64/acpi.h"
#include "platform/x86_64/block.h"
#include "platform/x86_64/clock.h"
#include "platform/x86_64/console.h"
#include "platform/x86_64/cpu.h"
#include "platform/x86_64/crash.h"
#include "platform/x86_64/generation.h"
#include "platform/x86_64/handover.h"
#include "platform/x86_64/interrupt.h"
#include "platform/x86_64/memory.h"
#include "platform/x86_64/nic.h"
#include "platform/x86_64/options.h"
#include "platform/x86_64/paging.h"
#include "platform/x86_64/pci.h"
#include "platform/x86_64/screen.h"
#include "platform/x86_64/traps.h"
#include "platform/x86_64/virtio.h"
#include "platform/x86_64/watchdog.h"

_Noreturn void boot_main(uint32_t start_info)
{
    console_init();
    traps_init();
    cpu_init();
    handover_init(start_info);
    acpi_note(start_info);
    options_init(start_info);
    memory_init(start_info);
    paging_init();
    interrupt_init();
    clock_init();
    options_load_files();
    acpi_init();
    pci_init();
    screen_init();
    generation_init();
    watchdog_init();
    crash_init();
    virtio_pci_probe();
    virtio_mmio_probe();
    nic_start();
    block_probe();
    platform_power_off(app_main());
}

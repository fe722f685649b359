/*
 * Intel SDM volume 3, chapter 11 (local APIC, in xAPIC mode or, where the firmware left it so, x2APIC mode), and
 * the 82093AA I/O APIC.
 */
#include "platform/x86_64/interrupt.h"
#include "platform/platform.h"
#include "platform/x86_64/cpu.h"
#include "platform/x86_64/paging.h"

#define MSR_APIC_BASE        0x1bU
#define MSR_X2APIC           0x800U
#define APIC_BASE_ENABLE     (1ULL << 11)
#define APIC_BASE_X2APIC     (1ULL << 10)
#define APIC_BASE_ADDRESS    0x000ffffffffff000ULL
#define APIC_ID              0x020U
#define APIC_TASK_PRIORITY   0x080U
#define APIC_EOI             0x0b0U
#define APIC_SPURIOUS        0x0f0U
#define APIC_LVT_TIMER       0x320U
#define APIC_LVT_LINT0       0x350U
#define APIC_LVT_LINT1       0x360U
#define APIC_LVT_ERROR       0x370U
#define APIC_TIMER_INITIAL   0x380U
#define APIC_TIMER_CURRENT   0x390U
#define APIC_TIMER_DIVIDE    0x3e0U
#define APIC_SOFTWARE_ENABLE 0x100U
#define LVT_MASKED           0x10000U
#define LVT_NMI              0x00400U
#define DIVIDE_BY_16         0x3U

#define PIC_MASTER_DATA 0x21U
#define PIC_SLAVE_DATA  0xa1U

#define IO_APIC_FIRST   0xfec00000U /* fixed on every machine here; ACPI names others later */
#define IO_APIC_SECOND  0xfec10000U /* microvm with ioapic2=on */
#define IO_APIC_LINES   24U
#define IO_APIC_SELECT  0x00U
#define IO_APIC_WINDOW  0x10U
#define IO_APIC_VERSION 1U
#define IO_APIC_ENTRY   0x10U

#define VECTOR_COUNT 64U

static bool x2apic;
static uintptr_t apic;
static uint8_t next_vector = INTERRUPT_VECTOR_FIRST;
static volatile uint32_t counts[VECTOR_COUNT];

static void apic_write(uint32_t reg, uint32_t value)
{
    if (x2apic) {
        msr_write(MSR_X2APIC + (reg >> 4), value);
    } else {
        mmio_write32(apic + reg, value);
    }
}

static uint32_t apic_read(uint32_t reg)
{
    return x2apic ? (uint32_t)msr_read(MSR_X2APIC + (reg >> 4)) : mmio_read32(apic + reg);
}

static uint32_t apic_id(void)
{
    return x2apic ? apic_read(APIC_ID) : apic_read(APIC_ID) >> 24;
}

void interrupt_init(void)
{
    port_write8(PIC_MASTER_DATA, 0xff);
    port_write8(PIC_SLAVE_DATA, 0xff);
    uint64_t base = msr_read(MSR_APIC_BASE);
    x2apic = (base & APIC_BASE_X2APIC) != 0;
    msr_write(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
    apic = paging_map_device(base & APIC_BASE_ADDRESS, 4096);
    if (apic == 0) {
        platform_panic("the local APIC lies in memory");
    }
    apic_write(APIC_TASK_PRIORITY, 0);
    apic_write(APIC_LVT_LINT0, LVT_MASKED);
    apic_write(APIC_LVT_LINT1, LVT_NMI); /* an operator's way to ask a hung machine for its state */
    apic_write(APIC_LVT_ERROR, LVT_MASKED);
    apic_write(APIC_SPURIOUS, APIC_SOFTWARE_ENABLE | INTERRUPT_VECTOR_SPURIOUS);
    apic_write(APIC_LVT_TIMER, INTERRUPT_VECTOR_TIMER); /* one-shot */
    apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_16);
}

uint8_t interrupt_vector_new(void)
{
    return next_vector < INTERRUPT_VECTOR_LAST ? next_vector++ : (uint8_t)INTERRUPT_VECTOR_LAST;
}

uint32_t interrupt_count(uint8_t vector)
{
    return counts[vector % VECTOR_COUNT];
}

uint64_t interrupt_message_address(void)
{
    return 0xfee00000U | (apic_id() & 0xff) << 12;
}

uint32_t interrupt_message_data(uint8_t vector)
{
    return vector; /* fixed delivery, edge */
}

static uint32_t io_apic_read(uintptr_t base, uint32_t index)
{
    mmio_write32(base + IO_APIC_SELECT, index);
    return mmio_read32(base + IO_APIC_WINDOW);
}

static void io_apic_write(uintptr_t base, uint32_t index, uint32_t value)
{
    mmio_write32(base + IO_APIC_SELECT, index);
    mmio_write32(base + IO_APIC_WINDOW, value);
}

enum status interrupt_route_line(uint32_t line, uint8_t vector)
{
    uint32_t where = line < IO_APIC_LINES ? IO_APIC_FIRST : IO_APIC_SECOND;
    uintptr_t base = paging_map_device(where, 4096);
    uint32_t pin = line % IO_APIC_LINES;
    if (base == 0 || line >= 2 * IO_APIC_LINES) {
        return STATUS_NOT_FOUND;
    }
    uint32_t version = io_apic_read(base, IO_APIC_VERSION);
    if (version == UINT32_MAX || (version >> 16 & 0xff) < pin) {
        return STATUS_NOT_FOUND;
    }
    io_apic_write(base, IO_APIC_ENTRY + pin * 2 + 1, apic_id() << 24);
    io_apic_write(base, IO_APIC_ENTRY + pin * 2, vector);
    return STATUS_OK;
}

void interrupt_timer_start(uint32_t ticks)
{
    apic_write(APIC_TIMER_INITIAL, ticks);
}

uint32_t interrupt_timer_remaining(void)
{
    return apic_read(APIC_TIMER_CURRENT);
}

void interrupt_handle(uint64_t vector)
{
    counts[vector % VECTOR_COUNT]++;
    if (vector != INTERRUPT_VECTOR_SPURIOUS) {
        apic_write(APIC_EOI, 0);
    }
}

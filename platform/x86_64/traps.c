/*
 * GDT, TSS and IDT, and the screen that an exception prints. Intel SDM volume 3, chapters 6 and 7.
 */
#include "platform/x86_64/traps.h"
#include "platform/platform.h"
#include "platform/x86_64/console.h"
#include "platform/x86_64/cpu.h"
#include "platform/x86_64/crash.h"
#include "platform/x86_64/image.h"
#include "platform/x86_64/memory.h"
#include "platform/x86_64/power.h"

#define VECTOR_COUNT          64U
#define CODE_SELECTOR         0x08U
#define TSS_SELECTOR          0x10U
#define GATE_INTERRUPT        0x8e00U /* present, ring 0, interrupt gate: IF is cleared */
#define BACKTRACE_MAX         12U
#define BUILD_ID_AT           16U /* behind the head of the ELF note and its name, "GNU" */
#define BUILD_ID_BYTES        20U
#define VECTOR_NMI            2U
#define VECTOR_INVALID_OPCODE 6U
#define VECTOR_DOUBLE_FAULT   8U
#define VECTOR_PAGE_FAULT     14U
#define VECTOR_MACHINE_CHECK  18U
#define VECTOR_FIRST_DEVICE   32U

#define FAULT_PRESENT 0x01U /* page-fault error code: the page is there, the right is missing */
#define FAULT_FETCH   0x10U

enum fault_stack {
    STACK_CURRENT = 0,
    STACK_FAULT = 1,
    STACK_NMI = 2,
    STACK_MACHINE_CHECK = 3,
    STACK_DOUBLE_FAULT = 4
};

/* 64-bit TSS: its 64-bit members are not aligned, so they are kept as halves. */
struct task_state {
    uint32_t reserved0;
    uint32_t ring_stacks[6];
    uint32_t reserved1[2];
    uint32_t fault_stacks[14]; /* seven stack pointers, low half first */
    uint32_t reserved2[2];
    uint16_t reserved3, io_map_base;
};

struct __attribute__((packed)) table_pointer {
    uint16_t limit;
    uint64_t base;
};

extern const uint64_t trap_entries[VECTOR_COUNT];

static uint64_t gdt[4] = {0, 0x00af9b000000ffffULL, 0, 0};
static struct task_state task_state;
static uint64_t idt[VECTOR_COUNT][2];

static void fault_stack_set(enum fault_stack stack, const uint8_t *top)
{
    task_state.fault_stacks[(stack - 1) * 2] = (uint32_t)(uintptr_t)top;
    task_state.fault_stacks[(stack - 1) * 2 + 1] = (uint32_t)((uintptr_t)top >> 32);
}

static enum fault_stack stack_of(size_t vector)
{
    switch (vector) {
    case VECTOR_NMI:
        return STACK_NMI;
    case VECTOR_DOUBLE_FAULT:
        return STACK_DOUBLE_FAULT;
    case VECTOR_MACHINE_CHECK:
        return STACK_MACHINE_CHECK;
    default:
        return vector < VECTOR_FIRST_DEVICE ? STACK_FAULT : STACK_CURRENT;
    }
}

static void task_state_init(void)
{
    fault_stack_set(STACK_FAULT, fault_stack_end);
    fault_stack_set(STACK_NMI, nmi_stack_end);
    fault_stack_set(STACK_MACHINE_CHECK, machine_check_stack_end);
    fault_stack_set(STACK_DOUBLE_FAULT, double_fault_stack_end);
    task_state.io_map_base = sizeof task_state;
    uint64_t base = (uintptr_t)&task_state;
    gdt[2] = (sizeof task_state - 1) | (base & 0xffffff) << 16 | 0x89ULL << 40 | (base >> 24 & 0xff) << 56;
    gdt[3] = base >> 32;
}

static void idt_init(void)
{
    for (size_t vector = 0; vector < VECTOR_COUNT; vector++) {
        uint64_t entry = trap_entries[vector];
        uint64_t type = GATE_INTERRUPT | (uint64_t)stack_of(vector);
        idt[vector][0] = (entry & 0xffff) | CODE_SELECTOR << 16 | type << 32 | (entry >> 16 & 0xffff) << 48;
        idt[vector][1] = entry >> 32;
    }
}

void traps_init(void)
{
    task_state_init();
    idt_init();
    struct table_pointer gdt_pointer = {sizeof gdt - 1, (uintptr_t)gdt};
    struct table_pointer idt_pointer = {sizeof idt - 1, (uintptr_t)idt};
    __asm__ volatile("lgdt %0" : : "m"(gdt_pointer) : "memory");
    __asm__ volatile("ltr %w0" : : "r"(TSS_SELECTOR) : "memory");
    __asm__ volatile("lidt %0" : : "m"(idt_pointer) : "memory");
}

static const char *vector_name(uint64_t vector)
{
    static const char *const names[] = {"divide error",
                                        "debug",
                                        "non-maskable interrupt",
                                        "breakpoint",
                                        "overflow",
                                        "bound range",
                                        "invalid opcode",
                                        "no coprocessor",
                                        "double fault",
                                        "coprocessor overrun",
                                        "invalid TSS",
                                        "segment not present",
                                        "stack segment",
                                        "general protection",
                                        "page fault",
                                        "reserved",
                                        "x87 error",
                                        "alignment check",
                                        "machine check",
                                        "SIMD error",
                                        "virtualization",
                                        "control protection"};
    return vector < sizeof names / sizeof names[0] ? names[vector] : "reserved";
}

static bool on_stack(uint64_t address)
{
    return address >= (uintptr_t)main_stack_start && address <= (uintptr_t)main_stack_end - 16;
}

static bool in_text(uint64_t address)
{
    return address >= (uintptr_t)text_start && address < (uintptr_t)text_end;
}

void trap_backtrace(uint64_t rip, uint64_t frame_pointer)
{
    console_print("build=");
    for (size_t i = 0; i < BUILD_ID_BYTES; i++) {
        console_print_hex(build_id_note[BUILD_ID_AT + i], 2);
    }
    console_print(" image=");
    console_print_hex((uintptr_t)image_start, 16);
    console_print("\nbacktrace:");
    for (size_t i = 0; i < BACKTRACE_MAX; i++) {
        console_print(" ");
        console_print_hex(rip, 16);
        if (!on_stack(frame_pointer) || frame_pointer % 8 != 0) {
            break;
        }
        const uint64_t *frame = (const uint64_t *)(uintptr_t)frame_pointer;
        rip = frame[1];
        if (frame[0] <= frame_pointer || !in_text(rip)) {
            break;
        }
        frame_pointer = frame[0];
    }
    console_print("\n");
}

static void print_register(const char *name, uint64_t value)
{
    console_print(name);
    console_print("=");
    console_print_hex(value, 16);
}

static void print_registers(const struct trap_frame *f)
{
    const struct {
        const char *name;
        uint64_t value;
    } list[] = {{"rip", f->rip}, {"rsp", f->rsp}, {"rbp", f->rbp}, {"rfl", f->rflags}, {"rax", f->rax},
                {"rbx", f->rbx}, {"rcx", f->rcx}, {"rdx", f->rdx}, {"rsi", f->rsi},    {"rdi", f->rdi},
                {"r8 ", f->r8},  {"r9 ", f->r9},  {"r10", f->r10}, {"r11", f->r11},    {"r12", f->r12},
                {"r13", f->r13}, {"r14", f->r14}, {"r15", f->r15}, {"cs ", f->cs},     {"ss ", f->ss}};
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        print_register(list[i].name, list[i].value);
        console_print(i % 4 == 3 ? "\n" : " ");
    }
}

/* What -fsanitize puts where a check fails, and the compiler where nothing can come: ud2. */
static bool is_trap_of_compiler(uint64_t rip)
{
    const uint8_t *code = (const uint8_t *)(uintptr_t)rip;
    return in_text(rip) && in_text(rip + 1) && code[0] == 0x0f && code[1] == 0x0b;
}

static void print_cause(const struct trap_frame *frame, uint64_t cr2)
{
    console_print("\npanic: exception ");
    console_print_decimal(frame->vector);
    console_print(" (");
    console_print(vector_name(frame->vector));
    console_print("), error code 0x");
    console_print_hex(frame->error_code, 4);
    print_register(", cr2", cr2);
    if (frame->vector == VECTOR_PAGE_FAULT && cr2 < 4096) {
        console_print(": null pointer");
    }
    if (frame->vector == VECTOR_PAGE_FAULT && cr2 >= (uintptr_t)main_stack_start - 4096 &&
        cr2 < (uintptr_t)main_stack_start) {
        console_print(": stack overflow");
    }
    if (frame->vector == VECTOR_INVALID_OPCODE && is_trap_of_compiler(frame->rip)) {
        console_print(": undefined behaviour");
    }
    console_print("\n");
}

_Noreturn static void report(const struct trap_frame *frame, uint64_t cr2)
{
    static bool reporting;
    if (reporting) {
        power_exit(POWER_CODE_PANIC); /* the report itself failed */
        power_reset();
    }
    reporting = true;
    print_cause(frame, cr2);
    print_registers(frame);
    trap_backtrace(frame->rip, frame->rbp);
    crash_end();
}

void trap_handle(const struct trap_frame *frame)
{
    uint64_t cr2;
    __asm__ volatile("movq %%cr2, %0" : "=r"(cr2));
    bool absent_data =
        frame->vector == VECTOR_PAGE_FAULT && (frame->error_code & (FAULT_PRESENT | FAULT_FETCH)) == 0;
    if (absent_data && memory_touch(cr2)) {
        return;
    }
    report(frame, cr2);
}

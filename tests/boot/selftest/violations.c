/*
 * Violations that the machine must catch, one a run: boot option `violation` names one of the list at the end. A run
 * that comes back from its violation says NOT CAUGHT and ends with exit code 1.
 */
#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "platform/platform.h"
#include "platform/x86_64/image.h"
#include "platform/x86_64/layout.h"
#include "platform/x86_64/memory.h"
#include "selftest.h"

#define POOL_BYTES    8192U
#define RETURN_OPCODE 0xc3U
#define NON_CANONICAL 0x1234567890abcdefULL
#define NOWHERE       0x7000000000ULL
#define DEEP_BYTES    (1U << 20)

/* What the compiler must not see through. */
static volatile int zero;
static volatile int one = 1;
static volatile int int_max = INT_MAX;
static volatile int int_min = INT_MIN;
static const uint8_t constant[16] = {RETURN_OPCODE};
static uint8_t initialised[16] = {RETURN_OPCODE};
static volatile uint64_t sink;
static volatile int int_sink;

static void read_at(uint64_t address)
{
    sink = *(const volatile uint8_t *)(uintptr_t)address;
}

static void write_at(uint64_t address)
{
    *(volatile uint8_t *)(uintptr_t)address = 1;
}

static void execute_at(uint64_t address)
{
    void (*run)(void) = (void (*)(void))(uintptr_t)address;
    run();
}

/* ---- rights ---- */

static void text_write(void)
{
    write_at((uintptr_t)text_start + 64);
}

static void rodata_write(void)
{
    write_at((uintptr_t)constant);
}

static void layout_write(void)
{
    write_at((uintptr_t)&layout);
}

static void rodata_execute(void)
{
    execute_at((uintptr_t)constant);
}

static void data_execute(void)
{
    execute_at((uintptr_t)initialised);
}

static void bss_execute(void)
{
    static uint8_t code[16];
    code[0] = RETURN_OPCODE;
    execute_at((uintptr_t)code);
}

static void stack_execute(void)
{
    volatile uint8_t code[16] = {RETURN_OPCODE};
    execute_at((uintptr_t)code);
}

static void pool_execute(void)
{
    uint8_t *pool = platform_memory_take(POOL_BYTES);
    pool[0] = RETURN_OPCODE;
    execute_at((uintptr_t)pool);
}

static void large_pool_execute(void)
{
    uint8_t *pool = platform_memory_take(1U << 20);
    pool[0] = RETURN_OPCODE;
    execute_at((uintptr_t)pool);
}

static void dma_execute(void)
{
    uint8_t *ring = memory_take_for_device(POOL_BYTES);
    ring[0] = RETURN_OPCODE;
    execute_at((uintptr_t)ring);
}

/* ---- what is not mapped ---- */

static void null_read(void)
{
    read_at((uint64_t)zero + 16);
}

static void null_write(void)
{
    write_at((uint64_t)zero + 8);
}

static void null_execute(void)
{
    execute_at((uint64_t)zero);
}

static void image_at_link_address(void)
{
    read_at(image_link_address);
}

static void image_at_physical_address(void)
{
    read_at(memory_physical(initialised));
}

static void pool_at_physical_address(void)
{
    read_at(memory_physical(memory_take_for_device(POOL_BYTES)));
}

static void apic_at_physical_address(void)
{
    read_at(0xfee00020);
}

static void free_memory(void)
{
    uint8_t *last = platform_memory_take(POOL_BYTES);
    read_at((uintptr_t)last + (1U << 20));
}

static void nowhere(void)
{
    read_at(NOWHERE);
}

static void non_canonical(void)
{
    read_at(NON_CANONICAL);
}

static void before_image(void)
{
    read_at((uintptr_t)image_start - 1);
}

static void after_image(void)
{
    read_at((uintptr_t)image_end);
}

/* ---- guards ---- */

static void pool_overrun(void)
{
    write_at((uintptr_t)platform_memory_take(POOL_BYTES) + POOL_BYTES);
}

static void pool_underrun(void)
{
    (void)platform_memory_take(POOL_BYTES);
    write_at((uintptr_t)platform_memory_take(POOL_BYTES) - 1);
}

static void large_pool_overrun(void)
{
    write_at((uintptr_t)platform_memory_take(1U << 20) + (1U << 20));
}

static void dma_overrun(void)
{
    write_at((uintptr_t)memory_take_for_device(POOL_BYTES) + POOL_BYTES);
}

static void data_overrun(void)
{
    write_at((uintptr_t)data_end);
}

static void main_stack_guard(void)
{
    write_at((uintptr_t)main_stack_start - 1);
}

static void main_stack_underrun(void)
{
    write_at((uintptr_t)main_stack_end);
}

static void fault_stack_guard(void)
{
    write_at((uintptr_t)fault_stack_start - 1);
}

static void nmi_stack_guard(void)
{
    write_at((uintptr_t)nmi_stack_start - 1);
}

static void machine_check_stack_guard(void)
{
    write_at((uintptr_t)machine_check_stack_start - 1);
}

static void double_fault_stack_guard(void)
{
    write_at((uintptr_t)double_fault_stack_start - 1);
}

/* Not inlined, and with work after the call, so that it is no loop. */
static __attribute__((noinline)) uint64_t deeper(uint64_t depth)
{
    volatile uint8_t frame[1024];
    frame[depth % sizeof frame] = (uint8_t)depth;
    if (depth == UINT64_MAX) {
        return 0;
    }
    return deeper(depth + 1) + frame[depth % sizeof frame];
}

static void recursion(void)
{
    sink = deeper(0);
}

/* A frame larger than the stack would step over the guard page, were it not probed page by page. */
static __attribute__((noinline)) void stack_clash(void)
{
    volatile uint8_t frame[DEEP_BYTES];
    frame[0] = 1;
    sink = frame[zero];
}

static __attribute__((noinline)) void fill(volatile uint8_t *buffer, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        buffer[i] = 0x41;
    }
}

static void canary(void)
{
    volatile uint8_t buffer[16];
    fill(buffer, sizeof buffer + 16);
    sink = buffer[0];
}

/* ---- undefined behaviour ---- */

static void signed_add(void)
{
    int_sink = int_max + one;
}

static void signed_multiply(void)
{
    int_sink = int_max * (one + 1);
}

static void signed_negate(void)
{
    int_sink = -int_min;
}

static void shift_too_far(void)
{
    // cppcheck-suppress [shiftTooManyBits,integerOverflow]
    int_sink = one << (one + 31);
}

static void index_out_of_bounds(void)
{
    static int numbers[4];
    sink = (uint64_t)numbers[one + 3]; // cppcheck-suppress arrayIndexOutOfBounds
}

static void null_member(void)
{
    struct bytes *view = (struct bytes *)(uintptr_t)zero;
    sink = view->size;
}

static void bad_bool(void)
{
    static volatile uint8_t byte = 7;
    bool value;
    memcpy(&value, (const void *)(uintptr_t)&byte, 1);
    sink = value;
}

static void member_out_of_bounds(void)
{
    static struct {
        uint32_t numbers[4];
    } few;
    sink = few.numbers[one + 3]; // cppcheck-suppress arrayIndexOutOfBounds
}

static void unreachable(void)
{
    if (one == 1) {
        __builtin_unreachable();
    }
}

static __attribute__((nonnull)) __attribute__((noinline)) void wants_pointer(const void *pointer)
{
    sink = (uintptr_t)pointer;
}

static void null_argument(void)
{
    wants_pointer((const void *)(uintptr_t)zero);
}

static void divide_by_zero(void)
{
    sink = (uint64_t)(one / zero);
}

/* ---- the rest ---- */

static void divide_fault(void)
{
    __asm__ volatile("idivl %0" : : "m"(zero), "a"(1), "d"(0));
}

static void invalid_opcode(void)
{
    __asm__ volatile("ud2");
}

static void breakpoint(void)
{
    __asm__ volatile("int3");
}

static void stray_interrupt(void)
{
    __asm__ volatile("int $200");
}

static void bad_segment(void)
{
    __asm__ volatile("movw %w0, %%es" : : "r"(0x7f8));
}

/* With the stack pointer astray the report itself must not need that stack. */
static void bad_stack(void)
{
    __asm__ volatile("movq %0, %%rsp; int $40" : : "r"(NOWHERE) : "memory");
}

static void failed_assert(void)
{
    assert(zero == 1);
}

static void aborts(void)
{
    abort();
}

static void panics(void)
{
    platform_panic("this is the sentence");
}

static void foreign_dma(void)
{
    sink = memory_physical((const void *)(uintptr_t)NOWHERE);
}

static const struct {
    const char *name;
    void (*run)(void);
} violations[] = {{"text_write", text_write},
                  {"rodata_write", rodata_write},
                  {"layout_write", layout_write},
                  {"rodata_execute", rodata_execute},
                  {"data_execute", data_execute},
                  {"bss_execute", bss_execute},
                  {"stack_execute", stack_execute},
                  {"pool_execute", pool_execute},
                  {"large_pool_execute", large_pool_execute},
                  {"dma_execute", dma_execute},
                  {"null_read", null_read},
                  {"null_write", null_write},
                  {"null_execute", null_execute},
                  {"image_at_link_address", image_at_link_address},
                  {"image_at_physical_address", image_at_physical_address},
                  {"pool_at_physical_address", pool_at_physical_address},
                  {"apic_at_physical_address", apic_at_physical_address},
                  {"free_memory", free_memory},
                  {"nowhere", nowhere},
                  {"non_canonical", non_canonical},
                  {"before_image", before_image},
                  {"after_image", after_image},
                  {"pool_overrun", pool_overrun},
                  {"pool_underrun", pool_underrun},
                  {"large_pool_overrun", large_pool_overrun},
                  {"dma_overrun", dma_overrun},
                  {"data_overrun", data_overrun},
                  {"main_stack_guard", main_stack_guard},
                  {"main_stack_underrun", main_stack_underrun},
                  {"fault_stack_guard", fault_stack_guard},
                  {"nmi_stack_guard", nmi_stack_guard},
                  {"machine_check_stack_guard", machine_check_stack_guard},
                  {"double_fault_stack_guard", double_fault_stack_guard},
                  {"recursion", recursion},
                  {"stack_clash", stack_clash},
                  {"canary", canary},
                  {"signed_add", signed_add},
                  {"signed_multiply", signed_multiply},
                  {"signed_negate", signed_negate},
                  {"shift_too_far", shift_too_far},
                  {"index_out_of_bounds", index_out_of_bounds},
                  {"null_member", null_member},
                  {"bad_bool", bad_bool},
                  {"member_out_of_bounds", member_out_of_bounds},
                  {"unreachable", unreachable},
                  {"null_argument", null_argument},
                  {"divide_by_zero", divide_by_zero},
                  {"divide_fault", divide_fault},
                  {"invalid_opcode", invalid_opcode},
                  {"breakpoint", breakpoint},
                  {"stray_interrupt", stray_interrupt},
                  {"bad_segment", bad_segment},
                  {"bad_stack", bad_stack},
                  {"failed_assert", failed_assert},
                  {"aborts", aborts},
                  {"panics", panics},
                  {"foreign_dma", foreign_dma}};

void selftest_violation(void)
{
    struct bytes wanted = platform_option("violation");
    for (size_t i = 0; i < sizeof violations / sizeof violations[0]; i++) {
        const char *name = violations[i].name;
        if (wanted.size == strlen(name) && memcmp(wanted.data, name, wanted.size) == 0) {
            selftest_say("violating\n");
            violations[i].run();
            selftest_expect(false, "NOT CAUGHT");
        }
    }
    selftest_expect(false, "no such violation");
}

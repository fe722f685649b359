/*
 * Looks through the page tables that are in use: nothing is both writable and executable, what is executable is the
 * text, nothing lies at its physical address, nothing is open to user mode; and says where this boot lies.
 */
#include "platform/platform.h"
#include "platform/x86_64/cpu.h"
#include "platform/x86_64/image.h"
#include "platform/x86_64/layout.h"
#include "platform/x86_64/memory.h"
#include "selftest.h"

#define ENTRY_PRESENT    1ULL
#define ENTRY_WRITE      2ULL
#define ENTRY_USER       4ULL
#define ENTRY_LARGE      0x80ULL
#define ENTRY_NO_EXECUTE (1ULL << 63)
#define ENTRY_ADDRESS    0x000ffffffffff000ULL
#define MSR_EFER         0xc0000080U

static struct {
    uint64_t pages, executable, writable, both, user, identity;
} seen;

static const uint64_t *table_at(uint64_t physical)
{
    bool early = physical - layout.image_physical < image_bytes();
    return (const uint64_t *)(uintptr_t)(physical + (early ? layout.image_slide : layout.ram_slide));
}

static void note_page(uint64_t address, uint64_t entry)
{
    bool writable = (entry & ENTRY_WRITE) != 0;
    bool executable = (entry & ENTRY_NO_EXECUTE) == 0;
    seen.pages++;
    seen.writable += writable;
    seen.executable += executable;
    seen.both += writable && executable;
    seen.user += (entry & ENTRY_USER) != 0;
    seen.identity += (entry & ENTRY_ADDRESS) == address;
}

static void walk(const uint64_t *table, uint64_t address, unsigned level)
{
    unsigned shift = 12 + 9 * level;
    for (uint64_t i = 0; i < 512; i++) {
        uint64_t below = address | i << shift;
        if (level == 3 && i >= 256) {
            below |= 0xffff000000000000ULL;
        }
        if ((table[i] & ENTRY_PRESENT) == 0) {
            continue;
        }
        if (level == 0 || (table[i] & ENTRY_LARGE) != 0) {
            note_page(below, table[i]);
        } else {
            walk(table_at(table[i] & ENTRY_ADDRESS), below, level - 1);
        }
    }
}

static void say_flag(const char *name, bool set)
{
    selftest_say_number(name, set);
}

static void say_protections(void)
{
    uint64_t cr0;
    uint64_t cr4;
    __asm__ volatile("movq %%cr0, %0; movq %%cr4, %1" : "=r"(cr0), "=r"(cr4));
    selftest_say("protections");
    say_flag("wp", cr0 >> 16 & 1);
    say_flag("nx", msr_read(MSR_EFER) >> 11 & 1);
    say_flag("smep", cr4 >> 20 & 1);
    say_flag("smap", cr4 >> 21 & 1);
    say_flag("umip", cr4 >> 11 & 1);
    selftest_say("\n");
}

static void say_place(const char *name, uint64_t address)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(address >> (56 - 8 * i));
    }
    selftest_say_hex(name, bytes, sizeof bytes);
}

void selftest_mappings(void)
{
    uint64_t root;
    uint8_t *pool = platform_memory_take(4096);
    uint8_t *large = platform_memory_take(1U << 20);
    large[1 << 19] = 1;
    __asm__ volatile("movq %%cr3, %0" : "=r"(root));
    walk(table_at(root & ENTRY_ADDRESS), 0, 3);
    selftest_say("mappings");
    selftest_say_number("pages", seen.pages);
    selftest_say_number("writable", seen.writable);
    selftest_say_number("executable", seen.executable);
    selftest_say_number("text", ((uintptr_t)text_end - (uintptr_t)text_start) / 4096);
    selftest_say_number("both", seen.both);
    selftest_say_number("user", seen.user);
    selftest_say_number("identity", seen.identity);
    selftest_say("\n");
    say_protections();
    selftest_say("places");
    say_place("image", (uintptr_t)image_start);
    say_place("stack", (uintptr_t)__builtin_frame_address(0));
    say_place("pool", (uintptr_t)pool);
    say_place("device", layout.device_slide);
    selftest_say("\n");
}

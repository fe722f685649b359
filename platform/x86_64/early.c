/*
 * Address space layout randomisation. What is drawn, in bits of choice:
 *
 *   image    34 bits: any page of [2^46, 2^47), but for the last 16 MiB of each GiB, so that one directory maps it
 *   RAM      33 bits: 2^44 + any page below 2^45, plus the physical address
 *   devices  25 bits: -2^47 + any 2 MiB below 2^46, plus the physical address; large pages need that grain
 *   canary   56 bits
 *
 * The image is a position-independent executable with relative relocations only, packed as RELR (System V gABI, 4.3).
 * This file runs before they are applied: it must not follow a pointer that the linker stored, only take addresses of
 * its own, which the compiler makes relative to the instruction. It is built without the canary that it sets.
 */
#include "platform/x86_64/early.h"
#include "platform/x86_64/cpu.h"
#include "platform/x86_64/image.h"
#include "platform/x86_64/layout.h"

#define CPUID_1_ECX_RDRAND (1U << 30)
#define CPUID_7_EBX_RDSEED (1U << 18)
#define HARDWARE_TRIES     1000U
#define JITTER_ROUNDS      512U /* where the processor has no generator */
#define JITTER_ROUNDS_MORE 16U  /* beside one */
#define PIT_CHANNEL_0      0x40U

#define PAGE_BYTES          4096ULL
#define PLACES_IN_GIB       ((1ULL << 18) - (16ULL << 20) / PAGE_BYTES)
#define IMAGE_BASE          (1ULL << 46)
#define IMAGE_GIBS          (1ULL << 16)
#define RAM_BASE            (1ULL << 44)
#define RAM_PAGES           (1ULL << 33)
#define DEVICE_BASE         0xffff800000000000ULL
#define DEVICE_PLACES       (1ULL << 25)
#define DEVICE_GRAIN        0x200000ULL
#define CANARY_MASK         0xffffffffffffff00ULL /* a zero byte stops the copy of a string */
#define ENTRY_PRESENT_WRITE 3ULL
#define ENTRIES             512U
#define TABLES              12U /* pointers, directory, and tables for 16 MiB at any page */

/* In the segment that paging.c makes read-only: nobody writes them later. */
#define READ_ONLY_LATER __attribute__((section(".data.rel.ro")))

extern uintptr_t __stack_chk_guard; /* compared by the code that -fstack-protector adds */

uintptr_t __stack_chk_guard READ_ONLY_LATER;
struct layout layout READ_ONLY_LATER;

static uint64_t tables[TABLES][ENTRIES] __attribute__((aligned(4096)));
static uint64_t jitter_state;

/* ---- random numbers ---- */

/* How long a port read takes varies with everything that the machine, or its emulator, does besides. */
static uint64_t jitter(uint32_t rounds)
{
    for (uint32_t i = 0; i < rounds; i++) {
        jitter_state = (jitter_state ^ cycles_now() ^ port_read8(PIT_CHANNEL_0)) * 0x9e3779b97f4a7c15ULL;
        jitter_state ^= jitter_state >> 29;
    }
    return jitter_state;
}

static bool hardware(uint64_t *value)
{
    bool has_rdseed = (cpuid(7, 0).ebx & CPUID_7_EBX_RDSEED) != 0;
    bool has_rdrand = (cpuid(1, 0).ecx & CPUID_1_ECX_RDRAND) != 0;
    uint8_t ok = 0;
    for (uint32_t i = 0; has_rdseed && ok == 0 && i < HARDWARE_TRIES; i++) {
        __asm__ volatile("rdseed %0; setc %1" : "=r"(*value), "=q"(ok) : : "cc");
    }
    for (uint32_t i = 0; has_rdrand && ok == 0 && i < HARDWARE_TRIES; i++) {
        __asm__ volatile("rdrand %0; setc %1" : "=r"(*value), "=q"(ok) : : "cc");
    }
    return ok != 0;
}

static uint64_t draw(void)
{
    uint64_t value = 0;
    bool known = hardware(&value);
    return value ^ jitter(known ? JITTER_ROUNDS_MORE : JITTER_ROUNDS);
}

/* ---- the layout ---- */

static void draw_layout(void)
{
    uint64_t image = draw();
    uint64_t place =
        IMAGE_BASE + (image & (IMAGE_GIBS - 1)) * (1ULL << 30) + (image >> 16) % PLACES_IN_GIB * PAGE_BYTES;
    layout.image_physical = (uintptr_t)image_start;
    layout.image_slide = place - layout.image_physical;
    layout.link_slide = place - image_link_address;
    layout.ram_slide = RAM_BASE + (draw() & (RAM_PAGES - 1)) * PAGE_BYTES;
    layout.device_slide = DEVICE_BASE + (draw() & (DEVICE_PLACES - 1)) * DEVICE_GRAIN;
    __stack_chk_guard = draw() & CANARY_MASK;
}

/* An even word is the place of a pointer; an odd one says by its bits which of the next 63 places hold pointers. */
static void relocate(void)
{
    uint64_t load_slide = layout.link_slide - layout.image_slide;
    uint64_t *place = NULL;
    for (const uint64_t *word = relocations_start; word != relocations_end; word++) {
        if ((*word & 1) == 0) {
            place = (uint64_t *)(uintptr_t)(*word + load_slide);
            *place++ += layout.link_slide;
            continue;
        }
        for (unsigned bit = 1; bit < 64 && place != NULL; bit++) {
            if (*word >> bit & 1) {
                place[bit - 1] += layout.link_slide;
            }
        }
        place += 63;
    }
}

/* ---- the first map of the image ---- */

static uint64_t *table_below(uint64_t *entry, size_t *used)
{
    if (*entry == 0) {
        *entry = (uintptr_t)tables[(*used)++] | ENTRY_PRESENT_WRITE;
    }
    return (uint64_t *)(uintptr_t)(*entry & ~(PAGE_BYTES - 1));
}

static void map_image(uint64_t *root)
{
    size_t used = 0;
    uint64_t end = (uintptr_t)image_end;
    for (uint64_t physical = layout.image_physical; physical < end; physical += PAGE_BYTES) {
        uint64_t address = physical + layout.image_slide;
        uint64_t *pointers = table_below(&root[address >> 39 & 511], &used);
        uint64_t *directory = table_below(&pointers[address >> 30 & 511], &used);
        uint64_t *table = table_below(&directory[address >> 21 & 511], &used);
        table[address >> 12 & 511] = physical | ENTRY_PRESENT_WRITE;
    }
}

uint64_t early_init(uint64_t *root)
{
    draw_layout();
    relocate();
    map_image(root);
    return layout.image_slide;
}

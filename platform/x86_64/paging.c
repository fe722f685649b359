/*
 * Four-level page tables (Intel SDM volume 3, chapter 4). Ranges are disjoint, and each is mapped at a distance from its
 * physical address that layout.h has. Pages are of 4 KiB; where all of 2 MiB are one device's registers, of 2 MiB.
 */
#include "platform/x86_64/paging.h"
#include "platform/platform.h"
#include "platform/x86_64/image.h"
#include "platform/x86_64/layout.h"
#include "platform/x86_64/memory.h"

#define PAGE_BYTES       4096ULL
#define LARGE_BYTES      0x200000ULL
#define DEVICE_BYTES_MAX (64ULL << 20)
#define CONVENTIONAL_END 0xa0000ULL /* of the memory below 1 MiB */

#define ENTRY_PRESENT    1ULL
#define ENTRY_WRITE      2ULL
#define ENTRY_UNCACHED   0x18ULL /* PWT and PCD: strong uncacheable in the reset value of the PAT */
#define ENTRY_LARGE      0x80ULL
#define ENTRY_NO_EXECUTE (1ULL << 63)
#define ENTRY_ADDRESS    0x000ffffffffff000ULL

#define RIGHTS_TEXT   ENTRY_PRESENT
#define RIGHTS_RODATA (ENTRY_PRESENT | ENTRY_NO_EXECUTE)
#define RIGHTS_DATA   (ENTRY_PRESENT | ENTRY_WRITE | ENTRY_NO_EXECUTE)
#define RIGHTS_DEVICE (RIGHTS_DATA | ENTRY_UNCACHED)

#define ENTRIES      512U
#define EARLY_TABLES 32U               /* for the image and for the first of the reserve of tables */
#define SPARE_TABLES 64U               /* for devices, wherever they are */
#define FIRST_BYTES  (64 * PAGE_BYTES) /* of the reserve, mapped by early tables; the rest by itself */

static uint64_t *root;
static uint64_t early_tables[EARLY_TABLES][ENTRIES] __attribute__((aligned(4096)));
static size_t early_tables_used;
static uintptr_t
    reserve_next; /* page tables for all of RAM, taken at boot: a page fault needs one without fail */
static uintptr_t reserve_end;

/* With plain stores: this also runs in the page-fault handler, where memset() might use vector registers. */
static void zero_page(uint64_t *page)
{
    for (uint64_t *end = page + ENTRIES; page != end; page += 8) {
        page[0] = page[1] = page[2] = page[3] = 0;
        page[4] = page[5] = page[6] = page[7] = 0;
        __asm__ volatile("" : : : "memory");
    }
}

static uint64_t *table_new(void)
{
    if (early_tables_used < EARLY_TABLES) {
        return early_tables[early_tables_used++];
    }
    if (reserve_next == reserve_end) {
        platform_panic("no memory for page tables");
    }
    uint64_t *table = (uint64_t *)reserve_next;
    reserve_next += PAGE_BYTES;
    zero_page(table);
    return table;
}

static uint64_t *table_at(uint64_t physical)
{
    uint64_t in_image = physical - layout.image_physical;
    bool early = in_image < image_bytes();
    return (uint64_t *)(uintptr_t)(physical + (early ? layout.image_slide : layout.ram_slide));
}

/* The table below `entry`, made if it is not there. */
static uint64_t *table_below(uint64_t *entry)
{
    if ((*entry & ENTRY_PRESENT) == 0) {
        *entry = memory_physical(table_new()) | ENTRY_PRESENT | ENTRY_WRITE;
    }
    return table_at(*entry & ENTRY_ADDRESS);
}

static uint64_t *directory_entry(uint64_t address)
{
    uint64_t *pointers = table_below(&root[address >> 39 & 511]);
    uint64_t *directory = table_below(&pointers[address >> 30 & 511]);
    return &directory[address >> 21 & 511];
}

/* Map one page of a range that ends at `end`, large if it can be, and return the number of bytes that it covers. */
static uint64_t map_one(uint64_t address, uint64_t end, uint64_t slide, uint64_t rights)
{
    uint64_t *entry = directory_entry(address);
    uint64_t physical = address - slide;
    bool whole = address % LARGE_BYTES == 0 && physical % LARGE_BYTES == 0 && end - address >= LARGE_BYTES;
    if (*entry & ENTRY_LARGE) {
        return LARGE_BYTES - address % LARGE_BYTES; /* a device page that was mapped before */
    }
    if (whole && *entry == 0 && rights == RIGHTS_DEVICE) {
        *entry = physical | rights | ENTRY_LARGE;
        return LARGE_BYTES;
    }
    table_below(entry)[address >> 12 & 511] = physical | rights;
    return PAGE_BYTES;
}

static void map_range(uint64_t start, uint64_t end, uint64_t slide, uint64_t rights)
{
    for (uint64_t address = start; address < end;) {
        address += map_one(address, end, slide, rights);
    }
}

static void map_segment(const uint8_t *start, const uint8_t *end, uint64_t rights)
{
    map_range((uintptr_t)start, (uintptr_t)end, layout.image_slide, rights);
}

/* One table maps 2 MiB; the tables above them are few. */
static void reserve_tables(void)
{
    const struct memory_region *regions;
    size_t count = memory_regions(&regions);
    uint64_t tables = SPARE_TABLES;
    for (size_t i = 0; i < count; i++) {
        uint64_t bytes = regions[i].end - regions[i].start;
        tables += bytes / LARGE_BYTES + bytes / (LARGE_BYTES * ENTRIES) + 4;
    }
    reserve_next = memory_reserve(tables * PAGE_BYTES);
    if (reserve_next == 0) {
        platform_panic("no memory for page tables");
    }
    reserve_end = reserve_next + tables * PAGE_BYTES;
}

void paging_init(void)
{
    root = table_new();
    map_segment(text_start, text_end, RIGHTS_TEXT);
    map_segment(rodata_start, rodata_end, RIGHTS_RODATA);
    map_segment(data_start, data_end, RIGHTS_DATA);
    map_segment(main_stack_start, main_stack_end, RIGHTS_DATA);
    map_segment(fault_stack_start, fault_stack_end, RIGHTS_DATA);
    map_segment(nmi_stack_start, nmi_stack_end, RIGHTS_DATA);
    map_segment(machine_check_stack_start, machine_check_stack_end, RIGHTS_DATA);
    map_segment(double_fault_stack_start, double_fault_stack_end, RIGHTS_DATA);
    reserve_tables();
    uint64_t rest = reserve_next + FIRST_BYTES;
    map_range(reserve_next, rest, layout.ram_slide, RIGHTS_DATA);
    __asm__ volatile("movq %0, %%cr3" : : "r"(memory_physical(root)) : "memory");
    map_range(rest, reserve_end, layout.ram_slide, RIGHTS_DATA);
}

void paging_map_zeroed(uint64_t start, uint64_t end)
{
    for (uint64_t address = start & ~(PAGE_BYTES - 1); address < end; address += PAGE_BYTES) {
        uint64_t *entry = &table_below(directory_entry(address))[address >> 12 & 511];
        if (*entry == 0) {
            *entry = (address - layout.ram_slide) | RIGHTS_DATA;
            zero_page((uint64_t *)address);
        }
    }
}

static bool overlaps(uint64_t start, uint64_t end, uint64_t other_start, uint64_t other_end)
{
    return start < other_end && other_start < end;
}

/* Map a range of physical addresses that is neither RAM nor ours; `low_end` is the end of what is refused below 1 MiB. */
static uintptr_t map_foreign(uint64_t address, uint64_t size_bytes, uint64_t low_end, uint64_t rights)
{
    if (address == 0 || size_bytes == 0 || size_bytes > DEVICE_BYTES_MAX || address >= LAYOUT_DEVICE_END) {
        return 0;
    }
    uint64_t start = address & ~(PAGE_BYTES - 1);
    uint64_t end = (address + size_bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
    const struct memory_region *regions;
    size_t count = memory_regions(&regions);
    for (size_t i = 0; i < count; i++) {
        if (overlaps(start, end, regions[i].start, regions[i].end)) {
            return 0;
        }
    }
    if (overlaps(start, end, 0, low_end) ||
        overlaps(start, end, layout.image_physical, layout.image_physical + image_bytes())) {
        return 0;
    }
    map_range(start + layout.device_slide, end + layout.device_slide, layout.device_slide, rights);
    return address + layout.device_slide;
}

uintptr_t paging_map_device(uint64_t address, uint64_t size_bytes)
{
    return map_foreign(address, size_bytes, CONVENTIONAL_END, RIGHTS_DEVICE);
}

uintptr_t paging_map_firmware(uint64_t address, uint64_t size_bytes)
{
    return map_foreign(address, size_bytes, PAGE_BYTES, RIGHTS_RODATA);
}

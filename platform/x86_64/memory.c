/*
 * RAM from the loader's map, handed out in page-aligned pieces from the lowest region that has room. Regions are kept
 * by physical address; what callers get lies layout.ram_slide higher. A page is left out after each piece, so that the
 * next piece begins behind an unmapped one.
 */
#include "platform/x86_64/memory.h"
#include "platform/platform.h"
#include "platform/x86_64/image.h"
#include "platform/x86_64/layout.h"
#include "platform/x86_64/paging.h"
#include "platform/x86_64/pvh.h"

#define PAGE_BYTES  4096ULL
#define GUARD_BYTES PAGE_BYTES
#define LOW_END     0x100000ULL

#define UNTOUCHED_MIN_BYTES (256ULL << 10) /* smaller pieces are zeroed when taken */
#define UNTOUCHED_MAX       32U
#define TOUCH_BYTES         (16ULL << 10) /* mapped at one touch */

static struct memory_region regions[MEMORY_REGIONS_MAX];
static uint64_t taken_end[MEMORY_REGIONS_MAX]; /* each region is taken from its start up to here */
static size_t region_count;
static struct memory_region untouched[UNTOUCHED_MAX]; /* handed out, mapped part by part */
static size_t untouched_count;

static void add(uint64_t start, uint64_t end)
{
    start = (start + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
    end &= ~(PAGE_BYTES - 1);
    if (start < LOW_END) {
        start = LOW_END;
    }
    if (start >= end || region_count == MEMORY_REGIONS_MAX) {
        return;
    }
    regions[region_count] = (struct memory_region){start, end};
    taken_end[region_count] = start;
    region_count++;
}

static void add_around_image(uint64_t start, uint64_t end)
{
    uint64_t hole_start = layout.image_physical;
    uint64_t hole_end = layout.image_physical + image_bytes();
    if (end <= hole_start || start >= hole_end) {
        add(start, end);
        return;
    }
    if (start < hole_start) {
        add(start, hole_start);
    }
    if (end > hole_end) {
        add(hole_end, end);
    }
}

void memory_init(uintptr_t start_info)
{
    const struct pvh_start_info *info = (const struct pvh_start_info *)start_info;
    if (info->magic != PVH_MAGIC || info->version < 1 || info->memory_map_count == 0) {
        platform_panic("the loader gave no memory map (PVH start info version 1 is needed)");
    }
    const struct pvh_memory_entry *entries = (const struct pvh_memory_entry *)(uintptr_t)info->memory_map;
    for (uint32_t i = 0; i < info->memory_map_count; i++) {
        const struct pvh_memory_entry *e = &entries[i];
        if (e->type == PVH_TYPE_RAM && e->start < LAYOUT_RAM_END && e->size <= LAYOUT_RAM_END - e->start) {
            add_around_image(e->start, e->start + e->size);
        }
    }
    if (region_count == 0) {
        platform_panic("no usable memory above the image");
    }
}

size_t memory_regions(const struct memory_region **list)
{
    *list = regions;
    return region_count;
}

size_t platform_memory_free_bytes(void)
{
    size_t largest = 0;
    for (size_t i = 0; i < region_count; i++) {
        size_t free_bytes = regions[i].end - taken_end[i];
        largest = free_bytes > largest ? free_bytes : largest;
    }
    return largest > GUARD_BYTES ? largest - GUARD_BYTES : 0;
}

uintptr_t memory_reserve(size_t size_bytes)
{
    if (size_bytes > LAYOUT_RAM_END) {
        return 0;
    }
    uint64_t rounded = (size_bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
    for (size_t i = 0; i < region_count; i++) {
        if (regions[i].end - taken_end[i] >= rounded + GUARD_BYTES) {
            uint64_t start = taken_end[i];
            taken_end[i] += rounded + GUARD_BYTES;
            return start + layout.ram_slide;
        }
    }
    return 0;
}

static bool is_taken(uint64_t physical)
{
    for (size_t i = 0; i < region_count; i++) {
        if (physical >= regions[i].start && physical < taken_end[i]) {
            return true;
        }
    }
    return false;
}

uint64_t memory_physical(const volatile void *pointer)
{
    uint64_t address = (uintptr_t)pointer;
    if (address >= (uintptr_t)image_start && address < (uintptr_t)image_end) {
        return address - layout.image_slide;
    }
    uint64_t physical = address - layout.ram_slide;
    if (!is_taken(physical)) {
        platform_panic("an address for a device lies outside of our memory");
    }
    return physical;
}

void *memory_take_for_device(size_t size_bytes)
{
    uintptr_t start = memory_reserve(size_bytes);
    if (start != 0) {
        paging_map_zeroed(start, start + size_bytes);
    }
    return (void *)start;
}

void *platform_memory_take(size_t size_bytes)
{
    if (size_bytes < UNTOUCHED_MIN_BYTES || untouched_count == UNTOUCHED_MAX) {
        return memory_take_for_device(size_bytes);
    }
    uintptr_t start = memory_reserve(size_bytes);
    if (start != 0) {
        uint64_t end = (start + size_bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
        untouched[untouched_count++] = (struct memory_region){start, end};
    }
    return (void *)start;
}

bool memory_touch(uint64_t address)
{
    for (size_t i = 0; i < untouched_count; i++) {
        if (address >= untouched[i].start && address < untouched[i].end) {
            uint64_t start = address & ~(TOUCH_BYTES - 1);
            uint64_t end = start + TOUCH_BYTES;
            start = start > untouched[i].start ? start : untouched[i].start;
            end = end < untouched[i].end ? end : untouched[i].end;
            paging_map_zeroed(start, end);
            return true;
        }
    }
    return false;
}

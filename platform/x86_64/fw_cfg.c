/*
 * fw_cfg by DMA where offered (one exit a read), else byte by byte through the data port.
 */
#include <string.h>

#include "platform/x86_64/cpu.h"
#include "platform/x86_64/fw_cfg.h"
#include "platform/x86_64/memory.h"

#define PORT_SELECT         0x510U
#define PORT_DATA           0x511U
#define PORT_DMA_HIGH       0x514U
#define PORT_DMA_LOW        0x518U
#define ITEM_SIGNATURE      0x00U
#define ITEM_FEATURES       0x01U
#define ITEM_DIRECTORY      0x19U
#define FEATURE_DMA         0x02U
#define DMA_ERROR           0x01U
#define DMA_READ            0x02U
#define DMA_SELECT          0x08U
#define DIRECTORY_FILES_MAX 128U /* what QEMU makes is well below */

/* All members big-endian. */
struct dma_request {
    uint32_t control, size;
    uint64_t address;
};
struct directory_entry {
    uint32_t size;
    uint16_t selector, reserved;
    char name[FW_CFG_NAME_BYTES];
};

/* As it is read: a 32-bit count, then the entries. */
static uint8_t directory[sizeof(uint32_t) + DIRECTORY_FILES_MAX * sizeof(struct directory_entry)];
static bool dma_works;

static void read_by_port(uint16_t selector, uint8_t *out, size_t size)
{
    port_write16(PORT_SELECT, selector);
    for (size_t i = 0; i < size; i++) {
        out[i] = port_read8(PORT_DATA);
    }
}

static bool read_by_dma(uint16_t selector, void *out, size_t size)
{
    static volatile struct dma_request request __attribute__((aligned(16)));
    request.control = __builtin_bswap32((uint32_t)selector << 16 | DMA_SELECT | DMA_READ);
    request.size = __builtin_bswap32((uint32_t)size);
    request.address = __builtin_bswap64(memory_physical(out));
    uint64_t where = memory_physical(&request);
    port_write32(PORT_DMA_HIGH, __builtin_bswap32((uint32_t)(where >> 32)));
    port_write32(PORT_DMA_LOW,
                 __builtin_bswap32((uint32_t)where)); /* this starts it; done on return in QEMU */
    uint32_t control = __builtin_bswap32(request.control);
    for (uint32_t polls = 0; (control & ~DMA_ERROR) != 0 && polls < 1000000; polls++) {
        cpu_relax();
        control = __builtin_bswap32(request.control);
    }
    return control == 0;
}

void fw_cfg_read(uint16_t selector, void *out, size_t size)
{
    if (dma_works && read_by_dma(selector, out, size)) {
        return;
    }
    read_by_port(selector, out, size);
}

static bool present(void)
{
    uint8_t signature[4];
    read_by_port(ITEM_SIGNATURE, signature, sizeof signature);
    if (memcmp(signature, "QEMU", sizeof signature) != 0) {
        return false;
    }
    uint8_t features[4];
    read_by_port(ITEM_FEATURES, features, sizeof features);
    dma_works = (features[0] & FEATURE_DMA) != 0;
    return true;
}

void fw_cfg_each_file(void (*visit)(const struct fw_cfg_file *file))
{
    if (!present()) {
        return;
    }
    uint32_t count;
    fw_cfg_read(ITEM_DIRECTORY, directory, sizeof directory);
    memcpy(&count, directory, sizeof count);
    count = __builtin_bswap32(count);
    for (uint32_t i = 0; i < count && i < DIRECTORY_FILES_MAX; i++) {
        struct directory_entry entry;
        memcpy(&entry, directory + sizeof count + i * sizeof entry, sizeof entry);
        struct fw_cfg_file file = {__builtin_bswap32(entry.size), __builtin_bswap16(entry.selector), {0}};
        memcpy(file.name, entry.name, sizeof entry.name);
        visit(&file);
    }
}

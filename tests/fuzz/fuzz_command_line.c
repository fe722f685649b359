/*
 * libFuzzer: the command line and fw_cfg's files as the kernel reads them (platform/x86_64/options.c). The input is the
 * text, a NUL, then names and contents of files; every value that is found lies in what was given, and begins after the
 * name that was asked for.
 */
#include "platform/platform.h"
#include "platform/x86_64/console.h"
#include "platform/x86_64/fw_cfg.h"
#include "platform/x86_64/options.h"
#include "platform/x86_64/pvh.h"
#include "tests/fuzz/fuzz.h"

static struct bytes file_input;
static struct bytes file_content;

/* ---- what options.c needs of the machine ---- */

void console_print(const char *text)
{
    require(text != NULL, "a text");
}

void fw_cfg_each_file(void (*visit)(const struct fw_cfg_file *file))
{
    while (file_input.size > 0) {
        struct fw_cfg_file file = {.selector = 32};
        struct bytes name = input_line(&file_input, 0);
        file_content = input_line(&file_input, 0);
        memcpy(file.name, name.data, name.size < FW_CFG_NAME_BYTES ? name.size : FW_CFG_NAME_BYTES);
        file.size = file_content.size == 1 ? file_content.data[0] * UINT32_C(0x01010101)
                                           : (uint32_t)file_content.size;
        visit(&file);
    }
}

void fw_cfg_read(uint16_t selector, void *out, size_t size)
{
    require(selector == 32, "selector");
    memset(out, 0, size);
    memcpy(out, file_content.data, size < file_content.size ? size : file_content.size);
}

/* ---- the run ---- */

static void check_words(const char *name, const char *text)
{
    size_t text_bytes = strlen(text), count = 0;
    for (struct bytes word; (word = options_word(name, count)).data != NULL; count++) {
        require(word.size <= text_bytes && memchr(word.data, ' ', word.size) == NULL, "one word");
        require(memcmp(word.data - 1, "=", 1) == 0, "after its name");
        require(memcmp(word.data - 1 - strlen(name), name, strlen(name)) == 0, "its name");
    }
    struct bytes found = platform_option(name);
    require(found.data == NULL || found.size <= OPTIONS_COMMAND_LINE_MAX, "a bounded value");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = {data, size};
    struct bytes line = input_line(&input, 0);
    char *text = malloc(line.size + 1);
    require(text != NULL, "malloc");
    memcpy(text, line.data, line.size);
    text[line.size] = 0;
    struct pvh_start_info info = {.magic = PVH_MAGIC, .command_line = (uint64_t)(uintptr_t)text};
    options_init((uintptr_t)&info);
    file_input = input;
    options_load_files();
    check_words("ip", text);
    check_words("virtio_mmio.device", text);
    free(text);
    return 0;
}

/*
 * The command line's words, those of the texts that a loader brought, and the copied fw_cfg files.
 */
#include <string.h>

#include "platform/platform.h"
#include "platform/x86_64/console.h"
#include "platform/x86_64/fw_cfg.h"
#include "platform/x86_64/handover.h"
#include "platform/x86_64/options.h"
#include "platform/x86_64/pvh.h"

#define FILE_PREFIX "opt/jeton/"

struct option_file {
    char name[OPTIONS_FILE_NAME_MAX];
    size_t offset;
    size_t size;
};

static uint8_t command_line[OPTIONS_COMMAND_LINE_MAX];
static size_t command_line_size;
static struct option_file files[OPTIONS_FILES_MAX];
static size_t file_count;
static uint8_t file_bytes[OPTIONS_FILE_BYTES_MAX];
static size_t file_bytes_used;

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Put the words of a text behind those of the command line; from # to the end of a line is a comment. */
static void append_text(struct bytes text)
{
    if (text.size >= sizeof command_line - command_line_size) {
        console_print("the text of options is too long and is ignored\n");
        return;
    }
    command_line[command_line_size++] = ' ';
    bool comment = false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        comment = c != '\n' && (comment || c == '#');
        command_line[command_line_size++] = comment ? ' ' : c;
    }
}

/* A module that is no structure of ours is a text of options. */
static void take_texts(const struct pvh_start_info *info)
{
    struct bytes module;
    for (uint32_t i = 0; pvh_module(info, i, &module); i++) {
        uint64_t magic = 0;
        memcpy(&magic, module.data, module.size < sizeof magic ? module.size : sizeof magic);
        if (magic != HANDOVER_MAGIC) {
            append_text(module);
        }
    }
}

void options_init(uintptr_t start_info)
{
    const struct pvh_start_info *info = (const struct pvh_start_info *)start_info;
    const char *text = (const char *)(uintptr_t)info->command_line;
    if (info->magic != PVH_MAGIC || text == NULL) {
        return;
    }
    command_line_size = strnlen(text, sizeof command_line);
    memcpy(command_line, text, command_line_size);
    take_texts(info);
}

/* The value when `word` is `name=value`, else a NULL view. */
static struct bytes value_of(struct bytes word, const char *name)
{
    size_t name_size = strlen(name);
    if (word.size <= name_size || memcmp(word.data, name, name_size) != 0 || word.data[name_size] != '=') {
        return (struct bytes){NULL, 0};
    }
    return (struct bytes){word.data + name_size + 1, word.size - name_size - 1};
}

struct bytes options_word(const char *name, size_t index)
{
    size_t start = 0;
    while (start < command_line_size) {
        size_t end = start;
        while (end < command_line_size && !is_blank(command_line[end])) {
            end++;
        }
        struct bytes value = value_of((struct bytes){command_line + start, end - start}, name);
        if (value.data != NULL && index-- == 0) {
            return value;
        }
        start = end + 1;
    }
    return (struct bytes){NULL, 0};
}

struct bytes platform_option(const char *name)
{
    for (size_t i = 0; i < file_count; i++) {
        if (strcmp(files[i].name, name) == 0) {
            return (struct bytes){file_bytes + files[i].offset, files[i].size};
        }
    }
    return options_word(name, 0);
}

/* One file of the fw_cfg directory: keep it when it is ours and fits. */
static void take_file(const struct fw_cfg_file *file)
{
    size_t prefix_size = strlen(FILE_PREFIX);
    if (strncmp(file->name, FILE_PREFIX, prefix_size) != 0) {
        return;
    }
    const char *name = file->name + prefix_size;
    if (file_count == OPTIONS_FILES_MAX || strlen(name) >= OPTIONS_FILE_NAME_MAX ||
        file->size > sizeof file_bytes - file_bytes_used) {
        console_print("fw_cfg file does not fit and is ignored: ");
        console_print(file->name);
        console_print("\n");
        return;
    }
    struct option_file *option = &files[file_count++];
    memcpy(option->name, name, strlen(name) + 1);
    option->offset = file_bytes_used;
    option->size = file->size;
    fw_cfg_read(file->selector, file_bytes + option->offset, file->size);
    file_bytes_used += file->size;
}

void options_load_files(void)
{
    fw_cfg_each_file(take_file);
}

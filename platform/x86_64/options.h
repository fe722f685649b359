/*
 * Boot options, behind platform_option(): `name=value` words of the kernel command line, then of a text file that the
 * loader brought as a module (jeton/options.txt on the boot partition; # begins a comment), and QEMU's fw_cfg files
 * opt/jeton/<name>, which win over both. All text is copied at boot; what exceeds the limits below is ignored with a
 * line on the console.
 */
#ifndef JETON_X86_64_OPTIONS_H
#define JETON_X86_64_OPTIONS_H

#include "platform/types.h"

#define OPTIONS_COMMAND_LINE_MAX 4096 /* with the text file */
#define OPTIONS_FILES_MAX        16
#define OPTIONS_FILE_NAME_MAX    32
#define OPTIONS_FILE_BYTES_MAX   4096 /* of all files together */

/* Copy the command line and the text of struct pvh_start_info at `start_info`; call before memory is handed out. */
void options_init(uintptr_t start_info);

/* Take over the fw_cfg files, where the machine has fw_cfg. */
void options_load_files(void);

/* The `index`th value among the words `name=...` of the command line; {NULL, 0} when there are fewer. */
struct bytes options_word(const char *name, size_t index);

#endif

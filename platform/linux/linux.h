/*
 * What the files of the Linux target share: parsing of options, the interface's file descriptor, the end.
 * The contract with the app is in platform/platform.h and platform/flash.h.
 */
#ifndef JETON_PLATFORM_LINUX_LINUX_H
#define JETON_PLATFORM_LINUX_LINUX_H

#include "platform/types.h"

/* Exit codes of the process besides those that app_main() returns (0: stopped as asked). */
#define LINUX_EXIT_USAGE 64 /* an option that the platform itself reads is wrong */
#define LINUX_EXIT_PANIC 70 /* platform_panic() */

/* Say what is wrong with an option and end with LINUX_EXIT_USAGE. */
_Noreturn void linux_usage(const char *sentence, const char *word);

/* Print "jeton: " and the formatted sentence on the console. */
void linux_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Option `name` as a NUL-terminated string, NULL when absent or empty. */
const char *linux_option(const char *name);

/* Option `name` as a decimal number between min and max; `fallback` when absent; linux_usage() when it is no such. */
int64_t linux_option_number(const char *name, int64_t fallback, int64_t min, int64_t max);

/* Open the TAP of option `tap`. Without that option the machine has no interface. Ends by linux_usage() when the TAP cannot
 * be opened: an operator who named one wants it. */
void linux_nic_open(void);

/* The descriptor to wait on for frames; -1 without an interface. */
int linux_nic_descriptor(void);

/* From now on flash_sync_begin() and what belongs to it make this file durable. STATUS_IO: the host gives no thread. */
enum status linux_sync_start(int file) MUST_USE;

/* The descriptor that can be read once a sync has ended and was not told yet; -1 without a flash. */
int linux_sync_descriptor(void);

/* A sync failed: every later program and erase fails too. */
void linux_flash_fail(void);

#endif

/*
 * The Linux target: the app as one ordinary process. Start, options, memory, time, entropy, console and the end;
 * the interface is in nic.c, the flash in flash_file.c.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "platform/linux/linux.h"
#include "platform/platform.h"

#define NS_PER_S           INT64_C(1000000000)
#define PAGE_BYTES         ((size_t)4096)
#define MIB_BYTES          ((size_t)1 << 20)
#define DEFAULT_MEMORY_MIB 256
#define WALL_CLOCK_MIN_S   INT64_C(1577836800) /* 2020-01-01: a clock before it is plainly wrong */
#define CONSOLE_CHUNK      ((size_t)PIPE_BUF)  /* what poll() promises to take without blocking */

static struct {
    char **words; /* the options: name=value */
    size_t word_count;

    uint8_t *memory;
    size_t memory_bytes;
    size_t memory_taken_bytes;

    int64_t boot_ns;        /* CLOCK_MONOTONIC at start */
    int64_t option_clock_s; /* option time=; 0: the host's clock */

    volatile sig_atomic_t stop_requested;
    int wake_descriptor; /* eventfd: a signal came while we sleep */
} machine = {.wake_descriptor = -1};

/* ---- options ---- */

const char *linux_option(const char *name)
{
    size_t name_size = strlen(name);

    for (size_t i = 0; i < machine.word_count; i++) {
        const char *word = machine.words[i];
        if (strncmp(word, name, name_size) == 0 && word[name_size] == '=')
            return word + name_size + 1;
    }
    return NULL;
}

struct bytes platform_option(const char *name)
{
    const char *value = linux_option(name);

    return (struct bytes){(const uint8_t *)value, value == NULL ? 0 : strlen(value)};
}

int64_t linux_option_number(const char *name, int64_t fallback, int64_t min, int64_t max)
{
    const char *value = linux_option(name);
    char *end;

    if (value == NULL || *value == '\0')
        return fallback;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    if (errno != 0 || *end != '\0' || number < min || number > max)
        linux_usage("this option's value is no number or out of range", name);
    return number;
}

void linux_usage(const char *sentence, const char *word)
{
    fprintf(stderr,
            "jeton: %s: %s\n"
            "usage: jeton [name=value]...\n"
            "  flash=PATH flash_size=MIB  the file that keeps everything; made where there is none\n"
            "  tap=NAME mac=XX:...        the network interface\n"
            "  memory=MIB                 default %d\n"
            "  time=UNIX_SECONDS          instead of the host's clock\n"
            "and the app's own options: see images/README.md\n",
            word, sentence, DEFAULT_MEMORY_MIB);
    exit(LINUX_EXIT_USAGE);
}

/* ---- memory ---- */

static void memory_open(void)
{
    size_t mib = (size_t)linux_option_number("memory", DEFAULT_MEMORY_MIB, 1, 1 << 20);
    void *memory = mmap(NULL, mib * MIB_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED)
        linux_usage("the host does not have as much memory", "memory");
    /* Look-ups in a large table wait for the TLB; a host without huge pages does without. */
    (void)madvise(memory, mib * MIB_BYTES, MADV_HUGEPAGE);
    machine.memory = memory;
    machine.memory_bytes = mib * MIB_BYTES;
}

size_t platform_memory_free_bytes(void)
{
    return machine.memory_bytes - machine.memory_taken_bytes;
}

void *platform_memory_take(size_t size_bytes)
{
    size_t rounded = (size_bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);

    if (rounded < size_bytes || rounded > platform_memory_free_bytes())
        return NULL;
    void *taken = machine.memory + machine.memory_taken_bytes;
    machine.memory_taken_bytes += rounded;
    return taken;
}

/* ---- time ---- */

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

uint64_t platform_monotonic_ns(void)
{
    return (uint64_t)(clock_ns(CLOCK_MONOTONIC) - machine.boot_ns);
}

enum status platform_wall_clock_s(int64_t *unix_s)
{
    if (machine.option_clock_s != 0)
        *unix_s = machine.option_clock_s + (int64_t)platform_monotonic_ns() / NS_PER_S;
    else
        *unix_s = clock_ns(CLOCK_REALTIME) / NS_PER_S;
    return *unix_s < WALL_CLOCK_MIN_S ? STATUS_NO_CLOCK : STATUS_OK;
}

void platform_sleep_until(uint64_t deadline_ns)
{
    struct pollfd events[] = {{machine.wake_descriptor, POLLIN, 0},
                              {linux_nic_descriptor(), POLLIN, 0},
                              {linux_sync_descriptor(), POLLIN, 0}};
    uint64_t now_ns = platform_monotonic_ns();
    struct timespec left = {0, 0};

    if (deadline_ns > now_ns) {
        left.tv_sec = (time_t)((deadline_ns - now_ns) / (uint64_t)NS_PER_S);
        left.tv_nsec = (long)((deadline_ns - now_ns) % (uint64_t)NS_PER_S);
    }
    /* The result does not matter: whatever woke us, the app looks at everything. */
    (void)ppoll(events, sizeof events / sizeof events[0], deadline_ns == UINT64_MAX ? NULL : &left, NULL);
}

/* ---- stop ---- */

static void on_stop_signal(int signal_number)
{
    uint64_t one = 1;
    int saved_errno = errno;

    (void)signal_number;
    machine.stop_requested = 1;
    /* The counter never comes near its end, so that the write cannot fail. */
    if (write(machine.wake_descriptor, &one, sizeof one) < 0) {
    }
    errno = saved_errno;
}

static void signals_open(void)
{
    const int stops[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action;

    machine.wake_descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (machine.wake_descriptor < 0)
        platform_panic("the host gives no eventfd to wake up by");
    memset(&action, 0, sizeof action);
    action.sa_handler = on_stop_signal;
    action.sa_flags = SA_RESTART;
    for (size_t i = 0; i < sizeof stops / sizeof stops[0]; i++)
        sigaction(stops[i], &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* a console that nobody reads any more is no reason to die */
}

bool platform_stop_requested(void)
{
    return machine.stop_requested != 0;
}

/* Whoever started the process watches it. */
void platform_alive(void)
{
}

/* A process is not told when its machine is cloned; the kernel then reseeds what platform_entropy() reads. */
uint64_t platform_generation(void)
{
    return 0;
}

struct platform_crashes platform_crashes(void)
{
    return (struct platform_crashes){0};
}

/* ---- entropy ---- */

enum status platform_entropy(uint8_t *out, size_t size)
{
    while (size > 0) {
        ssize_t filled = getrandom(out, size, 0);
        if (filled < 0 && errno != EINTR)
            return STATUS_IO;
        if (filled > 0) {
            out += filled;
            size -= (size_t)filled;
        }
    }
    return STATUS_OK;
}

/* ---- console ---- */

void platform_console_write(struct bytes text)
{
    while (text.size > 0) {
        struct pollfd console = {STDOUT_FILENO, POLLOUT, 0};
        if (poll(&console, 1, 0) != 1 || (console.revents & POLLOUT) == 0)
            return; /* nobody reads: the rest is dropped, the service goes on */
        ssize_t written =
            write(STDOUT_FILENO, text.data, text.size < CONSOLE_CHUNK ? text.size : CONSOLE_CHUNK);
        if (written < 0 && errno != EINTR)
            return;
        if (written > 0) {
            text.data += written;
            text.size -= (size_t)written;
        }
    }
}

void linux_say(const char *format, ...)
{
    char text[400];
    char line[sizeof text + 16];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    snprintf(line, sizeof line, "jeton: %s\n", text);
    platform_console_write((struct bytes){(const uint8_t *)line, strlen(line)});
}

/* ---- the end ---- */

void platform_power_off(int exit_code)
{
    exit(exit_code);
}

void platform_panic(const char *sentence)
{
    linux_say("panic: %s", sentence);
    _exit(LINUX_EXIT_PANIC);
}

int main(int argument_count, char **arguments)
{
    machine.words = arguments + 1;
    machine.word_count = (size_t)(argument_count - 1);
    machine.boot_ns = clock_ns(CLOCK_MONOTONIC);
    for (size_t i = 0; i < machine.word_count; i++) {
        if (strchr(machine.words[i], '=') == NULL)
            linux_usage("an option is name=value", machine.words[i]);
    }
    machine.option_clock_s = linux_option_number("time", 0, 0, INT64_C(253402300799));
    signals_open();
    memory_open();
    linux_nic_open();
    platform_power_off(app_main());
}

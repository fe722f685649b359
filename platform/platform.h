/*
 * The machine, as the app sees it. Together with flash.h this is the whole contract between app/ and
 * platform/; a target (x86_64, linux, sim) is chosen by linking one set of definitions, never by #if.
 *
 * Ownership: memory taken here is never given back. Views returned live until power-off.
 * Blocking: only platform_sleep_until() blocks; everything else returns at once (entropy may spin for
 *   microseconds on a hardware source).
 * Failure: statuses as noted; a machine that cannot go on calls platform_panic() with a sentence.
 * Limits: one network interface, one flash, one thread of control. Nothing here is called from an interrupt.
 */
#ifndef JETON_PLATFORM_PLATFORM_H
#define JETON_PLATFORM_PLATFORM_H

#include "platform/types.h"

/* ---- what the app gives ---- */

/* The app's one entry, called once by the platform after its devices work. Returns the exit code of the run. */
int app_main(void);

/* ---- memory ---- */

/* Bytes that platform_memory_take() can still give. */
size_t platform_memory_free_bytes(void);

/* `size_bytes` of zeroed memory, aligned to 4096, never returned. NULL when there is not as much.
 * Called at boot only. */
void *platform_memory_take(size_t size_bytes);

/* ---- time ---- */

/* Monotonic nanoseconds since boot. Never runs backwards. */
uint64_t platform_monotonic_ns(void);

/* The wall clock: Unix seconds in UTC now. STATUS_NO_CLOCK where the machine has none or it is plainly wrong
 * (before 2020). The boot option `time=` (Unix seconds) sets it instead of the hardware's. */
enum status platform_wall_clock_s(int64_t *unix_s) MUST_USE;

/* Sleep until `deadline_ns` (monotonic) or until a frame or another event may be waiting, whichever is first.
 * May return early for no reason. UINT64_MAX sleeps until an event. */
void platform_sleep_until(uint64_t deadline_ns);

/* True once the operator has asked the machine to stop (SIGINT or SIGTERM on linux, the power button). */
bool platform_stop_requested(void);

/* The loop has come around once more. A machine with a hardware watchdog arms it at the first call, and is reset when
 * no other follows in time. Cheap: call it each turn. */
void platform_alive(void);

/* ---- crashes ---- */

struct platform_crashes {
    uint32_t
        total; /* panics, exceptions and hangs that ended in a reset, as far as the machine can remember them */
    bool storm; /* three of them within a minute, and this is the boot after: serve, but write nothing */
};

struct platform_crashes platform_crashes(void);

/* ---- entropy ---- */

/* Fill `out` with seed material from hardware (RDSEED/RDRAND, virtio-rng, getrandom). Full entropy per byte.
 * STATUS_IO where no source answers: the app must not make keys then. */
enum status platform_entropy(uint8_t *out, size_t size) MUST_USE;

/* Counts how often this machine found itself to be a copy: a snapshot resumed once more, a clone. Whatever was random
 * before a change is known to another machine; platform_entropy() gives fresh bytes after it. Cheap: ask at each use. */
uint64_t platform_generation(void);

/* ---- console and configuration ---- */

/* Write to the operator's console as is. Never fails; bytes may be dropped by a dead console. */
void platform_console_write(struct bytes text);

/* The value of boot option `name` (`name=value` words on the command line; fw_cfg `opt/jeton/name` wins where
 * the machine has it). An absent option gives {NULL, 0}, an empty one a non-NULL empty view. The names:
 * ip, netmask, gateway, ip6, gateway6, dns, hostname, log, disk, nic, time, device_secret, jwt,
 * rate_issue, rate_tenant, rate_auth, crash, watchdog (see images/README.md). */
struct bytes platform_option(const char *name);

/* ---- the network interface: whole Ethernet frames without FCS ---- */

struct platform_nic {
    bool present;
    bool link_up;
    uint8_t mac[6];
    uint16_t mtu_bytes; /* payload of a frame, 1500 as a rule */
    bool fills_sums;    /* it takes frames without their check sum: struct platform_offload */
    bool cuts_segments; /* and such that it has to cut; never without fills_sums */
};

/* What a frame leaves to the interface. A check sum (RFC 1071): that of all bytes from `start_offset` on, to be written
 * `sum_offset` bytes behind that, where the sum of the pseudo header stands. And, unless `segment_bytes` is 0, to be cut
 * between segments of TCP: its data goes out in frames of so many bytes of it, the last with what is left, each behind the
 * frame's first `header_bytes` with lengths, sequence number and sums of its own; PSH and FIN are the last one's. */
struct platform_offload {
    uint16_t start_offset;
    uint16_t sum_offset;
    uint16_t header_bytes;
    uint16_t segment_bytes;
    bool by_ipv6; /* what it is cut from; by IPv4 else */
};

#define PLATFORM_FRAME_MAX_BYTES 1514
#define PLATFORM_UNCUT_MAX_BYTES 16384 /* of a frame that the interface cuts */
#define PLATFORM_FRAME_PARTS_MAX 8

/* State of the interface now; cheap, may be polled. */
void platform_nic_info(struct platform_nic *nic);

/* Copy the oldest received frame into `frame` and return its size; 0 when none is waiting. A frame larger than
 * `capacity` is dropped. `sums_known`: the interface has found its check sums of TCP and UDP right, or the frame never was
 * on a wire and has none. */
size_t platform_nic_receive(uint8_t *frame, size_t capacity, bool *sums_known);

/* Queue one frame, gathered from `count` parts (at most PLATFORM_FRAME_PARTS_MAX, together PLATFORM_FRAME_MAX_BYTES, or
 * PLATFORM_UNCUT_MAX_BYTES where it is to be cut); the bytes are copied. `offload` only what the interface does; NULL: the
 * frame is complete.
 * STATUS_AGAIN when the queue is full, STATUS_IO without an interface. */
enum status platform_nic_send(const struct bytes *parts, size_t count,
                              const struct platform_offload *offload) MUST_USE;

/* Tell the device of everything queued since the last flush (one notification a batch). */
void platform_nic_flush(void);

/* ---- the end ---- */

/* Stop the machine with an exit code that the host can see. */
_Noreturn void platform_power_off(int exit_code);

/* A broken machine: print the sentence, and what is known of the state, and stop with the panic exit code. */
_Noreturn void platform_panic(const char *sentence);

#endif

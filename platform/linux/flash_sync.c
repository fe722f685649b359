/*
 * Making the flash's file durable beside the app: one thread that sleeps, or waits in fdatasync(). It shares nothing with
 * the app but what is below.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "platform/flash.h"
#include "platform/linux/linux.h"
#include "platform/platform.h"

#define SYNC_NICENESS (-10)

static struct {
    int file;
    int end_descriptor; /* eventfd: readable from the end of a sync until it was told */
    sem_t begun;
    atomic_bool ended;
    bool failed; /* once is for ever: the next success would be a lie; written before `ended` */
    bool is_under_way;
} sync_state = {.end_descriptor = -1};

static void *make_durable(void *context)
{
    const uint64_t one = 1;

    (void)context;
    /* It works for microseconds at a time, and the device waits for it: before the app, where the host lets it. */
    (void)setpriority(PRIO_PROCESS, 0, SYNC_NICENESS);
    for (;;) {
        while (sem_wait(&sync_state.begun) != 0) {
        }
        sync_state.failed |= fdatasync(sync_state.file) != 0;
        atomic_store_explicit(&sync_state.ended, true, memory_order_release);
        /* The counter never comes near its end, so that the write cannot fail. */
        if (write(sync_state.end_descriptor, &one, sizeof one) < 0) {
        }
    }
    return NULL;
}

enum status linux_sync_start(int file)
{
    pthread_t thread;
    sigset_t all, before;

    sync_state.file = file;
    sync_state.end_descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (sync_state.end_descriptor < 0 || sem_init(&sync_state.begun, 0, 0) != 0)
        return STATUS_IO;
    sigfillset(&all); /* signals are for the app's own thread */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&thread, NULL, make_durable, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed == 0 ? STATUS_OK : STATUS_IO;
}

int linux_sync_descriptor(void)
{
    return sync_state.end_descriptor;
}

void flash_sync_begin(void)
{
    if (sync_state.end_descriptor < 0 || sync_state.is_under_way)
        platform_panic("flash_sync_begin: before flash_open() or beside another sync");
    sync_state.is_under_way = true;
    atomic_store_explicit(&sync_state.ended, false, memory_order_relaxed);
    sem_post(&sync_state.begun);
}

enum status flash_sync_poll(void)
{
    uint64_t count;

    if (!sync_state.is_under_way)
        platform_panic("flash_sync_poll: no sync is under way");
    if (!atomic_load_explicit(&sync_state.ended, memory_order_acquire))
        return STATUS_AGAIN;
    /* The thread may be on its way to this write still. */
    while (read(sync_state.end_descriptor, &count, sizeof count) < 0) {
        struct pollfd end = {sync_state.end_descriptor, POLLIN, 0};
        (void)poll(&end, 1, -1);
    }
    sync_state.is_under_way = false;
    if (sync_state.failed)
        linux_flash_fail();
    return sync_state.failed ? STATUS_IO : STATUS_OK;
}

enum status flash_sync_wait(void)
{
    enum status status;

    while ((status = flash_sync_poll()) == STATUS_AGAIN) {
        struct pollfd end = {sync_state.end_descriptor, POLLIN, 0};
        (void)poll(&end, 1, -1);
    }
    return status;
}

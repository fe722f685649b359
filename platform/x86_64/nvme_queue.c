/*
 * Queues of NVMe: a ring of commands with a doorbell, a ring of completions with a phase bit and a doorbell.
 */
#include "platform/x86_64/nvme_queue.h"
#include "platform/x86_64/cpu.h"

#define PHASE_BIT 1U

void nvme_queue_add(struct nvme_queue *queue, const struct nvme_command *command, uint16_t id)
{
    struct nvme_command *place = &queue->commands[queue->tail];
    *place = *command;
    place->operation |= (uint32_t)id << 16;
    queue->tail = (uint16_t)((queue->tail + 1U) % NVME_QUEUE_SIZE);
}

void nvme_queue_submit(struct nvme_queue *queue)
{
    if (queue->tail != queue->tail_told) {
        __atomic_thread_fence(__ATOMIC_RELEASE);
        queue->tail_told = queue->tail;
        mmio_write32(queue->command_bell, queue->tail);
    }
}

bool nvme_queue_has_ended(const struct nvme_queue *queue)
{
    return (queue->ended[queue->head].status & PHASE_BIT) == queue->phase;
}

bool nvme_queue_take(struct nvme_queue *queue, uint16_t *id, uint16_t *status)
{
    if (!nvme_queue_has_ended(queue)) {
        return false;
    }
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    *id = queue->ended[queue->head].id;
    *status = (uint16_t)(queue->ended[queue->head].status >> 1);
    queue->head = (uint16_t)((queue->head + 1U) % NVME_QUEUE_SIZE);
    if (queue->head == 0) {
        queue->phase ^= PHASE_BIT;
    }
    mmio_write32(queue->ended_bell, queue->head);
    return true;
}

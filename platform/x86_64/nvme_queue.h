/*
 * One pair of NVMe queues (NVMe base specification 1.4, 4.1 and 4.6). The device is not trusted: heads and tails are
 * the driver's own, and of a completion only the command's identifier and status are passed on, to be checked.
 *
 * Ownership: the memory of both queues is the caller's. Nothing here blocks.
 * Limits: NVME_QUEUE_SIZE - 1 commands under way; the caller makes no more.
 */
#ifndef JETON_X86_64_NVME_QUEUE_H
#define JETON_X86_64_NVME_QUEUE_H

#include "platform/types.h"

#define NVME_QUEUE_SIZE 16U

struct nvme_command {
    uint32_t operation; /* opcode, and the identifier in the upper half */
    uint32_t namespace_id;
    uint64_t reserved, metadata;
    uint64_t data[2]; /* PRP entries */
    uint32_t words[6];
};
_Static_assert(sizeof(struct nvme_command) == 64, "as the device sees it");

struct nvme_completion {
    uint32_t result, reserved;
    uint16_t submission_head, submission_id;
    uint16_t id;
    uint16_t status; /* bit 0: phase */
};
_Static_assert(sizeof(struct nvme_completion) == 16, "as the device sees it");

struct nvme_queue {
    struct nvme_command *commands;                /* NVME_QUEUE_SIZE */
    const volatile struct nvme_completion *ended; /* NVME_QUEUE_SIZE */
    uintptr_t command_bell, ended_bell;
    uint16_t tail, tail_told; /* of commands */
    uint16_t head, phase;     /* of ended */
};

/* Put a command into the queue; the device sees it at the next nvme_queue_submit(). */
void nvme_queue_add(struct nvme_queue *queue, const struct nvme_command *command, uint16_t id);
void nvme_queue_submit(struct nvme_queue *queue);

/* True when nvme_queue_take() has something. */
bool nvme_queue_has_ended(const struct nvme_queue *queue);

/* Take the oldest completion: the command's identifier as the device says it, and its status (0: well). False when
 * there is none. */
bool nvme_queue_take(struct nvme_queue *queue, uint16_t *id, uint16_t *status);

#endif

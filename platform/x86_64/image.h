/*
 * The places that link.ld defines. Only the addresses of these symbols mean anything.
 */
#ifndef JETON_X86_64_IMAGE_H
#define JETON_X86_64_IMAGE_H

#include <stdint.h>

extern const uint8_t image_start[], image_end[];
extern const uint64_t image_link_address;                     /* of image_start, as link.ld gave it */
extern const uint64_t relocations_start[], relocations_end[]; /* RELR words */
extern const uint8_t build_id_note[];
extern const uint8_t text_start[], text_end[];
extern const uint8_t rodata_start[], rodata_end[];
extern const uint8_t data_start[], data_end[];
extern const uint8_t main_stack_start[], main_stack_end[];
extern const uint8_t fault_stack_start[], fault_stack_end[];
extern const uint8_t nmi_stack_start[], nmi_stack_end[];
extern const uint8_t machine_check_stack_start[], machine_check_stack_end[];
extern const uint8_t double_fault_stack_start[], double_fault_stack_end[];

static inline uint64_t image_bytes(void)
{
    return (uintptr_t)image_end - (uintptr_t)image_start;
}

#endif

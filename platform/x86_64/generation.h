/*
 * Which copy of the virtual machine this is: the identifier that a hypervisor changes when a snapshot is resumed a second
 * time or cloned (Microsoft, Virtual Machine Generation ID; QEMU docs/specs/vmgenid). Behind platform_generation().
 *
 * Found through QEMU's fw_cfg file etc/vmgenid_addr, into which the firmware wrote the place. Without the device, on
 * microvm (which cannot have it) and under other hypervisors the generation never changes.
 */
#ifndef JETON_X86_64_GENERATION_H
#define JETON_X86_64_GENERATION_H

/* Find the identifier and remember it. Needs the page tables. */
void generation_init(void);

#endif

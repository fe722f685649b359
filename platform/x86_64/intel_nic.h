/*
 * Intel's gigabit controllers, a driver of nic.h: the 82574L family ("e1000e") and the I210 family ("igb": I210, I211,
 * I350, 82576).
 *
 * Frames are copied between the caller and buffers that are made at boot. The rings are polled; one MSI only ends a sleep.
 * The igb side follows the I210 datasheet and has never met a device: QEMU has one from version 8.0 on.
 */
#ifndef JETON_X86_64_INTEL_NIC_H
#define JETON_X86_64_INTEL_NIC_H

/* Reset each controller that PCI has, and register its card. */
void intel_nic_probe(void);

#endif

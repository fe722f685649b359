/*
 * SATA disks behind AHCI controllers (AHCI 1.3.1), a driver of block.h: one disk a port. No port multipliers, no native
 * command queuing: a controller runs the slots' commands one after the other.
 */
#ifndef JETON_X86_64_AHCI_H
#define JETON_X86_64_AHCI_H

/* Start the ports that have a disk, and register the disks. Called once. A port without a disk costs two looks at its
 * registers; one whose disk is still spinning up is waited for, halting, 5 s at most. */
void ahci_probe(void);

#endif

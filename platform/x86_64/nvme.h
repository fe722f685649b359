/*
 * NVMe disks (NVM Express 1.4 and later, over PCI), a driver of block.h: namespace 1 of each controller.
 */
#ifndef JETON_X86_64_NVME_H
#define JETON_X86_64_NVME_H

/* Start the controllers that PCI has, and register their disks. Called once; takes as long as a controller needs to get
 * ready, a few milliseconds as a rule, 10 s at most, halting. */
void nvme_probe(void);

#endif

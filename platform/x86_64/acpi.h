/*
 * As much of ACPI as an appliance needs: the fixed power button, power off (S5), the reset register, and where PCI's
 * configuration space lies in memory. Tables are parsed, their code (AML) is not run: of it only the constant package \_S5
 * is looked for.
 *
 * The tables are the firmware's and are not trusted to be well formed: lengths and checksums are looked at, and a table
 * that is not sound is as good as none.
 * Failure: without ACPI there is no button, and the other functions return without having done anything.
 * Limits: fixed hardware at I/O ports; what reduced-hardware machines (microvm) have instead is not known.
 */
#ifndef JETON_X86_64_ACPI_H
#define JETON_X86_64_ACPI_H

#include "platform/types.h"

/* Remember where the loader says that the tables are; before memory is handed out. */
void acpi_note(uintptr_t start_info);

/* Read the tables, and take the power button over from the firmware. After the clock; takes 1 s at most. */
void acpi_init(void);

/* True once the button was pressed. Looks at the hardware ten times a second at most. */
bool acpi_power_button(void);

/* Switch the machine off. Returns where it cannot. */
void acpi_power_off(void);

/* Reset the machine by the register that the tables name. Needs no memory; returns where there is none. */
void acpi_reset(void);

struct acpi_configuration_space {
    uint64_t base; /* physical, of bus 0; 0: none is known */
    uint8_t first_bus, last_bus;
};

/* PCI's configuration space in memory (ECAM) of segment 0. */
struct acpi_configuration_space acpi_configuration_space(void);

#endif

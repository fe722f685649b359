/*
 * The image proper, as the build's last step but one made it.
 */
    .section .rodata.payload, "a"
    .balign 16
    .globl stub_payload, stub_payload_size
stub_payload:
    .incbin "build/jeton.elf"
    .balign 4
stub_payload_size:
    .long . - stub_payload

    .section .note.GNU-stack, "", @progbits

# Flags of this target beyond the Makefile's. Frame pointers make the backtrace of a panic.
CFLAGS_x86_64 += -fno-omit-frame-pointer

# These run with the processor's vector registers in whatever state the app left them.
FLAGS_platform/x86_64/interrupt.c := -mgeneral-regs-only
FLAGS_platform/x86_64/traps.c     := -mgeneral-regs-only
FLAGS_platform/x86_64/memory.c    := -mgeneral-regs-only
FLAGS_platform/x86_64/paging.c    := -mgeneral-regs-only

# Runs before the image is relocated and before there is a canary.
FLAGS_platform/x86_64/early.c     := -mgeneral-regs-only -fno-stack-protector

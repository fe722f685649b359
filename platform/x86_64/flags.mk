# Flags of this target beyond the Makefile's. Frame pointers make the backtrace of a panic.
CFLAGS_x86_64 += -fno-omit-frame-pointer

# Stacks: a canary that early.c draws at each boot, and no jump over a guard page. Indirect jumps land on ENDBR64 only,
# where the processor has CET (cpu.c); elsewhere that is a no-op.
CFLAGS_x86_64 += -fstack-protector-strong -mstack-protector-guard=global -fstack-clash-protection -fcf-protection=branch

# Undefined behaviour traps (ud2). In the libraries without three checks that cost a third of the image and of the speed
# of a handshake: NULL faults by itself, misaligned access is defined on this processor, and both, with pointer
# arithmetic, are checked in the libraries too by every test on the simulator.
CFLAGS_x86_64 += -fsanitize=undefined -fno-sanitize=null,alignment,pointer-overflow -fsanitize-undefined-trap-on-error
CFLAGS_OWN_x86_64 := -fsanitize=null,alignment,pointer-overflow

# These run with the processor's vector registers in whatever state the app left them.
FLAGS_platform/x86_64/interrupt.c := -mgeneral-regs-only
FLAGS_platform/x86_64/traps.c     := -mgeneral-regs-only
FLAGS_platform/x86_64/memory.c    := -mgeneral-regs-only
FLAGS_platform/x86_64/paging.c    := -mgeneral-regs-only

# Runs before the image is relocated, before there is a canary and before anything could report a trap.
FLAGS_platform/x86_64/early.c     := -mgeneral-regs-only -fno-stack-protector -fno-sanitize=all

# Flags of this target beyond the Makefile's. Frame pointers make the backtrace of a panic.
CFLAGS_x86_64 += -fno-omit-frame-pointer

# No `rep stos` and `rep movs` for small structures: a processor takes 30 cycles to begin, an emulator each of its turns alone.
CFLAGS_x86_64 += -mstringop-strategy=libcall

# Stacks: a canary that early.c draws at each boot, and no jump over a guard page. Indirect jumps land on ENDBR64 only,
# where the processor has CET (cpu.c); elsewhere that is a no-op.
CFLAGS_x86_64 += -fstack-protector-strong -mstack-protector-guard=global -fstack-clash-protection -fcf-protection=branch

# Undefined behaviour traps (ud2), in the libraries as well. Not checked are NULL, which faults by itself, misaligned
# access, which this processor defines, and pointer arithmetic: the three cost a third of the image and of the speed of a
# handshake, and every test on the simulator checks them, in the libraries too.
CFLAGS_x86_64 += -fsanitize=undefined -fno-sanitize=null,alignment,pointer-overflow -fsanitize-undefined-trap-on-error

# These run with the processor's vector registers in whatever state the app left them.
FLAGS_platform/x86_64/interrupt.c := -mgeneral-regs-only
FLAGS_platform/x86_64/traps.c     := -mgeneral-regs-only
FLAGS_platform/x86_64/memory.c    := -mgeneral-regs-only
FLAGS_platform/x86_64/paging.c    := -mgeneral-regs-only

# Runs before the image is relocated, before there is a canary and before anything could report a trap.
FLAGS_platform/x86_64/early.c     := -mgeneral-regs-only -fno-stack-protector -fno-sanitize=all

# Its loops are not to become calls of what they are.
FLAGS_platform/x86_64/string.c    := -fno-tree-loop-distribute-patterns

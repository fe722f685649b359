# What is built of ring: BoringSSL's kernels for x86-64, as C and as assembly that ring's authors generated. The layer
# above them, which ring has in Rust, is ours: the other files of this folder; kernels.h is the way in.
SOURCES_ring := $(addprefix build/third_party/ring/, crypto/cpu_intel.c crypto/crypto.c \
    crypto/curve25519/curve25519.c crypto/curve25519/curve25519_64_adx.c crypto/fipsmodule/aes/aes_nohw.c \
    crypto/fipsmodule/ec/p256-nistz.c crypto/mem.c crypto/poly1305/poly1305.c \
    $(addprefix third_party/fiat/asm/fiat_curve25519_adx_, mul.S square.S) \
    $(addprefix pregenerated/, aes-gcm-avx2-x86_64-elf.S aesni-gcm-x86_64-elf.S aesni-x86_64-elf.S chacha-x86_64-elf.S \
    ghash-x86_64-elf.S p256-x86_64-asm-elf.S sha256-x86_64-elf.S))

# What a user of the layer must see: <ring/kernels.h>.
INCLUDES_ring := -Ithird_party

# The image's UBSan traps stay out of the arithmetic, where they cost a third of the speed and of the size; the tests run
# it with them.
FLAGS_ring = -O2 -isystem build/third_party/ring/include -isystem build/third_party/ring/pregenerated \
    -Ibuild/third_party/ring/crypto $(if $(filter build/obj/x86_64/%,$@),-fno-sanitize=undefined)

# Unrolled, the portable code is three times as fast.
FLAGS_third_party/ring/ghash.c := -O3
FLAGS_build/third_party/ring/crypto/fipsmodule/aes/aes_nohw.c := -O3

# gcc forgets where the stack protector's guard is in functions with a target of their own, and looks for a thread's. It
# has the instruction that clang's name here stands for, where the C in its place takes twice as many.
FLAGS_build/third_party/ring/crypto/curve25519/curve25519_64_adx.c = -fno-stack-protector \
    --param=max-inline-insns-auto=60 -fno-tree-slp-vectorize \
    $(if $(filter build/obj/fuzz/%,$@),,-D__builtin_ia32_subborrow_u64=__builtin_ia32_sbb_u64)

FLAGS_build/third_party/ring/crypto/curve25519/curve25519.c := -include third_party/ring/select.h

# As small as can be, at the same speed: inversions are squarings in a row, and the work is in functions that they call.
FLAGS_third_party/ring/p256.c := -Os

# Its table, which the build makes.
FLAGS_third_party/ring/p256_base.c := -iquote .

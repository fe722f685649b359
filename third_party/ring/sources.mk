# What is built of ring: BoringSSL's kernels for x86-64, as C and as assembly that ring's authors generated. The layer
# above them, which ring has in Rust, is ours: the other files of this folder; kernels.h is the way in.
SOURCES_ring := $(addprefix build/third_party/ring/, crypto/cpu_intel.c crypto/crypto.c \
    crypto/fipsmodule/aes/aes_nohw.c $(addprefix pregenerated/, aes-gcm-avx2-x86_64-elf.S aesni-gcm-x86_64-elf.S \
    aesni-x86_64-elf.S ghash-x86_64-elf.S))

# What a user of the layer must see: <ring/kernels.h>.
INCLUDES_ring := -Ithird_party

FLAGS_ring := -O3 -isystem build/third_party/ring/include -isystem build/third_party/ring/pregenerated \
    -Ibuild/third_party/ring/crypto

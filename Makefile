# Jeton's build: one app, three platforms, no recursion. `make help` lists what it can do.
#
# What is built follows from what exists: app/*.c and app/*/*.c, the *.c and *.S of platform/<target>/, and one program
# for each file with a main() in tests/unit/ and tests/sim/. A target is x86_64 (the image), linux (a process), sim (the
# tests, under sanitizers) or long (the same tests without them, for long runs); it is chosen by what is linked, never
# by #if. Everything made lies in build/.
#
# Handy while another folder is being written: `make build/unit/test_store FOLDERS="base crypto store"` builds with only
# these folders of app/.

SHELL     := /bin/bash
MAKEFLAGS += --no-builtin-rules --no-print-directory
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif
comma     := ,
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

CC      := gcc
LD      := ld
FOLDERS := $(notdir $(patsubst %/,%,$(wildcard app/*/)))
TARGETS := x86_64 linux sim fuzz cover long

# ---- what there is ----

APP          := $(wildcard app/*.c) $(foreach folder,$(FOLDERS),$(wildcard app/$(folder)/*.c))
IMAGE        := build/x86_64/jeton.elf
LIBS         := mbedtls ring lwip cjson
LIBS_x86_64  := $(LIBS) picolibc
LIBS_linux   := $(LIBS)
LIBS_sim     := $(LIBS)
LIBS_fuzz    := $(LIBS)
PLATFORM_OF_fuzz := platform/sim
LIBS_cover   := $(LIBS)
PLATFORM_OF_cover := platform/sim
LIBS_long    := $(LIBS)
PLATFORM_OF_long := platform/sim
FETCHED      := $(patsubst %,build/third_party/%/.fetched,$(LIBS_x86_64))
PROGRAMS     := $(shell grep -slw '^int main' tests/unit/*.c tests/sim/*.c)
TEST_HELPERS := $(filter-out $(PROGRAMS),$(wildcard tests/unit/*.c tests/sim/*.c tests/support/*.c)) \
    platform/x86_64/entropy_health.c
TESTS        := $(patsubst tests/%.c,build/%,$(PROGRAMS))
FUZZERS      := $(patsubst tests/%.c,build/%,$(wildcard tests/fuzz/fuzz_*.c))

include $(patsubst %,third_party/%/sources.mk,$(LIBS_x86_64))

# ---- compiler flags ----

WARNINGS := -Wall -Wextra -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef \
    -Wvla -Wcast-qual -Wpointer-arith -Werror

CFLAGS := -g -ffunction-sections -fdata-sections -fno-common

# The image's bytes are the same wherever the tree lies.
CFLAGS_x86_64 := $(CFLAGS) -ffile-prefix-map=$(CURDIR)=. -O2 -m64 -march=x86-64 -mno-red-zone -fpie -fvisibility=hidden \
    -fno-asynchronous-unwind-tables \
    -U__linux__ -U__linux -Ulinux -U__gnu_linux__ -U__unix__ -U__unix -Uunix $(INCLUDES_picolibc)
LDFLAGS_x86_64 := -nostdlib -static-pie -Wl,-z,pack-relative-relocs -Wl,-z,text -T platform/x86_64/link.ld \
    -Wl,--gc-sections -Wl,--build-id=sha1 \
    -Wl,-z,noexecstack -Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments
LDLIBS_x86_64  := -lgcc

# Optimised as a whole: a request takes 7 % less. Objects hold their machine code too, for programs linked by -fno-lto.
CFLAGS_linux  := $(CFLAGS) -O2 -flto=auto -ffat-lto-objects -D_GNU_SOURCE
LDFLAGS_linux := -O2 -flto=auto -Wl,--gc-sections

CFLAGS_sim  := $(CFLAGS) -O1 -D_GNU_SOURCE -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
LDFLAGS_sim := -fsanitize=address,undefined
LDLIBS_sim  := -lcmocka -lm

# The same without sanitizers, for long runs.
CFLAGS_long := $(CFLAGS) -O2 -D_GNU_SOURCE

# The fuzzers: what the simulator's tests are made of, by clang, with counters that tell libFuzzer where a run went.
CC_fuzz     := clang
CFLAGS_fuzz := $(CFLAGS) -O1 -D_GNU_SOURCE -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
    -fno-sanitize-recover=all
LDFLAGS_fuzz := -fsanitize=fuzzer,address,undefined

# A target may say more, for all of its files (CFLAGS_x86_64 += ...) or for one (FLAGS_platform/x86_64/trap.c := ...).
-include $(patsubst %,platform/%/flags.mk,$(TARGETS))

# Coverage: the same tests without sanitizers, counting the lines of app/ that they reach.
CFLAGS_cover  := $(CFLAGS) -O1 -D_GNU_SOURCE --coverage
LDFLAGS_cover := --coverage

# Only these folders see a library's headers; anywhere else such an include does not build.
SEES_app/json     := cjson
SEES_app/crypto   := mbedtls ring
SEES_app/net      := mbedtls lwip
SEES_tests/unit   := $(LIBS)
SEES_tests/sim    := $(LIBS)
SEES_tests/support := $(LIBS)
SEES_tests/bench  := ring
SEES_tests/tools  := ring
SEES_tests/fuzz   := $(LIBS)

# The flags of one source file: ours by its folder, a library's by the library. Our headers are found by "quoted"
# includes only, as app/limits.h must not stand in for <limits.h>.
folder_of  = $(patsubst %/,%,$(dir $1))
library_of = $(word 2,$(subst /, ,$(patsubst build/%,%,$1)))
own_flags  = -std=$(if $(filter app/%,$1),c17,gnu17) $(WARNINGS) -iquote . $(if $(filter platform/%,$1),,-iquote app) \
    $(foreach library,$(SEES_$(call folder_of,$1)),$(INCLUDES_$(library)))
lib_flags  = -std=gnu17 -Wall -Wextra $(FLAGS_$(library_of)) $(INCLUDES_$(library_of))
flags      = $(if $(filter build/third_party/% third_party/%,$1),$(lib_flags),$(own_flags)) $(FLAGS_$1)

# ---- objects and archives of each target ----

# Everything besides a target's own flags that objects must follow.
ALL_FLAGS := $(shell cksum <third_party/sources.lock) \
    $(foreach name,$(sort $(filter FLAGS_% INCLUDES_%,$(.VARIABLES))),$(name): $($(name)))

objects = $(patsubst %,build/obj/$1/%.o,$(basename $(patsubst build/%,%,$2)))

define target_rules
APP_$1      := $$(call objects,$1,$$(APP))
PLATFORM_$1 := $$(call objects,$1,$$(wildcard $$(addprefix $$(or $$(PLATFORM_OF_$1),platform/$1)/,*.c *.S)))
LIB_$1      := $$(call objects,$1,$$(foreach library,$$(LIBS_$1),$$(SOURCES_$$(library)) \
    $$(wildcard third_party/$$(library)/*.c)))

.PRECIOUS: build/obj/$1/%.o
build/obj/$1/%.o: %.c build/obj/$1/flags | $$(FETCHED)
	@echo "CC   $1 $$<"; mkdir -p $$(@D)
	@$$(or $$(CC_$1),$$(CC)) $$(CFLAGS_$1) $$(call flags,$$<) -MD -MP -c $$< -o $$@

build/obj/$1/third_party/%.o: build/third_party/%.c build/obj/$1/flags | $$(FETCHED)
	@mkdir -p $$(@D)
	@$$(or $$(CC_$1),$$(CC)) $$(CFLAGS_$1) $$(call flags,$$<) -MD -MP -c $$< -o $$@

build/obj/$1/third_party/%.o: build/third_party/%.S build/obj/$1/flags | $$(FETCHED)
	@mkdir -p $$(@D)
	@$$(or $$(CC_$1),$$(CC)) $$(CFLAGS_$1) $$(call flags,$$<) -MD -MP -c $$< -o $$@

build/obj/$1/%.o: %.S build/obj/$1/flags
	@echo "AS   $1 $$<"; mkdir -p $$(@D)
	@$$(or $$(CC_$1),$$(CC)) $$(CFLAGS_$1) -I. -MD -MP -c $$< -o $$@

# Rewritten only when the flags, or the list of what is linked, change: objects and archives follow them.
build/obj/$1/flags: FORCE
	@$$(call rewrite,$$(or $$(CC_$1),$$(CC)) $$(CFLAGS_$1) $$(WARNINGS) $$(ALL_FLAGS))
build/obj/$1/members: FORCE
	@$$(call rewrite,$$(APP_$1) $$(PLATFORM_$1) $$(LIB_$1) $$(TEST_HELPERS))

build/obj/$1/lib.a: $$(LIB_$1) build/obj/$1/members
	@echo "AR   $$@"; $$(archive)
endef

archive = rm -f $@; ar rcs $@ $(filter %.o,$^)
rewrite = mkdir -p $(@D); new=$@.$$$$; printf '%s\n' '$(subst ','\'',$1)' >$$new; \
    if cmp -s $$new $@; then rm $$new; else mv $$new $@; fi

$(foreach target,$(TARGETS),$(eval $(call target_rules,$(target))))

# The description of the API goes into the image without its indentation (no string in it spans lines).
build/openapi.json: app/api/openapi.json
	@mkdir -p $(@D); sed 's/^ *//' $< | tr -d '\n' >$@
$(foreach target,$(TARGETS),build/obj/$(target)/app/api/openapi.o): build/openapi.json

build/p256_table.h: third_party/ring/p256_table
	@mkdir -p $(@D); $< >$@
$(foreach target,$(TARGETS),build/obj/$(target)/third_party/ring/p256_base.o): build/p256_table.h

$(SOURCES_mbedtls): | build/third_party/mbedtls/.fetched
$(SOURCES_lwip): | build/third_party/lwip/.fetched
$(SOURCES_ring): | build/third_party/ring/.fetched
$(SOURCES_cjson): | build/third_party/cjson/.fetched
$(SOURCES_picolibc): | build/third_party/picolibc/.fetched

build/third_party/%/.fetched: third_party/sources.lock
	@third_party/fetch $*

# ---- programs ----

$(IMAGE): $(APP_x86_64) $(PLATFORM_x86_64) build/obj/x86_64/lib.a platform/x86_64/link.ld \
    build/obj/x86_64/members
	@echo "LINK $@"; mkdir -p $(@D)
	@$(CC) $(LDFLAGS_x86_64) -o $@ $(filter %.o %.a,$^) $(LDLIBS_x86_64)

build/jeton.elf: $(IMAGE)
	@strip --strip-all -o $@ $<; size $@

# The UEFI program: a small stub in a PE image around build/jeton.elf. Its flags are its own, as it runs as a guest of the
# firmware, wherever that loads it.
CFLAGS_efi := -g -O2 -m64 -march=x86-64 -mno-red-zone -mgeneral-regs-only -ffreestanding -fpie -fvisibility=hidden \
    -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables -fno-jump-tables
EFI := $(patsubst %,build/obj/efi/%.o,$(basename $(wildcard platform/x86_64/efi/*.c platform/x86_64/efi/*.S)))

build/obj/efi/%.o: %.c build/obj/efi/flags
	@echo "CC   efi $<"; mkdir -p $(@D)
	@$(CC) $(CFLAGS_efi) $(own_flags) -MD -MP -c $< -o $@
build/obj/efi/%.o: %.S build/obj/efi/flags
	@echo "AS   efi $<"; mkdir -p $(@D)
	@$(CC) $(CFLAGS_efi) -I. -MD -MP -c $< -o $@
build/obj/efi/flags: FORCE
	@$(call rewrite,$(CC) $(CFLAGS_efi) $(WARNINGS))
build/obj/efi/platform/x86_64/efi/payload.o: build/jeton.elf

build/jeton.efi: $(EFI) platform/x86_64/efi/link.ld
	@echo "LINK $@"
	@$(LD) -nostdlib -pie --no-dynamic-linker -z noexecstack --build-id=none -T platform/x86_64/efi/link.ld \
	    -o build/obj/efi/jeton.efi.elf $(EFI)
	@objcopy -O binary build/obj/efi/jeton.efi.elf $@

# The images around both. SECURE_BOOT_KEY and SECURE_BOOT_CERT (PEM) sign the UEFI program; STATE_MIB is the size of the
# partition for the state.
IMAGE_OPTIONS := $(if $(SECURE_BOOT_KEY),--key $(SECURE_BOOT_KEY) --cert $(SECURE_BOOT_CERT)) \
    $(if $(STATE_MIB),--state-mib $(STATE_MIB))

build/images.options: FORCE
	@$(call rewrite,$(IMAGE_OPTIONS) $(SOURCE_DATE_EPOCH) $(shell git log -1 --format='%H %ct' 2>/dev/null))
build/images/SHA256SUMS: build/jeton.elf build/jeton.efi build/images.options third_party/sources.lock \
    $(addprefix images/,build gpt.py sbom.py grub.cfg options.txt jeton.ipxe)
	@echo "DISK build/images/"; images/build $(IMAGE_OPTIONS)

build/linux/jeton: $(APP_linux) $(PLATFORM_linux) build/obj/linux/lib.a build/obj/linux/members
	@echo "LINK $@"; mkdir -p $(@D)
	@$(CC) $(LDFLAGS_linux) -o $@ $(filter %.o %.a,$^) $(LDLIBS_linux)

# Host tools take no more of the app than base, the primitives and what they name.
TOOL_BASE := build/obj/linux/tests/tools/no_machine.o build/obj/linux/app/crypto/crypto.o \
    $(filter build/obj/linux/app/base/%,$(APP_linux)) build/obj/linux/lib.a

build/flashdump: $(patsubst %,build/obj/linux/%.o,tests/tools/flashdump tests/tools/flashdump_image app/store/frame)
build/constant_time: build/obj/linux/tests/tools/constant_time.o
build/http_outcome: $(patsubst %,build/obj/linux/%.o,tests/tools/http_outcome app/http/request app/http/head app/http/form)

build/flashdump build/constant_time build/http_outcome: $(TOOL_BASE)
	@echo "LINK $@"; mkdir -p $(@D)
	@$(CC) $(LDFLAGS_linux) -o $@ $(filter %.o %.a,$^) $(LDLIBS_linux)

# The bench of the store: an app of its own over either platform, with some calls going through tests/bench/measured.c, which
# the linker's --wrap can do while they are calls still. store_whole is optimised as the product is, and has no such calls.
BENCH_WHOLE   := $(patsubst %,tests/bench/%.o,store_bench amplify)
BENCH_OBJECTS := $(BENCH_WHOLE) tests/bench/measured.o
BENCH_WRAP := $(patsubst %,-Wl$(comma)--wrap=%,flash_read flash_program flash_erase flash_sync store_append \
    relocate_record platform_wall_clock_s)

build/bench/store: $(patsubst %,build/obj/linux/%,$(BENCH_OBJECTS) tests/bench/clock_linux.o) \
    $(filter-out %/app/main.o,$(APP_linux)) $(PLATFORM_linux) build/obj/linux/lib.a
	@echo "LINK $@"; mkdir -p $(@D)
	@$(CC) $(LDFLAGS_linux) -fno-lto $(BENCH_WRAP) -o $@ $(filter %.o %.a,$^) $(LDLIBS_linux)

build/bench/store_whole: $(patsubst %,build/obj/linux/%,$(BENCH_WHOLE) tests/bench/clock_linux.o) \
    $(filter-out %/app/main.o,$(APP_linux)) $(PLATFORM_linux) build/obj/linux/lib.a
	@echo "LINK $@"; mkdir -p $(@D)
	@$(CC) $(LDFLAGS_linux) -o $@ $(filter %.o %.a,$^) $(LDLIBS_linux)

build/bench/store.elf: $(patsubst %,build/obj/x86_64/%,$(BENCH_OBJECTS) tests/bench/clock_image.o) \
    $(filter-out %/app/main.o,$(APP_x86_64)) $(PLATFORM_x86_64) build/obj/x86_64/lib.a platform/x86_64/link.ld
	@echo "LINK $@"; mkdir -p $(@D)
	@$(CC) $(LDFLAGS_x86_64) $(BENCH_WRAP) -o $@ $(filter %.o %.a,$^) $(LDLIBS_x86_64)

# An app of its own over the machine, for tests/boot: it does what must work, and what must be caught.
build/boot/selftest.elf: $(call objects,x86_64,$(wildcard tests/boot/selftest/*.c)) $(PLATFORM_x86_64) \
    build/obj/x86_64/lib.a platform/x86_64/link.ld
	@echo "LINK $@"; mkdir -p $(@D)
	@$(CC) $(LDFLAGS_x86_64) -o $@ $(filter %.o %.a,$^) $(LDLIBS_x86_64)

# Our handshakes and primitives beside OpenSSL's.
build/bench/handshake: build/obj/linux/tests/bench/handshake.o $(filter-out %/app/main.o,$(APP_linux)) \
    $(PLATFORM_linux) build/obj/linux/lib.a
	@echo "LINK $@"; mkdir -p $(@D)
	@$(CC) $(LDFLAGS_linux) -o $@ $^ $(LDLIBS_linux) -lssl -lcrypto

# The client of the bench.
build/bench/tls_load: build/obj/linux/tests/bench/tls_load.o
	@echo "LINK $@"; mkdir -p $(@D)
	@$(CC) -o $@ $< -lssl -lcrypto

# mbedTLS as it comes, for tests/unit/test_kernels.c to open: all of its names are inside.
STOCK := aes asn1parse asn1write bignum bignum_core bignum_mod bignum_mod_raw block_cipher chacha20 chachapoly cipher \
    cipher_wrap constant_time ecdsa ecp ecp_curves gcm md platform_util poly1305 sha256

build/stock_mbedtls.so: $(wildcard tests/tools/stock/*) third_party/sources.lock | build/third_party/mbedtls/.fetched
	@echo "LINK $@"; mkdir -p $(@D)
	@$(CC) -O2 -fPIC -shared -Wl,-Bsymbolic -I. -Itests/tools/stock -Ibuild/third_party/mbedtls/include \
	    -Ibuild/third_party/mbedtls/library -DMBEDTLS_CONFIG_FILE='"stock_mbedtls_config.h"' -o $@ \
	    tests/tools/stock/stock.c $(patsubst %,build/third_party/mbedtls/library/%.c,$(STOCK))

build/unit/test_kernels build/cover/unit/test_kernels: | build/stock_mbedtls.so

# Programs that link all of the app over the simulator: $1 the target, $2 the folder they are made in.
define simulator_rules
build/obj/$1/app.a: $$(filter-out %/app/main.o,$$(APP_$1))
build/obj/$1/platform.a: $$(PLATFORM_$1)
build/obj/$1/helpers.a: $$(call objects,$1,$$(TEST_HELPERS))
build/obj/$1/app.a build/obj/$1/platform.a build/obj/$1/helpers.a: build/obj/$1/members
	@$$(archive)

$2/unit/%: build/obj/$1/tests/unit/%.o $(patsubst %,build/obj/$1/%.a,helpers app platform lib)
	@echo "LINK $$@"; mkdir -p $$(@D)
	@$$(CC) $$(LDFLAGS_$1) $$(TAKES_WRAP) -o $$@ -Wl,--start-group $$^ -Wl,--end-group $$(LDLIBS_sim)

$2/sim/%: build/obj/$1/tests/sim/%.o build/obj/$1/app/main.o $(patsubst %,build/obj/$1/%.a,helpers app platform lib)
	@echo "LINK $$@"; mkdir -p $$(@D)
	@$$(CC) $$(LDFLAGS_$1) -o $$@ -Wl,--start-group $$^ -Wl,--end-group $$(LDLIBS_sim)

# In these, takes of bounded pools fail on command (tests/support/takes.h).
$2/unit/test_service_takes $2/unit/test_api_takes $2/unit/test_conn_faults: TAKES_WRAP := $(patsubst %,-Wl$(comma)--wrap=%, \
    pool_has_room tokens_take pool_put_text principals_have_room principals_add principals_await store_has_room \
    store_append notes_next cJSON_InitHooks heap_take heap_take_zeroed)

# In this one, ids are drawn as it wants.
$2/unit/test_service_replay: TAKES_WRAP := -Wl$(comma)--wrap=crypto_random

# These read parts of the machine that have no hardware in them.
$2/unit/test_gpt: build/obj/$1/platform/x86_64/gpt.o
$2/unit/test_efi_stub: $(patsubst %,build/obj/$1/platform/x86_64/efi/%.o,memory_map options)
endef
$(eval $(call simulator_rules,sim,build))
$(eval $(call simulator_rules,cover,build/cover))

build/obj/fuzz/app.a: $(filter-out %/app/main.o,$(APP_fuzz)) $(PLATFORM_fuzz)
build/obj/fuzz/helpers.a: $(call objects,fuzz,$(filter-out tests/sim/%,$(TEST_HELPERS)))
build/obj/fuzz/app.a build/obj/fuzz/helpers.a: build/obj/fuzz/members
	@$(archive)

build/fuzz/%: build/obj/fuzz/tests/fuzz/%.o $(patsubst %,build/obj/fuzz/%.a,helpers app lib)
	@echo "LINK $@"; mkdir -p $(@D)
	@clang $(LDFLAGS_fuzz) -o $@ -Wl,--start-group $^ -Wl,--end-group $(LDLIBS_sim)

# This one reads options.c of the kernel's parts, with a machine of its own.
build/fuzz/fuzz_command_line: $(patsubst %,build/obj/fuzz/%.o,tests/fuzz/fuzz_command_line app/base/bytes \
    platform/x86_64/options platform/x86_64/pvh)
	@echo "LINK $@"; mkdir -p $(@D)
	@clang $(LDFLAGS_fuzz) -o $@ $^

build/long/powercut: $(call objects,long,tests/sim/powercut.c $(TEST_HELPERS)) $(filter-out %/app/main.o,$(APP_long)) \
    $(PLATFORM_long) build/obj/long/lib.a build/obj/long/members
	@echo "LINK $@"; mkdir -p $(@D)
	@$(CC) -Wl,--gc-sections -o $@ $(filter %.o %.a,$^) -lcmocka

# The drivers of virtio run here as a process. Their variables lie in a section of their own, for fuzz_virtio.c.
build/obj/fuzz/state/%.o: %.c build/obj/fuzz/flags
	@mkdir -p $(@D); $(CC_fuzz) $(CFLAGS_fuzz) -fno-zero-initialized-in-bss -fno-data-sections -std=gnu17 -iquote . \
	    -include tests/boot/hostile_cpu.h -MD -MP -c $< -o $@ && objcopy --rename-section .data=driver_state $@

build/fuzz/fuzz_virtio: build/obj/fuzz/tests/fuzz/fuzz_virtio.o build/obj/fuzz/app/base/bytes.o \
    $(patsubst %,build/obj/fuzz/state/platform/x86_64/%.o,virtio virtio_net nic virtio_blk virtio_rng block wait flash_disk gpt) \
    build/obj/fuzz/state/tests/boot/hostile_device.o
	@echo "LINK $@"; mkdir -p $(@D)
	@clang $(LDFLAGS_fuzz) -o $@ $^

# ---- what one can ask for ----

.PHONY: help run image linux tests test powercut lint bench fuzz coverage clean FORCE

help: ## say what can be made
	@grep -hE '^[a-z]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z]+):[^#]*## /\1\t/' | expand -t 10

image: ## build/jeton.elf, and the images that boot by themselves in build/images/
	@tests/setup image
	@$(MAKE) build/jeton.elf build/images/SHA256SUMS

linux: build/linux/jeton ## the same app as a Linux process, build/linux/jeton

run: ## install what is missing, build, boot under QEMU, and say how to talk to it
	@tests/setup run
	@$(MAKE) build/jeton.elf
	@images/run

tests: $(TESTS) build/flashdump build/constant_time build/http_outcome build/boot/selftest.elf ## build the test programs only

test: ## build and run everything: lint, unit, simulator and boot tests
	@tests/setup test
	@$(MAKE) build/jeton.elf build/images/SHA256SUMS linux tests $(FUZZERS)
	@tests/run

powercut: ## cut the power in more than a million ways, and check every promise after each
	@tests/setup test
	@$(MAKE) build/long/powercut
	@build/long/powercut --long

fuzz: ## run the fuzzers, each for JETON_FUZZ_S seconds (3600)
	@tests/setup test
	@$(MAKE) $(FUZZERS)
	@JETON_FUZZ_S=$${JETON_FUZZ_S:-3600} tests/fuzz/run

coverage: ## which lines of app/ the unit and simulator tests reach
	@tests/setup test
	@$(MAKE) $(patsubst build/%,build/cover/%,$(TESTS))
	@tests/coverage

lint: ## the tree's rules, sizes, format and analysers
	@tests/setup test
	@tests/lint/run

bench: ## print the figures, and write them to build/bench.json
	@tests/setup bench
	@$(MAKE) build/jeton.elf build/images/SHA256SUMS linux $(addprefix build/bench/,store store_whole store.elf handshake tls_load)
	@tests/bench/run

clean: ## remove what was built; the state of `make run` and the tarballs' cache stay
	@find build -mindepth 1 -maxdepth 1 ! -name state -exec rm -rf {} + 2>/dev/null || true

FORCE:

-include $(shell find build/obj -name '*.d' 2>/dev/null)

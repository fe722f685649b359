# What is built of picolibc, for the bare-metal image only, and how.
PICOLIBC := build/third_party/picolibc/newlib/libc
SOURCES_picolibc := \
    $(addprefix $(PICOLIBC)/string/, memchr.c memcmp.c memmem.c memmove.c memrchr.c strcat.c strchr.c \
        strcmp.c strcpy.c strcspn.c strlen.c strncat.c strncmp.c strncpy.c strnlen.c strpbrk.c strrchr.c strspn.c \
        strstr.c strtok_r.c strcasecmp.c strncasecmp.c) \
    $(addprefix $(PICOLIBC)/stdlib/, abs.c labs.c llabs.c) \
    $(addprefix $(PICOLIBC)/search/, bsearch.c qsort.c) \
    $(addprefix $(PICOLIBC)/ctype/, ctype_.c isalnum.c isalpha.c isdigit.c isprint.c isspace.c isupper.c isxdigit.c \
        tolower.c toupper.c) \
    $(addprefix $(PICOLIBC)/errno/, errno.c) \
    $(addprefix $(PICOLIBC)/time/, gmtime.c gmtime_r.c lcltime_buf.c month_lengths.c) \
    $(addprefix $(PICOLIBC)/tinystdio/, snprintf.c vsnprintf.c sprintf.c vfprintf.c filestrput.c dtoa_ryu.c dtox_engine.c \
        ryu_table.c ryu_log10.c ryu_log2pow5.c ryu_pow5bits.c ryu_umul128.c ryu_divpow2.c strtol.c strtoll.c strtoul.c \
        strtoull.c)
# Left out on purpose: memcpy() and memset(), which platform/x86_64/string.c has; strtod() and scanf, which round wrongly from 18 digits on; app/json reads numbers exactly.

# What every bare-metal source sees instead of the host's headers.
INCLUDES_picolibc := -nostdinc -isystem $(shell $(CC) -print-file-name=include 2>/dev/null) -Ithird_party/picolibc \
    -isystem $(PICOLIBC)/tinystdio -isystem $(PICOLIBC)/include

FLAGS_picolibc := -I$(PICOLIBC)/locale -D_LIBC -D_COMPILING_NEWLIB -ffreestanding -fno-builtin -Wno-all

/*
 * Calls that pass by here on their way, by the linker's --wrap: flash calls are timed, appended records counted, and the
 * wall clock goes as fast as the bench wants.
 */
#include "bench_app.h"
#include "platform/flash.h"
#include "platform/platform.h"

static bool relocating;

enum status __real_flash_read(uint64_t offset, void *out, size_t size);
enum status __real_flash_program(uint64_t offset, const void *data, size_t size);
enum status __real_flash_erase(uint32_t block_index);
enum status __real_flash_sync(void);
enum status __real_store_append(enum store_class class, uint8_t type, struct bytes payload, size_t rest_bytes,
                                uint32_t *segment);
enum status __real_relocate_record(const struct store_record *record);
enum status __real_platform_wall_clock_s(int64_t *unix_s);
enum status __wrap_flash_read(uint64_t offset, void *out, size_t size);
enum status __wrap_flash_program(uint64_t offset, const void *data, size_t size);
enum status __wrap_flash_erase(uint32_t block_index);
enum status __wrap_flash_sync(void);
enum status __wrap_store_append(enum store_class class, uint8_t type, struct bytes payload, size_t rest_bytes,
                                uint32_t *segment);
enum status __wrap_relocate_record(const struct store_record *record);
enum status __wrap_platform_wall_clock_s(int64_t *unix_s);

static enum status note_flash(uint64_t begin_ns, enum status status)
{
    measured.flash_ns += platform_monotonic_ns() - begin_ns;
    return status;
}

enum status __wrap_flash_read(uint64_t offset, void *out, size_t size)
{
    uint64_t begin_ns = platform_monotonic_ns();
    return note_flash(begin_ns, __real_flash_read(offset, out, size));
}

enum status __wrap_flash_program(uint64_t offset, const void *data, size_t size)
{
    uint64_t begin_ns = platform_monotonic_ns();
    uint64_t before_ns = measured.flash_ns;
    enum status status = note_flash(begin_ns, __real_flash_program(offset, data, size));
    measured.program_ns += measured.flash_ns - before_ns;
    return status;
}

enum status __wrap_flash_erase(uint32_t block_index)
{
    uint64_t begin_ns = platform_monotonic_ns();
    return note_flash(begin_ns, __real_flash_erase(block_index));
}

enum status __wrap_flash_sync(void)
{
    uint64_t begin_ns = platform_monotonic_ns();
    return note_flash(begin_ns, __real_flash_sync());
}

enum status __wrap_store_append(enum store_class class, uint8_t type, struct bytes payload, size_t rest_bytes,
                                uint32_t *segment)
{
    *(relocating ? &measured.relocated_bytes : &measured.appended_bytes) += payload.size;
    return __real_store_append(class, type, payload, rest_bytes, segment);
}

enum status __wrap_relocate_record(const struct store_record *record)
{
    relocating = true;
    enum status status = __real_relocate_record(record);
    relocating = false;
    return status;
}

enum status __wrap_platform_wall_clock_s(int64_t *unix_s)
{
    enum status status = __real_platform_wall_clock_s(unix_s);
    *unix_s += measured.clock_shift_s;
    return status;
}

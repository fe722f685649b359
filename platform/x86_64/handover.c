/*
 * Finds our own structure among the modules of the start information.
 */
#include <string.h>

#include "platform/x86_64/handover.h"
#include "platform/x86_64/pvh.h"

static struct handover kept;

void handover_init(uintptr_t start_info)
{
    struct bytes module;
    for (uint32_t i = 0; pvh_module((const struct pvh_start_info *)start_info, i, &module); i++) {
        struct handover found;
        if (module.size >= sizeof found) {
            memcpy(&found, module.data, sizeof found);
            if (found.magic == HANDOVER_MAGIC && found.size_bytes == sizeof found) {
                kept = found;
            }
        }
    }
}

const struct handover *handover(void)
{
    return &kept;
}

/*
 * flashdump: what a Jeton flash image holds, checked without any secret, after app/store/FORMAT.md.
 *
 *   flashdump [--json] [--secret TEXT] IMAGE
 *
 * Header, segments, wear, live and dead bytes, the chain from the oldest frame to the newest, and the first bad record. With the
 * reserved secret of the image, or the operator's given by --secret, the records are opened too and counted by type.
 * Exit code: 0 the image is good (a torn tail is), 1 it is not, 2 wrong use.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/tools/flashdump_image.h"

static void print_hex(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        printf("%02x", bytes[i]);
}

static uint64_t live_bytes(void)
{
    return image.last.live_bytes < image.full_bytes ? image.last.live_bytes : image.full_bytes;
}

static void print_text(bool good)
{
    if (image.block_bytes != 0) {
        printf("device       ");
        print_hex(image.body + 32, 16);
        printf("\nformat       version %u, header copies %s and %s, secret %s\n", get_le32(image.body),
               image.copy_is_good[0] ? "good" : "bad", image.copy_is_good[1] ? "good" : "bad",
               image.body[48] == 0 ? "in the flash" : "with the operator");
        printf("geometry     %u blocks of %u bytes, units of %u; %u segments of %u bytes%s\n",
               image.block_count, image.block_bytes, image.unit_bytes, image.segment_count,
               image.segment_bytes, image.is_complemented ? "; complemented" : "");
        printf("log          segments %u to %u, frames %" PRIu64 " to %" PRIu64 ", %" PRIu64
               " records since the start\n",
               image.last.oldest_segment, image.last.segment,
               image.last.sequence - image.frames + (image.frames > 0), image.last.sequence,
               image.last.first_record + image.last.record_count);
        printf("bytes        %" PRIu64 " in frames, about %" PRIu64 " live, %" PRIu64 " dead, %" PRIu64
               " torn\n",
               image.frame_bytes, live_bytes(), image.frame_bytes - live_bytes(), image.dropped_bytes);
        printf("newest time  %" PRId64 "\n", image.last.time_s);
        for (uint32_t type = 0; type < 256; type++) {
            if (image.by_type[type] != 0)
                printf("type %-3u     %" PRIu64 " records\n", type, image.by_type[type]);
        }
        for (uint32_t p = 0; image.places != NULL && p < image.segment_count; p++) {
            const struct place *place = &image.places[p];
            if (place->first.sequence != 0)
                printf("segment %-6u blocks %u to %u, wear %u, %s, %u frames, %" PRIu64 " records, %" PRIu64
                       " bytes\n",
                       place->first.segment,
                       image.first_block + p * (image.segment_bytes / image.block_bytes),
                       image.first_block + (p + 1) * (image.segment_bytes / image.block_bytes) - 1,
                       place->first.wear, place->is_live ? "live" : "free", place->frames, place->records,
                       place->bytes);
        }
    }
    if (good)
        printf("good: structure and chain%s\n",
               image.has_key ? ", and every seal" : " (seals not checked: no secret)");
    else
        printf("bad: %s; record %" PRIu64 ", block %" PRIu64 "\n", image.fault, image.fault_record,
               image.block_bytes != 0 ? image.fault_offset / image.block_bytes : 0);
}

static void print_json(bool good)
{
    printf("{\"good\":%s,\"fault\":", good ? "true" : "false");
    if (good)
        printf("null");
    else
        printf("{\"sentence\":\"%s\",\"record\":%" PRIu64 ",\"offset\":%" PRIu64 "}", image.fault,
               image.fault_record, image.fault_offset);
    printf(",\"device\":\"");
    print_hex(image.body + 32, 16);
    printf("\",\"version\":%u,\"copies\":[%s,%s],\"complemented\":%s", get_le32(image.body),
           image.copy_is_good[0] ? "true" : "false", image.copy_is_good[1] ? "true" : "false",
           image.is_complemented ? "true" : "false");
    printf(
        ",\"block_bytes\":%u,\"block_count\":%u,\"unit_bytes\":%u,\"segment_bytes\":%u,\"segment_count\":%u",
        image.block_bytes, image.block_count, image.unit_bytes, image.segment_bytes, image.segment_count);
    printf(",\"oldest_segment\":%u,\"newest_segment\":%u,\"newest_frame\":%" PRIu64
           ",\"newest_time\":%" PRId64,
           image.last.oldest_segment, image.last.segment, image.last.sequence, image.last.time_s);
    printf(",\"frames\":%" PRIu64 ",\"records\":%" PRIu64 ",\"frame_bytes\":%" PRIu64
           ",\"live_bytes\":%" PRIu64 ",\"dead_bytes\":%" PRIu64 ",\"torn_bytes\":%" PRIu64
           ",\"seals_checked\":%s",
           image.frames, image.records, image.frame_bytes, live_bytes(), image.frame_bytes - live_bytes(),
           image.dropped_bytes, image.has_key ? "true" : "false");
    printf(",\"types\":{");
    const char *comma = "";
    for (uint32_t type = 0; type < 256; type++) {
        if (image.by_type[type] != 0) {
            printf("%s\"%u\":%" PRIu64, comma, type, image.by_type[type]);
            comma = ",";
        }
    }
    printf("},\"segments\":[");
    comma = "";
    for (uint32_t p = 0; image.places != NULL && p < image.segment_count; p++) {
        const struct place *place = &image.places[p];
        if (place->first.sequence == 0)
            continue;
        printf(
            "%s{\"number\":%u,\"first_block\":%u,\"wear\":%u,\"live\":%s,\"frames\":%u,\"records\":%" PRIu64
            ",\"bytes\":%" PRIu64 "}",
            comma, place->first.segment, image.first_block + p * (image.segment_bytes / image.block_bytes),
            place->first.wear, place->is_live ? "true" : "false", place->frames, place->records,
            place->bytes);
        comma = ",";
    }
    printf("]}\n");
}

int main(int argc, char **argv)
{
    bool json = false;
    const char *path = NULL;
    const char *secret = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (strcmp(argv[i], "--secret") == 0 && i + 1 < argc)
            secret = argv[++i];
        else if (path == NULL && argv[i][0] != '-')
            path = argv[i];
        else
            path = "", i = argc;
    }
    if (path == NULL || *path == '\0') {
        fprintf(stderr, "use: flashdump [--json] [--secret TEXT] IMAGE\n");
        return 2;
    }
    if (!image_load(path))
        return 2;
    bool good = image_examine(secret);
    if (json)
        print_json(good);
    else
        print_text(good);
    return good ? 0 : 1;
}

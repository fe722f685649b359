/*
 * The network interface of the Linux target: a TAP device. One read or write moves one frame, with a header before it
 * that says of check sums and cutting what virtio's does; the kernel queues, so that there is nothing to flush.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "platform/linux/linux.h"
#include "platform/platform.h"

#define ETHERNET_MTU_BYTES 1500

static int tap = -1;
static uint8_t mac[6];

/* ---- opening ---- */

/* Two hexadecimal digits; -1 when it is something else. */
static int hex_byte(const char *text)
{
    static const char digits[] = "0123456789abcdef";
    const char *high = text[0] == '\0' ? NULL : strchr(digits, tolower((unsigned char)text[0]));
    const char *low =
        high == NULL || text[1] == '\0' ? NULL : strchr(digits, tolower((unsigned char)text[1]));

    return low == NULL ? -1 : (int)((high - digits) * 16 + (low - digits));
}

static bool mac_parse(const char *text)
{
    for (size_t i = 0; i < sizeof mac; i++) {
        int byte = hex_byte(text + 3 * i);
        if (byte < 0 || text[3 * i + 2] != (i + 1 < sizeof mac ? ':' : '\0'))
            return false;
        mac[i] = (uint8_t)byte;
    }
    return (mac[0] & 1) == 0; /* a group address cannot be a station's own */
}

/* FNV-1a over the flash's full path: the same file has the same address at each start. */
static uint64_t path_hash(const char *path)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    char *full = realpath(path, NULL);

    for (const char *c = full == NULL ? path : full; *c != '\0'; c++)
        hash = (hash ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
    free(full);
    return hash;
}

static void mac_choose(void)
{
    const char *text = linux_option("mac");
    const char *flash = linux_option("flash");
    uint64_t seed;

    if (text != NULL && *text != '\0') {
        if (!mac_parse(text))
            linux_usage("no station address like 02:00:00:00:00:01", "mac");
        return;
    }
    if (flash != NULL)
        seed = path_hash(flash);
    else if (platform_entropy((uint8_t *)&seed, sizeof seed) != STATUS_OK)
        platform_panic("the host gives no random bytes");
    memcpy(mac, &seed, sizeof mac);
    mac[0] = (uint8_t)((mac[0] & 0xfc) | 0x02); /* locally administered, not a group */
}

void linux_nic_open(void)
{
    const char *name = linux_option("tap");
    struct ifreq request;

    if (name == NULL || *name == '\0')
        return;
    memset(&request, 0, sizeof request);
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    if (strlen(name) >= sizeof request.ifr_name)
        linux_usage("the name is too long for an interface", "tap");
    memcpy(request.ifr_name, name, strlen(name));
    tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tap < 0 || ioctl(tap, TUNSETIFF, &request) < 0 || ioctl(tap, TUNSETOFFLOAD, TUN_F_CSUM) < 0)
        linux_usage(strerror(errno), "tap");
    mac_choose();
}

/* ---- platform.h ---- */

int linux_nic_descriptor(void)
{
    return tap;
}

void platform_nic_info(struct platform_nic *nic)
{
    memset(nic, 0, sizeof *nic);
    if (tap < 0)
        return;
    nic->present = true;
    nic->link_up = true;
    nic->mtu_bytes = ETHERNET_MTU_BYTES;
    nic->fills_sums = true;
    nic->cuts_segments = true;
    memcpy(nic->mac, mac, sizeof mac);
}

/* One byte more than the caller takes shows a frame that is too large: read() would cut it silently. */
size_t platform_nic_receive(uint8_t *frame, size_t capacity, bool *sums_known)
{
    struct virtio_net_hdr header = {.flags = 0};
    uint8_t spill;
    struct iovec parts[3] = {{&header, sizeof header}, {frame, capacity}, {&spill, 1}};

    if (tap < 0)
        return 0;
    for (;;) {
        ssize_t size = readv(tap, parts, 3);
        *sums_known = (header.flags & (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID)) != 0;
        if (size > (ssize_t)sizeof header && (size_t)size <= sizeof header + capacity)
            return (size_t)size - sizeof header;
        if (size <= 0 && errno != EINTR)
            return 0;
    }
}

static void describe(const struct platform_offload *offload, struct virtio_net_hdr *header)
{
    header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    header->csum_start = offload->start_offset;
    header->csum_offset = offload->sum_offset;
    if (offload->segment_bytes == 0)
        return;
    header->gso_type = offload->by_ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
    header->gso_size = offload->segment_bytes;
    header->hdr_len = offload->header_bytes;
}

enum status platform_nic_send(const struct bytes *parts, size_t count, const struct platform_offload *offload)
{
    struct virtio_net_hdr header = {.flags = 0};
    struct iovec vector[1 + PLATFORM_FRAME_PARTS_MAX] = {{&header, sizeof header}};
    ssize_t written;

    if (tap < 0 || count > PLATFORM_FRAME_PARTS_MAX)
        return STATUS_IO;
    for (size_t i = 0; i < count; i++) {
        /* writev() reads only, but struct iovec has no way to say so. */
        memcpy(&vector[1 + i].iov_base, &parts[i].data, sizeof vector[i].iov_base);
        vector[1 + i].iov_len = parts[i].size;
    }
    if (offload != NULL)
        describe(offload, &header);
    do
        written = writev(tap, vector, 1 + (int)count);
    while (written < 0 && errno == EINTR);
    if (written < 0 && errno == EAGAIN)
        return STATUS_AGAIN;
    return STATUS_OK; /* a frame that the host refuses (the TAP is down) is lost like one on a wire */
}

void platform_nic_flush(void)
{
}

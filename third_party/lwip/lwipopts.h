/*
 * What Jeton builds of lwIP 2.2.1: the raw API without threads; Ethernet, ARP, IPv4, IPv6, ICMP, UDP, DHCP, TCP.
 *
 * app/net gives what lwIP needs of the rest: link_heap_*() for its memory, link_random_u32(), link_tcp_isn(), and
 * sys_now() for its timers. All pools come out of that heap, so the MEMP_NUM_* numbers below bound nothing by
 * themselves: the app bounds connections (app/limits.h) and the heap bounds the sum.
 */
#ifndef JETON_LWIPOPTS_H
#define JETON_LWIPOPTS_H

/* ---- one thread, no sockets ---- */
#define NO_SYS                1
#define SYS_LIGHTWEIGHT_PROT  0
#define LWIP_SOCKET           0
#define LWIP_NETCONN          0
#define LWIP_STATS            0
#define LWIP_NO_UNISTD_H      1
#define LWIP_NO_CTYPE_H       0
#define LWIP_ERRNO_STDINCLUDE 1

/* ---- memory: everything from the app's heap ---- */
#define MEM_ALIGNMENT        8 /* 4 leaves misaligned pbufs on a 64-bit machine */
#define MEM_CUSTOM_ALLOCATOR 1
#define MEM_CUSTOM_MALLOC    link_heap_malloc
#define MEM_CUSTOM_CALLOC    link_heap_calloc
#define MEM_CUSTOM_FREE      link_heap_free
#define MEMP_MEM_MALLOC      1
#define PBUF_POOL_BUFSIZE    1600 /* a whole frame in one pbuf */
#define PBUF_POOL_SIZE       64
#define MEMP_NUM_TCP_SEG     256 /* not a bound here, but checked against the queue length below */

/* ---- protocols ---- */
#define LWIP_IPV4                     1
#define LWIP_IPV6                     1
#define LWIP_IPV6_NUM_ADDRESSES       4 /* link-local, and static or autoconfigured ones */
#define LWIP_IPV6_REASS               0 /* nothing that we serve comes in fragments */
#define LWIP_IPV6_FRAG                0
#define LWIP_IPV6_DHCP6               0
#define LWIP_ICMP6_HL                 64
#define LWIP_ND6_NUM_NEIGHBORS        64
#define LWIP_ND6_NUM_DESTINATIONS     64
#define LWIP_ND6_NUM_PREFIXES         4
#define LWIP_ND6_NUM_ROUTERS          2
#define MEMP_NUM_ND6_QUEUE            32
#define MEMP_NUM_MLD6_GROUP           8
#define LWIP_ARP                      1
#define LWIP_ETHERNET                 1
#define ETHARP_SUPPORT_STATIC_ENTRIES 0
#define ETHARP_TABLE_MATCH_NETIF      1
#define ARP_TABLE_SIZE                127
#define ARP_QUEUEING                  1
#define ARP_QUEUE_LEN                 3
#define LWIP_ICMP                     1
#define LWIP_BROADCAST_PING           0
#define LWIP_MULTICAST_PING           0
#define LWIP_RAW                      0
#define LWIP_UDP                      1
#define LWIP_DHCP                     1
#define LWIP_DHCP_DOES_ACD_CHECK      0 /* two more seconds before the first address */
#define LWIP_DHCP_MAX_NTP_SERVERS     0
#define LWIP_DNS                      1 /* upstreams may have names; ids and ports are random (LWIP_DNS_SECURE) */
#define DNS_TABLE_SIZE                8
#define DNS_MAX_SERVERS               2
#define LWIP_IGMP                     0
#define LWIP_AUTOIP                   0
#define LWIP_ACD                      0
#define IP_FORWARD                    0
#define IP_OPTIONS_ALLOWED            0 /* source routes and friends are dropped */
#define IP_FRAG                       0 /* TCP never exceeds the MSS; DHCP and ping replies fit */
#define IP_REASSEMBLY                 0 /* nothing that we serve comes in fragments */

/* ---- checksums: app/net/packet.c has checked what comes, and TCP's may be left to the device (app/net/link.c) ---- */
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define CHECKSUM_CHECK_IP    0
#define CHECKSUM_CHECK_UDP   0
#define CHECKSUM_CHECK_TCP   0
#define CHECKSUM_CHECK_ICMP  0
#define CHECKSUM_CHECK_ICMP6 0

/* ---- TCP ---- */
#define LWIP_TCP                   1
#define TCP_MSS                    1460
#define LWIP_WND_SCALE             1 /* sizes are 16-bit without it, and 65536 would hang silently */
#define TCP_RCV_SCALE              0
#define TCP_WND                    32768
#define TCP_SND_BUF                65535
#define TCP_SND_QUEUELEN           128
#define TCP_OVERSIZE               TCP_MSS
#define TCP_LISTEN_BACKLOG         1
#define TCP_DEFAULT_LISTEN_BACKLOG 64
#define TCP_QUEUE_OOSEQ            1
#define TCP_OOSEQ_MAX_BYTES        16384
#define TCP_OOSEQ_MAX_PBUFS        16
#define LWIP_TCP_TIMESTAMPS        0
#define LWIP_TCP_SACK_OUT          0
#define LWIP_TCP_KEEPALIVE         1
#define LWIP_TCP_PCB_NUM_EXT_ARGS  4 /* app/net/pcbs.c */
#define SO_REUSE                   1
#define TCP_MAXRTX                 8
#define TCP_SYNMAXRTX              3
#define TCP_MSL                    5000UL /* milliseconds; TIME_WAIT lasts twice as long */
#define TCP_FIN_WAIT_TIMEOUT       5000

/* ---- interface ---- */
#define LWIP_SINGLE_NETIF          1
#define LWIP_NETIF_LINK_CALLBACK   1
#define LWIP_NETIF_STATUS_CALLBACK 1
#define LWIP_NETIF_HOSTNAME        1
#define LWIP_NETIF_HWADDRHINT      1
#define LWIP_NETIF_TX_SINGLE_PBUF  0
#define LWIP_CHKSUM_ALGORITHM      3
#define LWIP_CHECKSUM_ON_COPY      0

/* Hooks of ours: initial sequence numbers and IP ids (see lwip_hooks.h). */
#define LWIP_HOOK_FILENAME "lwip_hooks.h"

#endif

/*
 * Lists that know where each member is pointed to from, and a hash of chains of the same kind.
 *
 * lwIP unlinks a PCB without the macro in one place, its slow timer, right before it frees it; on_destroy puts right what
 * that leaves.
 */
#include "net/pcbs.h"

#include <string.h>

#include <lwip/priv/tcp_priv.h>
#include <lwip/tcp.h>

#include "base/siphash.h"
#include "crypto/crypto.h"
#include "limits.h"

#include "lwip_hooks.h"

/* The external arguments of a PCB. */
enum {
    ARGUMENT_LINK,       /* struct tcp_pcb **: what points to it in its list */
    ARGUMENT_CHAIN_LINK, /* the same in its chain; NULL: not in the hash */
    ARGUMENT_CHAIN_NEXT, /* struct tcp_pcb * */
    ARGUMENT_CHALLENGED  /* milliseconds, as a number */
};
_Static_assert(LWIP_TCP_PCB_NUM_EXT_ARGS == ARGUMENT_CHALLENGED + 1, "one place for each");
_Static_assert((PCBS_BUCKETS & (PCBS_BUCKETS - 1)) == 0, "a mask picks the bucket");

static struct siphash_key key;
static struct tcp_pcb *buckets[PCBS_BUCKETS];
static struct tcp_pcb *hidden_active; /* while lwIP must not look through them */
static struct tcp_pcb *hidden_waiting;

void pcbs_start(void)
{
    crypto_random(&key, sizeof key);
}

struct net_address net_address_of(const ip_addr_t *address)
{
    struct net_address plain;
    if (IP_IS_V4(address))
        return net_address_of_ipv4((const uint8_t *)&ip_2_ip4(address)->addr);
    memcpy(plain.bytes, ip_2_ip6(address)->addr, sizeof plain.bytes);
    return plain;
}

static struct tuple tuple_of(const struct tcp_pcb *pcb)
{
    return (struct tuple){.local = net_address_of(&pcb->local_ip),
                          .remote = net_address_of(&pcb->remote_ip),
                          .local_port = pcb->local_port,
                          .remote_port = pcb->remote_port};
}

static struct tcp_pcb **bucket_of(const struct tuple *tuple)
{
    return &buckets[siphash(&key, bytes_of(tuple, sizeof *tuple)) & (PCBS_BUCKETS - 1)];
}

/* ---- one kind of list: `at` names the argument that holds the link ---- */

static void set_link(struct tcp_pcb *pcb, unsigned at, struct tcp_pcb **link)
{
    if (pcb != NULL)
        pcb->ext_args[at].data = link;
}

static struct tcp_pcb *chain_next(const struct tcp_pcb *pcb)
{
    return pcb->ext_args[ARGUMENT_CHAIN_NEXT].data;
}

static struct tcp_pcb **chain_place(struct tcp_pcb *pcb)
{
    return (struct tcp_pcb **)&pcb->ext_args[ARGUMENT_CHAIN_NEXT].data;
}

static void leave_chain(struct tcp_pcb *pcb)
{
    struct tcp_pcb **link = pcb->ext_args[ARGUMENT_CHAIN_LINK].data;
    if (link == NULL)
        return;
    *link = chain_next(pcb);
    set_link(*link, ARGUMENT_CHAIN_LINK, link);
    set_link(pcb, ARGUMENT_CHAIN_LINK, NULL);
}

/* Right before lwIP frees a PCB: the argument is what points to it in its chain. */
static void on_destroy(u8_t id, void *data)
{
    struct tcp_pcb **chain_link = data;
    (void)id;
    if (chain_link == NULL)
        return;
    struct tcp_pcb *pcb = *chain_link;
    struct tcp_pcb **link = pcb->ext_args[ARGUMENT_LINK].data;
    if (link != NULL) /* the slow timer has unlinked it: its follower stands here now */
        set_link(*link, ARGUMENT_LINK, link);
    leave_chain(pcb);
}

static const struct tcp_ext_arg_callbacks callbacks = {.destroy = on_destroy};

static void enter_chain(struct tcp_pcb *pcb)
{
    const struct tuple tuple = tuple_of(pcb);
    struct tcp_pcb **bucket = bucket_of(&tuple);
    pcb->ext_args[ARGUMENT_CHAIN_LINK].callbacks = &callbacks;
    *chain_place(pcb) = *bucket;
    set_link(*bucket, ARGUMENT_CHAIN_LINK, chain_place(pcb));
    *bucket = pcb;
    set_link(pcb, ARGUMENT_CHAIN_LINK, bucket);
}

/* ---- lwIP's lists ---- */

static void put_first(struct tcp_pcb **list, struct tcp_pcb *pcb)
{
    pcb->next = *list;
    set_link(pcb->next, ARGUMENT_LINK, &pcb->next);
    *list = pcb;
    set_link(pcb, ARGUMENT_LINK, list);
}

static void take_out(struct tcp_pcb *pcb)
{
    struct tcp_pcb **link = pcb->ext_args[ARGUMENT_LINK].data;
    *link = pcb->next;
    set_link(pcb->next, ARGUMENT_LINK, link);
    pcb->next = NULL;
    set_link(pcb, ARGUMENT_LINK, NULL);
}

static bool is_indexed(struct tcp_pcb **list)
{
    return list == &tcp_active_pcbs || list == &tcp_tw_pcbs;
}

void pcbs_link(struct tcp_pcb **list, struct tcp_pcb *pcb)
{
    if (is_indexed(list)) {
        put_first(list, pcb);
        enter_chain(pcb);
    } else {
        pcb->next = *list;
        *list = pcb;
    }
}

/* The other lists are of those that are bound or listen: one or two. */
void pcbs_unlink(struct tcp_pcb **list, struct tcp_pcb *pcb)
{
    if (is_indexed(list)) {
        take_out(pcb);
        leave_chain(pcb);
        return;
    }
    while (*list != NULL && *list != pcb)
        list = &(*list)->next;
    if (*list != NULL)
        *list = pcb->next;
    pcb->next = NULL;
}

struct tcp_pcb *pcbs_find(const struct tuple *tuple)
{
    for (struct tcp_pcb *pcb = *bucket_of(tuple); pcb != NULL; pcb = chain_next(pcb)) {
        if (pcb->remote_port != tuple->remote_port || pcb->local_port != tuple->local_port)
            continue;
        const struct tuple own = tuple_of(pcb);
        if (memcmp(&own, tuple, sizeof own) == 0)
            return pcb;
    }
    return NULL;
}

static void hide(struct tcp_pcb **list, struct tcp_pcb **place)
{
    *place = *list;
    *list = NULL;
    set_link(*place, ARGUMENT_LINK, place);
}

void pcbs_present(struct tcp_pcb *pcb)
{
    struct tcp_pcb **list = pcb != NULL && pcb->state == TIME_WAIT ? &tcp_tw_pcbs : &tcp_active_pcbs;
    if (list == &tcp_tw_pcbs || pcb == NULL)
        hide(&tcp_active_pcbs, &hidden_active);
    if (pcb == NULL) {
        hide(&tcp_tw_pcbs, &hidden_waiting);
    } else {
        take_out(pcb);
        put_first(list, pcb);
    }
}

/* What was made meanwhile, one as a rule, stands before the others. */
static void restore(struct tcp_pcb **list, struct tcp_pcb **place)
{
    if (*place == NULL)
        return;
    while (*list != NULL)
        list = &(*list)->next;
    *list = *place;
    set_link(*list, ARGUMENT_LINK, list);
    *place = NULL;
}

void pcbs_restore(void)
{
    restore(&tcp_active_pcbs, &hidden_active);
    restore(&tcp_tw_pcbs, &hidden_waiting);
}

/* How many the list has; SIZE_MAX where one is not where it says. */
static size_t count_sound(struct tcp_pcb **list)
{
    size_t count = 0;
    for (struct tcp_pcb **link = list; *link != NULL; link = &(*link)->next, count++)
        if ((*link)->ext_args[ARGUMENT_LINK].data != link)
            return SIZE_MAX;
    return count;
}

static size_t count_chained(void)
{
    size_t count = 0;
    for (size_t i = 0; i < PCBS_BUCKETS; i++)
        for (struct tcp_pcb **link = &buckets[i]; *link != NULL; link = chain_place(*link), count++)
            if ((*link)->ext_args[ARGUMENT_CHAIN_LINK].data != link)
                return SIZE_MAX;
    return count;
}

bool pcbs_are_sound(void)
{
    size_t active = count_sound(&tcp_active_pcbs);
    size_t waiting = count_sound(&tcp_tw_pcbs);
    return active != SIZE_MAX && waiting != SIZE_MAX && count_chained() == active + waiting;
}

uint32_t pcbs_challenged_ms(const struct tcp_pcb *pcb)
{
    return (uint32_t)(uintptr_t)pcb->ext_args[ARGUMENT_CHALLENGED].data;
}

void pcbs_set_challenged_ms(struct tcp_pcb *pcb, uint32_t now_ms)
{
    pcb->ext_args[ARGUMENT_CHALLENGED].data = (void *)(uintptr_t)now_ms;
}

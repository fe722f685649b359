/*
 * Name, address, connection.
 */
#include "net/dial.h"

#include <string.h>

#include <lwip/dns.h>
#include <lwip/tcp.h>

#include "crypto/crypto.h"
#include "limits.h"

#define ADDRESS_TEXT_BYTES 46
#define PORT_FIRST         49152 /* RFC 6335 section 6: dynamic ports */
#define PORT_TRIES         8

_Static_assert(TCP_SND_BUF >= API_UPSTREAM_HEAD_MAX_BYTES + HTTP_BODY_MAX_BYTES + 1024,
               "a request to an upstream is taken at once, in records or plain");

static struct list
    looking; /* lwIP's question can't be taken back: its answer finds the dial by serial, or nobody */
static uint32_t newest_serial;
static bool has_server;
static ip_addr_t server;

void dial_start(struct bytes dns_server)
{
    char text[ADDRESS_TEXT_BYTES] = {0};
    list_init(&looking);
    if (dns_server.size == 0 || dns_server.size >= sizeof text)
        return;
    memcpy(text, dns_server.data, dns_server.size);
    has_server = ipaddr_aton(text, &server) != 0;
}

static err_t on_connected(void *context, struct tcp_pcb *pcb, err_t error)
{
    struct socket *socket = context;
    (void)pcb;
    (void)error;
    if (socket != NULL)
        socket->on_event(socket, SOCKET_SENT);
    return ERR_OK;
}

/* A port that nobody can guess (RFC 6056 section 3.3.1); lwIP counts up. If all tries are taken, lwIP chooses. */
static void choose_port(struct tcp_pcb *pcb)
{
    for (unsigned i = 0; i < PORT_TRIES; i++) {
        u16_t port = (u16_t)(PORT_FIRST + crypto_random_u32() % (UINT16_MAX - PORT_FIRST + 1));
        if (tcp_bind(pcb, IP_ANY_TYPE, port) == ERR_OK)
            return;
    }
}

static void connect_to(struct dial *dial, const ip_addr_t *address)
{
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
    dial->state = DIAL_FAILED;
    if (pcb == NULL)
        return;
    socket_open(dial->socket, pcb, dial->on_event);
    choose_port(pcb);
    if (tcp_connect(pcb, address, dial->port, on_connected) == ERR_OK)
        dial->state = DIAL_CONNECTING;
    else
        socket_reset(dial->socket);
}

static void on_found(const char *name, const ip_addr_t *address, void *context)
{
    uint32_t serial = (uint32_t)(uintptr_t)context;
    (void)name;
    for (struct list_node *node = list_first(&looking); node != NULL; node = list_next(&looking, node)) {
        struct dial *dial = LIST_OWNER(node, struct dial, looking);
        if (dial->serial != serial)
            continue;
        list_remove(node);
        if (address != NULL)
            connect_to(dial, address);
        else
            dial->state = DIAL_FAILED;
        dial->on_event(dial->socket, SOCKET_RECEIVED);
        return;
    }
}

void dial_begin(struct dial *dial, const char *host, uint16_t port)
{
    ip_addr_t address;
    dial->port = port;
    dial->serial = ++newest_serial;
    dial->state = DIAL_FAILED;
    if (has_server)
        dns_setserver(0, &server); /* DHCP may have put its own in the meantime */
    err_t error = dns_gethostbyname(host, &address, on_found, (void *)(uintptr_t)dial->serial);
    if (error == ERR_OK) {
        connect_to(dial, &address);
    } else if (error == ERR_INPROGRESS) {
        dial->state = DIAL_LOOKING;
        list_append(&looking, &dial->looking);
    }
}

enum dial_state dial_state(struct dial *dial)
{
    if (dial->state == DIAL_LOOKING || dial->state == DIAL_FAILED)
        return dial->state;
    if (dial->socket->gone)
        dial->state = DIAL_FAILED;
    else if (dial->state == DIAL_CONNECTING && dial->socket->pcb->state >= ESTABLISHED)
        dial->state = DIAL_CONNECTED;
    return dial->state;
}

void dial_cancel(struct dial *dial)
{
    list_remove(&dial->looking);
}

/*
 * Client addresses in hashed lists.
 */
#include "net/clients.h"

#include "base/siphash.h"
#include "crypto/crypto.h"
#include "limits.h"

static struct heap *heap;
static struct list buckets[SERVER_ADDRESS_BUCKETS];
static struct siphash_key bucket_key; /* keeps strangers from filling one bucket on purpose */

void clients_start(struct heap *given)
{
    heap = given;
    crypto_random(&bucket_key, sizeof bucket_key);
    for (size_t i = 0; i < SERVER_ADDRESS_BUCKETS; i++)
        list_init(&buckets[i]);
}

static struct list *bucket_of(const struct net_address *address)
{
    return &buckets[siphash(&bucket_key, bytes_of(address, sizeof *address)) % SERVER_ADDRESS_BUCKETS];
}

struct client *clients_get(const struct net_address *address)
{
    struct list *bucket = bucket_of(address);
    for (struct list_node *node = list_first(bucket); node != NULL; node = list_next(bucket, node))
        if (net_address_equal(&LIST_OWNER(node, struct client, bucket)->address, address))
            return LIST_OWNER(node, struct client, bucket);
    struct client *client = heap_take_zeroed(heap, 1, sizeof *client);
    if (client != NULL) {
        client->address = *address;
        list_init(&client->handshakes);
        list_append(bucket, &client->bucket);
    }
    return client;
}

void clients_forget_unused(struct client *client)
{
    if (client->connection_count > 0)
        return;
    list_remove(&client->bucket);
    list_remove(&client->turn);
    heap_give(heap, client);
}

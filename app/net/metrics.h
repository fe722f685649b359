/*
 * What the network's side tells GET /metrics: connections, handshakes, frames, upstreams, heap.
 */
#ifndef JETON_NET_METRICS_H
#define JETON_NET_METRICS_H

#include "base/heap.h"

/* Add these lines to the answer of GET /metrics. Once, at boot. */
void net_metrics_start(const struct heap *heap);

#endif

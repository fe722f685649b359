/*
 * Lines of Prometheus text about connections, handshakes, frames, upstreams and the heap.
 */
#include "net/metrics.h"

#include "api/api.h"
#include "api/metrics.h"
#include "net/link.h"
#include "net/segments.h"
#include "net/server.h"
#include "net/upstream.h"
#include "platform/platform.h"

static const struct heap *watched_heap;

static void write_server(struct buffer *out)
{
    struct server_stats stats;
    server_stats(&stats);
    metrics_write(out, "jeton_connections", "gauge", "Open connections.", stats.connection_count);
    metrics_write(out, "jeton_connections_max", "gauge", "Connections that there is room for.",
                  stats.connection_bound);
    metrics_write(out, "jeton_connections_accepted_total", "counter", "Connections accepted.",
                  stats.accepted_count);
    metrics_write(out, "jeton_connections_refused_total", "counter", "Connections over a bound.",
                  stats.refused_count);
    metrics_write(out, "jeton_connections_evicted_total", "counter", "Idle connections that made room.",
                  stats.evicted_count);
    metrics_write(out, "jeton_connections_timed_out_total", "counter", "Connections that were too slow.",
                  stats.timeout_count);
    metrics_write(out, "jeton_tls_handshakes_total", "counter", "TLS handshakes completed.",
                  stats.handshake_count);
    metrics_write(out, "jeton_tls_handshakes_resumed_total", "counter", "Of these, resumed.",
                  stats.resumed_count);
    metrics_write(out, "jeton_tls_handshakes_failed_total", "counter", "TLS handshakes failed.",
                  stats.handshake_failed_count);
}

static void write_link(struct buffer *out)
{
    struct link_stats stats;
    link_stats(&stats);
    metrics_write(out, "jeton_frames_received_total", "counter", "Ethernet frames taken in.",
                  stats.received_count);
    metrics_write(out, "jeton_frames_sent_total", "counter",
                  "Ethernet frames sent; one that the interface cuts counts once.", stats.sent_count);
    metrics_write(out, "jeton_frames_dropped_total", "counter", "Ethernet frames without room.",
                  stats.dropped_count);
    metrics_write(out, "jeton_frames_refused_total", "counter", "Ethernet frames that are not for us.",
                  stats.refused_count);
}

static void write_segments(struct buffer *out)
{
    struct segment_stats stats;
    segments_stats(&stats);
    metrics_write(out, "jeton_tcp_syns_answered_total", "counter", "SYNs answered by a cookie.",
                  stats.cookies_count);
    metrics_write(out, "jeton_tcp_challenges_total", "counter", "Segments that may be forged, challenged.",
                  stats.challenges_count);
    metrics_write(out, "jeton_tcp_resets_sent_total", "counter", "Segments of no connection, refused.",
                  stats.resets_count);
}

static void write_upstream(struct buffer *out)
{
    struct upstream_stats stats;
    upstream_stats(&stats);
    metrics_write(out, "jeton_upstream_under_way", "gauge", "Commands that wait for an upstream.",
                  stats.under_way_count);
    metrics_write(out, "jeton_upstream_exchanges_total", "counter", "Commands for upstreams.",
                  stats.exchange_count);
    metrics_write(out, "jeton_upstream_answered_total", "counter", "Of these, answered.",
                  stats.answered_count);
    metrics_write(out, "jeton_upstream_not_sent_total", "counter", "Of these, never sent.",
                  stats.not_sent_count);
    metrics_write(out, "jeton_upstream_lost_total", "counter", "Of these, sent but without an answer.",
                  stats.lost_count);
    metrics_write(out, "jeton_upstream_reused_total", "counter", "Exchanges over a kept connection.",
                  stats.reused_count);
}

static void write_all(struct buffer *out)
{
    write_server(out);
    write_link(out);
    write_segments(out);
    write_upstream(out);
    metrics_write(out, "jeton_heap_bytes", "gauge", "Heap of connections, TLS and TCP.",
                  watched_heap->region_bytes);
    metrics_write(out, "jeton_heap_in_use_bytes", "gauge", "Of it, in use.", watched_heap->in_use_bytes);
    metrics_write(out, "jeton_heap_in_use_chunks", "gauge", "Pieces of it in use.",
                  watched_heap->in_use_count);
    metrics_write(out, "jeton_crash_reboots_total", "counter", "Crashes and hangs that a reset ended.",
                  platform_crashes().total);
}

void net_metrics_start(const struct heap *heap)
{
    watched_heap = heap;
    api_add_metrics(write_all);
}

/*
 * Counting requests for GET /metrics, and writing a metric (Prometheus text format).
 */
#ifndef JETON_API_METRICS_H
#define JETON_API_METRICS_H

#include "api/api.h"

/* One more answer of this route and status. */
void metrics_count(const struct api_answer *answer);

/* Take one back: the answer is about to become another. */
void metrics_discount(const struct api_answer *answer);

/* A metric of one sample without labels, with its HELP and TYPE. For sources of api_add_metrics too. */
void metrics_write(struct buffer *out, const char *name, const char *type, const char *help, uint64_t value);

#endif

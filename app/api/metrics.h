/*
 * Counting requests for GET /metrics.
 */
#ifndef JETON_API_METRICS_H
#define JETON_API_METRICS_H

#include "api/api.h"

/* One more answer of this route and status. */
void metrics_count(const struct api_answer *answer);

/* Take one back: the answer is about to become another. */
void metrics_discount(const struct api_answer *answer);

#endif

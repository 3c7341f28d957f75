/*
 * How long ago each host was last heard of, for /metrics: the newest row that the store has of it
 * in tallyd_self or container_stats.  A thread of its own asks the store, every few seconds and
 * only while somebody scrapes, so that /metrics itself waits for nothing; until it has been told,
 * and of hosts that were silent for a day, nothing is known.
 */
#ifndef TALLYD_HTTP_HOST_AGES_H
#define TALLYD_HTTP_HOST_AGES_H

#include "base/json_writer.h"
#include "http_api.h"

struct host_ages;

/* -errno: no memory, no thread. */
int host_ages_open(struct tally_ctx *ctx, const struct http_config *config, struct host_ages **ret);
void host_ages_close(struct host_ages *ages); /* waits for a query; NULL is fine */

/* tallyd_host_age_seconds, by host; nothing if no host is known, or without ages.  Any thread. */
void host_ages_write(struct host_ages *ages, struct json_writer *text);

#endif

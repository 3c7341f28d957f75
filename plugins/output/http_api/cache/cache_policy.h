/* Kinds of answers: how long each may be kept, and which requests share one. */
#ifndef TALLYD_HTTP_CACHE_POLICY_H
#define TALLYD_HTTP_CACHE_POLICY_H

#include "routes/endpoint.h"
#include "http_api.h"

/* Whether, and as what, the answers of an endpoint are kept. */
enum cache_class cache_class_of(const struct endpoint *endpoint);
/* For how long, in ns; 0: not at all. */
int64_t cache_class_ttl(const struct http_config *config, enum cache_class kind);

/* Names of the tables whose rows make such answers old at once, whatever their time; ends with
 * NULL. */
enum { CACHE_CLASS_MAX_TABLES = 3 };
const char *const *cache_class_tables(enum cache_class kind);

/*
 * What two requests must have in common to get the same answer: for series, from and to on the
 * grid of their step, so that everybody who looks at about the same time shares one; else the
 * target, whose parameters target_sort() has brought into one order.  free() it; NULL: no memory.
 */
char *cache_key_of(struct context *context, const struct endpoint *endpoint);

#endif

/* Kinds of answers: how long each may be kept, and which requests share one. */
#ifndef TALLYD_HTTP_KINDS_H
#define TALLYD_HTTP_KINDS_H

#include "endpoint.h"
#include "http_api.h"

/* Whether, and as what, the answers of an endpoint are kept. */
enum http_kind kind_of(const struct endpoint *endpoint);
/* For how long, in ns; 0: not at all. */
int64_t kind_ttl(const struct http_config *config, enum http_kind kind);

/* Names of the tables whose rows make such answers old at once, whatever their time; ends with
 * NULL. */
enum { KIND_MAX_SOURCES = 3 };
const char *const *kind_sources(enum http_kind kind);

/*
 * What two requests must have in common to get the same answer: for series, from and to on the
 * grid of their step, so that everybody who looks at about the same time shares one; else the
 * target, whose parameters target_sort() has brought into one order.  free() it; NULL: no memory.
 */
char *kind_key(struct call *call, const struct endpoint *endpoint);

#endif

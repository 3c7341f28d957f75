/*
 * The cache policy: how long answers of a class are cached, which tables invalidate them, and which
 * requests share an answer.  HTTP thread and workers.
 */
#ifndef TALLYD_HTTP_CACHE_POLICY_H
#define TALLYD_HTTP_CACHE_POLICY_H

#include "http_api.h"

struct request;

/* In ns; 0: not cached. */
int64_t cache_class_ttl(const struct http_config *config, enum cache_class kind);
/* The same once rows have come that the answer lacks; what clients may cache, who do not know. */
int64_t cache_class_ttl_of_old(const struct http_config *config, enum cache_class kind);

/* The tables whose rows invalidate answers at once, and of which classes.  table NULL: any of them.
 */
enum { CACHE_TABLES = 3 };
extern const char *const cache_tables[CACHE_TABLES];
bool cache_class_depends_on(enum cache_class kind, const char *table);

/* Whether answers of a class show rows of a table, so that new ones make them old. */
bool cache_class_shows(enum cache_class kind, const char *table);

/*
 * What two requests must have in common to get the same answer: for series, from and to on the
 * grid of their step, so that everybody who looks at about the same time shares one; else the
 * target, whose parameters target_sort() has brought into one order.  free() it; NULL: no memory.
 */
char *cache_key_of(const struct request *request);

#endif

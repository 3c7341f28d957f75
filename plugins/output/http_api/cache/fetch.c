/*
 * Allocation and references of a fetch.  dispatch.c creates it on the HTTP thread; the queue of
 * jobs, the cache entry and each cache_found hold references, and whichever thread drops the last
 * one frees it.  The requests that wait hold none: wait_list.c removes them before the fetch can
 * go.
 */
#include "cache/fetch.h"

#include <stdlib.h>
#include <string.h>

#include "message/response.h"
#include "message/request.h"

struct fetch *fetch_create(struct request *source, const char *key)
{
	struct fetch *fetch = calloc(1, sizeof(*fetch));
	if (!fetch)
		return NULL;
	fetch->key = key ? strdup(key) : NULL;
	if (key && !fetch->key) {
		free(fetch);
		return NULL;
	}
	atomic_init(&fetch->references, 1);
	fetch->source = request_keep(source);
	fetch->started = source->started;
	return fetch;
}

struct fetch *fetch_keep(struct fetch *fetch)
{
	if (fetch)
		atomic_fetch_add_explicit(&fetch->references, 1, memory_order_relaxed);
	return fetch;
}

void fetch_drop(struct fetch *fetch)
{
	if (!fetch || atomic_fetch_sub_explicit(&fetch->references, 1, memory_order_acq_rel) != 1)
		return;
	request_drop(fetch->source);
	response_drop(fetch->result);
	free(fetch->key);
	free(fetch);
}

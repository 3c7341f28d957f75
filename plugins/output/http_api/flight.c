#include "flight.h"

#include <stdlib.h>
#include <string.h>

#include "parcel.h"
#include "request.h"

struct flight *flight_create(struct request *source, const char *key)
{
	struct flight *flight = calloc(1, sizeof(*flight));
	if (!flight)
		return NULL;
	flight->key = key ? strdup(key) : NULL;
	if (key && !flight->key) {
		free(flight);
		return NULL;
	}
	atomic_init(&flight->references, 1);
	flight->source = request_keep(source);
	flight->started = source->started;
	return flight;
}

struct flight *flight_keep(struct flight *flight)
{
	if (flight)
		atomic_fetch_add_explicit(&flight->references, 1, memory_order_relaxed);
	return flight;
}

void flight_drop(struct flight *flight)
{
	if (!flight || atomic_fetch_sub_explicit(&flight->references, 1, memory_order_acq_rel) != 1)
		return;
	request_drop(flight->source);
	parcel_drop(flight->result);
	free(flight->key);
	free(flight);
}

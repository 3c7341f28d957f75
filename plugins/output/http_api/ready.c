#include "ready.h"

static unsigned ready_place(const struct ready_key *key)
{
	uint64_t hash = (uint64_t)(uintptr_t)key->parcel * UINT64_C(0x9e3779b97f4a7c15);
	return (unsigned)(hash >> 32) % READY_SLOTS ^ (unsigned)key->coding;
}

struct MHD_Response *ready_find(const struct ready *ready, const struct ready_key *key)
{
	unsigned place = ready_place(key);
	const struct ready_key *there = &ready->slots[place].key;
	bool same = there->parcel == key->parcel && there->coding == key->coding &&
		    there->age == key->age;
	return same ? ready->slots[place].response : NULL;
}

static void ready_empty(struct ready *ready, unsigned place)
{
	if (ready->slots[place].response)
		MHD_destroy_response(ready->slots[place].response);
	parcel_drop(ready->slots[place].key.parcel);
	ready->slots[place].response = NULL;
	ready->slots[place].key.parcel = NULL;
}

bool ready_take(struct ready *ready, const struct ready_key *key, struct MHD_Response *response)
{
	unsigned place = ready_place(key);
	if (parcel_bytes(key->parcel) > READY_MAX_BYTES)
		return false;
	parcel_keep(key->parcel);
	ready_empty(ready, place);
	ready->slots[place].key = *key;
	ready->slots[place].response = response;
	return true;
}

void ready_clear(struct ready *ready)
{
	for (unsigned place = 0; place < READY_SLOTS; place++)
		ready_empty(ready, place);
}

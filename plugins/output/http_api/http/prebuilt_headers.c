#include "http/prebuilt_headers.h"

static unsigned prebuilt_place(const struct prebuilt_key *key)
{
	uint64_t hash = (uint64_t)(uintptr_t)key->response * UINT64_C(0x9e3779b97f4a7c15);
	return (unsigned)(hash >> 32) % READY_SLOTS ^ (unsigned)key->coding;
}

struct MHD_Response *prebuilt_find(const struct prebuilt *ready, const struct prebuilt_key *key)
{
	unsigned place = prebuilt_place(key);
	const struct prebuilt_key *there = &ready->slots[place].key;
	bool same = there->response == key->response && there->coding == key->coding &&
		    there->age == key->age;
	return same ? ready->slots[place].mhd_response : NULL;
}

static void prebuilt_empty(struct prebuilt *ready, unsigned place)
{
	if (ready->slots[place].mhd_response)
		MHD_destroy_response(ready->slots[place].mhd_response);
	response_drop(ready->slots[place].key.response);
	ready->slots[place].mhd_response = NULL;
	ready->slots[place].key.response = NULL;
}

bool prebuilt_take(struct prebuilt *ready, const struct prebuilt_key *key,
		   struct MHD_Response *mhd_response)
{
	unsigned place = prebuilt_place(key);
	if (response_bytes(key->response) > READY_MAX_BYTES)
		return false;
	response_keep(key->response);
	prebuilt_empty(ready, place);
	ready->slots[place].key = *key;
	ready->slots[place].mhd_response = mhd_response;
	return true;
}

void prebuilt_clear(struct prebuilt *ready)
{
	for (unsigned place = 0; place < READY_SLOTS; place++)
		prebuilt_empty(ready, place);
}

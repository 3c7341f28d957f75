/*
 * A direct-mapped table from (response, coding, age) to a libmicrohttpd response with all headers
 * set. response_send.c looks into it for each hit and puts into it what it had to make; HTTP
 * thread, no lock. Age is in the key since it is a header, so an entry serves for one second at
 * most; that is enough, since only answers with many hits per second gain from it.  Nothing fails:
 * without an entry the headers are made.
 */
#include "http/prebuilt_headers.h"

#include "base/hash.h"

static unsigned prebuilt_place(const struct prebuilt_key *key)
{
	return (unsigned)hash_word(0, (uintptr_t)key->response) % PREBUILT_SLOTS ^
	       (unsigned)key->coding;
}

struct MHD_Response *prebuilt_find(const struct prebuilt *prebuilt, const struct prebuilt_key *key)
{
	unsigned place = prebuilt_place(key);
	const struct prebuilt_key *there = &prebuilt->slots[place].key;
	bool same = there->response == key->response && there->coding == key->coding &&
		    there->age == key->age;
	return same ? prebuilt->slots[place].mhd_response : NULL;
}

static void prebuilt_empty(struct prebuilt *prebuilt, unsigned place)
{
	if (prebuilt->slots[place].mhd_response)
		MHD_destroy_response(prebuilt->slots[place].mhd_response);
	response_drop(prebuilt->slots[place].key.response);
	prebuilt->slots[place].mhd_response = NULL;
	prebuilt->slots[place].key.response = NULL;
}

bool prebuilt_take(struct prebuilt *prebuilt, const struct prebuilt_key *key,
		   struct MHD_Response *mhd_response)
{
	unsigned place = prebuilt_place(key);
	if (response_bytes(key->response) > PREBUILT_MAX_BYTES)
		return false;
	response_keep(key->response);
	prebuilt_empty(prebuilt, place);
	prebuilt->slots[place].key = *key;
	prebuilt->slots[place].mhd_response = mhd_response;
	return true;
}

void prebuilt_clear(struct prebuilt *prebuilt)
{
	for (unsigned place = 0; place < PREBUILT_SLOTS; place++)
		prebuilt_empty(prebuilt, place);
}

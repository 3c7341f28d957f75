/*
 * Where a stream's client is: the `id` of its last event.  It names the row twice: by its number in
 * this process's ring buffer, which is exact while that still has the rows after it, and by its
 * key, with which the store can be queried for what came after.
 */
#ifndef TALLYD_HTTP_EVENT_ID_H
#define TALLYD_HTTP_EVENT_ID_H

#include <stdbool.h>
#include "base/json_writer.h"
#include <tallyd/plugin.h>

enum { EVENT_ID_MAX_KEY = 32 };

struct event_id {
	uint32_t epoch; /* 0: no number */
	uint64_t number;
	struct tally_cell key[EVENT_ID_MAX_KEY]; /* time, tags, order: as the table's columns */
	uint32_t n_key; /* 0: no key, or only the time that it begins with */
	char *memory;   /* of the key's texts */
};

void event_id_done(struct event_id *id);

/* "epoch.number.key" of a row, without a line's end. */
void event_id_write(struct json_writer *out, uint32_t epoch, uint64_t number,
		    const struct tally_table *table, const struct tally_cell *row);
/* The first two parts.  false: not one of ours. */
bool event_id_read_number(const char *text, struct event_id *ret);
/* The key, of that table.  -EINVAL, -ENOMEM.  Owes event_id_done(). */
int event_id_read_key(const char *text, const struct tally_table *table, struct event_id *ret);

/* Does the row come after the id, in the order of time, tags, order?  Here and below times of a
 * series count to the microsecond. */
bool event_id_precedes(const struct event_id *id, const struct tally_table *table,
		       const struct tally_cell *row);
/* Of the key: equal for the same row wherever it comes from. */
uint64_t event_id_hash(const struct tally_table *table, const struct tally_cell *row);

#endif

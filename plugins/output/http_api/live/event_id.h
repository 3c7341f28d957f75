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
	uint32_t n_key;     /* 1: only the time that it begins with; 0: no key */
	char *memory;       /* of the key's texts */
	const char *hashes; /* of rows from the key on that were given, EVENT_ID_HASH bytes each */
	uint32_t n_hashes;
	char *hash_memory;
};

/* As many are in a position: what was stored out of order is told apart within these. */
enum { EVENT_ID_HASH = 6, EVENT_ID_MAX_HASHES = 256 };
#define EVENT_ID_HASH_MASK ((UINT64_C(1) << 8 * EVENT_ID_HASH) - 1)

void event_id_done(struct event_id *id);

/* "epoch.number.key" of a row, without a line's end. */
void event_id_write(struct json_writer *out, uint32_t epoch, uint64_t number,
		    const struct tally_table *table, const struct tally_cell *row);
/* The first two parts.  false: not one of ours. */
bool event_id_read_number(const char *text, struct event_id *ret);
/* The key, of that table.  -EINVAL, -ENOMEM.  Owes event_id_done(). */
int event_id_read_key(const char *text, const struct tally_table *table, struct event_id *ret);
/* Of a time alone, for which no table is needed.  false: it has more, or is not one of ours. */
bool event_id_read_time(const char *text, int64_t *ret);

/* A position: where a client is that has these rows, which are the newest of a list.  n > 0. */
void event_id_write_position(struct json_writer *out, char letter, const struct tally_table *table,
			     const struct tally_cell *const *newest_first, uint32_t n);
/* The same of readings, by event_id_hash_reading(); `from`: the oldest of them. */
void event_id_write_readings(struct json_writer *out, char letter, int64_t from,
			     const uint64_t *hashes, uint32_t n);
/* The same of no rows: it has none from that time on. */
void event_id_write_time(struct json_writer *out, char letter, int64_t time);

/* The part of an id that begins with the letter, or that is all of it; "a~b" has two.  NULL: there
 * is none.  In memory of its own, to be freed. */
char *event_id_part(const char *text, char letter);

/* < 0: the id comes before the row in the order of time, tags, order; 0: it is that row, or its
 * time where it has no more.  Here and below times of a series count to the microsecond. */
int event_id_compare(const struct event_id *id, const struct tally_table *table,
		     const struct tally_cell *row);
/* Of the key: equal for the same row wherever it comes from. */
uint64_t event_id_hash(const struct tally_table *table, const struct tally_cell *row);
/* Of a reading: of which container, and when.  Lists of readings do not have the whole key. */
uint64_t event_id_hash_reading(int64_t time, const struct tally_cell *host,
			       const struct tally_cell *id);
/* As positions have it: of a reading that, cut to EVENT_ID_HASH bytes. */
uint64_t event_id_position_hash(const struct tally_table *table, const struct tally_cell *row);

#endif

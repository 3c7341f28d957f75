/*
 * Where a stream's client is: the `id` of its last event.  It names the row twice: by its number in
 * this process's feed, which is exact while that still has the rows after it, and by its key, with
 * which the store can be asked for what came after.
 */
#ifndef TALLYD_HTTP_MARK_H
#define TALLYD_HTTP_MARK_H

#include <stdbool.h>
#include "base/json_writer.h"
#include <tallyd/plugin.h>

enum { MARK_MAX_KEY = 32 };

struct mark {
	uint32_t epoch; /* 0: no number */
	uint64_t number;
	struct tally_cell key[MARK_MAX_KEY]; /* time, tags, order: as the table's columns */
	uint32_t n_key;                      /* 0: no key, or only the time that it begins with */
	char *memory;                        /* of the key's texts */
};

void mark_done(struct mark *mark);

/* "epoch.number.key" of a row, without a line's end. */
void mark_write(struct json_writer *out, uint32_t epoch, uint64_t number,
		const struct tally_table *table, const struct tally_cell *row);
/* The first two parts.  false: it is none of ours. */
bool mark_read_number(const char *text, struct mark *ret);
/* The key, of that table.  -EINVAL, -ENOMEM.  Owes mark_done(). */
int mark_read_key(const char *text, const struct tally_table *table, struct mark *ret);

/* Does the row come after the mark, in the order of time, tags, order?  Here and below times of a
 * series count to the microsecond. */
bool mark_precedes(const struct mark *mark, const struct tally_table *table,
		   const struct tally_cell *row);
/* Of the key: equal for the same row wherever it comes from. */
uint64_t mark_hash(const struct tally_table *table, const struct tally_cell *row);

#endif

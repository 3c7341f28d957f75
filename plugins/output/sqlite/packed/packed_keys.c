/*
 * Only the times of a chunk are read.  One that is damaged has no rows that could be read, so a row
 * that belongs there is stored beside it rather than lost; reading that time says what is damaged.
 * Called by write/writer_table.c for rows that are older than what is packed.
 */
#include "packed/packed_keys.h"

#include <errno.h>

#include "database.h"
#include "packed/packed_rows.h"

void packed_keys_done(struct packed_keys *keys)
{
	sqlite3_finalize(keys->find);
	chunk_done(&keys->chunk);
	*keys = (struct packed_keys){0};
}

void packed_keys_forget(struct packed_keys *keys)
{
	chunk_done(&keys->chunk);
}

static int packed_keys_prepare(struct packed_keys *keys, struct tally_ctx *ctx, sqlite3 *db,
			       const char *table)
{
	if (keys->find)
		return 0;
	return database_preparef(ctx, db, &keys->find,
				 "SELECT first, last, data FROM \"%w_chunks\" WHERE _series = ?1 "
				 "AND first <= ?2 AND first >= ?3 AND last >= ?2 ORDER BY first "
				 "DESC LIMIT 1",
				 table);
}

/* 1: open; 0: there is none, or none that can be read. */
static int packed_keys_open(struct packed_keys *keys, struct tally_ctx *ctx, int64_t series,
			    int64_t time)
{
	int64_t from = time < INT64_MIN + PACKED_SPAN ? INT64_MIN : time - PACKED_SPAN;
	chunk_done(&keys->chunk);
	sqlite3_bind_int64(keys->find, 1, series);
	sqlite3_bind_int64(keys->find, 2, time);
	sqlite3_bind_int64(keys->find, 3, from);
	int r = database_step(ctx, keys->find);
	if (r <= 0)
		return r;
	keys->series = series;
	keys->first = sqlite3_column_int64(keys->find, 0);
	keys->last = sqlite3_column_int64(keys->find, 1);
	r = chunk_open(&keys->chunk, sqlite3_column_blob(keys->find, 2),
		       (size_t)sqlite3_column_bytes(keys->find, 2));
	sqlite3_reset(keys->find);
	if (r == -ENOMEM)
		return tally_fail(ctx, ENOMEM, "no memory");
	return r == 0;
}

static bool packed_keys_is_open(const struct packed_keys *keys, int64_t series, int64_t time)
{
	return keys->chunk.n_rows && keys->series == series && keys->first <= time &&
	       time <= keys->last;
}

int packed_keys_have(struct packed_keys *keys, struct tally_ctx *ctx, sqlite3 *db,
		     const char *table, int64_t series, int64_t time)
{
	const struct chunk_value *times = NULL;
	int r = packed_keys_prepare(keys, ctx, db, table);
	if (r == 0)
		r = packed_keys_is_open(keys, series, time)
			    ? 1
			    : packed_keys_open(keys, ctx, series, time);
	if (r <= 0)
		return r;
	r = chunk_read(&keys->chunk, 0, &times);
	if (r == -ENOMEM)
		return tally_fail(ctx, ENOMEM, "no memory");
	uint32_t low = 0, high = r == 0 ? keys->chunk.n_rows : 0;
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		if (times[middle].i < time)
			low = middle + 1;
		else
			high = middle;
	}
	return r == 0 && low < keys->chunk.n_rows && times[low].i == time;
}

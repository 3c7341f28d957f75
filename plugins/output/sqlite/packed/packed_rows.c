/*
 * A merge of two statements.  What comes next in the chunks is known by `first` and `last` before
 * it is unpacked, so a chunk is opened only when its turn has come; and of its columns only those
 * that are asked for are read.  A row that came late may lie between those of a chunk.
 *
 * Read by read/packed_source.c on a query's thread, by maintenance, and by packed_module.c.
 */
#include "packed/packed_rows.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

enum { CHUNKS_FIRST, CHUNKS_LAST, CHUNKS_DATA };

void packed_append_range(sqlite3_str *sql, const char *table, const char *time, bool newest_first)
{
	sqlite3_str_appendf(sql,
			    " FROM \"%w_rows\" WHERE _series = ?%d AND \"%w\" >= ?%d AND \"%w\" <= "
			    "?%d ORDER BY \"%w\"%s",
			    table, PACKED_SERIES, time, PACKED_FROM, time, PACKED_TO, time,
			    newest_first ? " DESC" : "");
}

void packed_append_chunks(sqlite3_str *sql, const char *table, bool newest_first)
{
	sqlite3_str_appendf(sql,
			    "SELECT first, last, data FROM \"%w_chunks\" WHERE _series = ?%d AND "
			    "first >= ?%d AND first <= ?%d AND last >= ?%d ORDER BY first%s",
			    table, PACKED_SERIES, PACKED_FIRST, PACKED_TO, PACKED_FROM,
			    newest_first ? " DESC" : "");
}

/* ---- Chunks ------------------------------------------------------------------------ */

static int packed_rows_damaged(struct packed_rows *rows, int64_t first)
{
	char hour[32] = "";
	time_t seconds = (time_t)(first / 1000000000);
	struct tm utc;
	if (gmtime_r(&seconds, &utc))
		strftime(hour, sizeof(hour), "%Y-%m-%dT%H:%M:%SZ", &utc);
	snprintf(rows->error, sizeof(rows->error),
		 "the packed rows of series %lld from %s on are damaged", (long long)rows->series,
		 hour);
	return PACKED_DAMAGED;
}

static int packed_rows_code(struct packed_rows *rows, int r, int64_t first)
{
	if (r == -EBADMSG)
		return packed_rows_damaged(rows, first);
	return r == 0 ? SQLITE_OK : SQLITE_NOMEM;
}

static int64_t packed_rows_first(const struct packed_rows *rows)
{
	return sqlite3_column_int64(rows->chunks, CHUNKS_FIRST);
}

/* What its row in the table says must be what is in it, and no time may come twice. */
static bool packed_rows_times_good(const struct packed_rows *rows)
{
	const struct chunk_value *times = rows->times;
	uint32_t n = rows->chunk.n_rows;
	for (uint32_t i = 0; i < n; i++)
		if (times[i].type != CHUNK_INT || (i && times[i].i <= times[i - 1].i))
			return false;
	return times[0].i == packed_rows_first(rows) &&
	       times[n - 1].i == sqlite3_column_int64(rows->chunks, CHUNKS_LAST);
}

/* How many rows of the chunk are before a time. */
static uint32_t packed_rows_before(const struct packed_rows *rows, int64_t time)
{
	uint32_t low = 0, high = rows->chunk.n_rows;
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		bool before = rows->times[middle].i < time;
		low = before ? middle + 1 : low;
		high = before ? high : middle;
	}
	return low;
}

/* To the first of the rows that are in the range. */
static void packed_rows_seek(struct packed_rows *rows)
{
	uint32_t low = packed_rows_before(rows, rows->from);
	uint32_t high =
		rows->to == INT64_MAX ? rows->chunk.n_rows : packed_rows_before(rows, rows->to + 1);
	rows->left = high > low ? high - low : 0;
	rows->at = rows->newest_first ? high - 1 : low;
}

static int packed_rows_step_chunks(struct packed_rows *rows)
{
	int code = sqlite3_step(rows->chunks);
	rows->chunk_left = code == SQLITE_ROW;
	return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

/* The one that the statement of chunks is at. */
static int packed_rows_open(struct packed_rows *rows)
{
	int64_t first = packed_rows_first(rows);
	int r = chunk_open(&rows->chunk, sqlite3_column_blob(rows->chunks, CHUNKS_DATA),
			   (size_t)sqlite3_column_bytes(rows->chunks, CHUNKS_DATA));
	if (r == 0)
		r = chunk_read(&rows->chunk, 0, &rows->times);
	if (r == 0 && !packed_rows_times_good(rows))
		r = -EBADMSG;
	if (r < 0) {
		chunk_done(&rows->chunk);
		rows->left = 0;
		return packed_rows_code(rows, r, first);
	}
	packed_rows_seek(rows);
	return packed_rows_step_chunks(rows);
}

/* Whether an unpacked row comes before the next chunk, which then need not be opened yet. */
static bool packed_rows_row_is_next(const struct packed_rows *rows)
{
	if (rows->newest_first)
		return rows->row_time > sqlite3_column_int64(rows->chunks, CHUNKS_LAST);
	return rows->row_time < packed_rows_first(rows);
}

/* A chunk that has been gone through makes way for the next that has something. */
static int packed_rows_fill(struct packed_rows *rows)
{
	int code = SQLITE_OK;
	while (code == SQLITE_OK && !rows->left && rows->chunk_left) {
		if (rows->row && packed_rows_row_is_next(rows))
			break;
		chunk_done(&rows->chunk);
		code = packed_rows_open(rows);
	}
	return code;
}

/* ---- Both ---------------------------------------------------------------------------- */

static int packed_rows_step_rows(struct packed_rows *rows)
{
	int code = sqlite3_step(rows->rows);
	rows->row = code == SQLITE_ROW;
	if (rows->row)
		rows->row_time = sqlite3_column_int64(rows->rows, 0);
	return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

/* Which of the two is the current row.  One that is in both, which only another program can have
 * written, comes twice, the packed one first. */
static int packed_rows_choose(struct packed_rows *rows)
{
	int code = rows->left ? SQLITE_OK : packed_rows_fill(rows);
	if (code != SQLITE_OK)
		return code;
	rows->packed = rows->left > 0;
	if (rows->packed && rows->row) {
		int64_t packed = rows->times[rows->at].i;
		rows->packed =
			rows->newest_first ? packed >= rows->row_time : packed <= rows->row_time;
	}
	return rows->packed || rows->row ? SQLITE_ROW : SQLITE_DONE;
}

static void packed_rows_bind(const struct packed_rows *rows, sqlite3_stmt *statement)
{
	sqlite3_reset(statement);
	sqlite3_bind_int64(statement, PACKED_SERIES, rows->series);
	sqlite3_bind_int64(statement, PACKED_FROM, rows->from);
	sqlite3_bind_int64(statement, PACKED_TO, rows->to);
}

int packed_rows_begin(struct packed_rows *rows, int64_t series, int64_t from, int64_t to)
{
	chunk_done(&rows->chunk);
	rows->left = 0;
	rows->series = series;
	rows->from = from;
	rows->to = to;
	packed_rows_bind(rows, rows->rows);
	packed_rows_bind(rows, rows->chunks);
	/* So the index is entered where the first chunk can be that reaches into the range. */
	sqlite3_bind_int64(rows->chunks, PACKED_FIRST,
			   from < INT64_MIN + PACKED_SPAN ? INT64_MIN : from - PACKED_SPAN);
	int code = packed_rows_step_rows(rows);
	if (code == SQLITE_OK)
		code = packed_rows_step_chunks(rows);
	return code == SQLITE_OK ? packed_rows_choose(rows) : code;
}

int packed_rows_next(struct packed_rows *rows)
{
	int code = SQLITE_OK;
	if (rows->packed) {
		rows->left--;
		rows->at += rows->newest_first ? UINT32_MAX : 1;
	} else {
		code = packed_rows_step_rows(rows);
	}
	return code == SQLITE_OK ? packed_rows_choose(rows) : code;
}

int64_t packed_rows_time(const struct packed_rows *rows)
{
	return rows->packed ? rows->times[rows->at].i : rows->row_time;
}

struct chunk_value packed_value(sqlite3_value *value)
{
	struct chunk_value ret = {.type = CHUNK_NULL};
	switch (sqlite3_value_type(value)) {
	case SQLITE_INTEGER:
		return (struct chunk_value){.type = CHUNK_INT, .i = sqlite3_value_int64(value)};
	case SQLITE_FLOAT:
		return (struct chunk_value){.type = CHUNK_REAL, .f = sqlite3_value_double(value)};
	case SQLITE_TEXT:
		ret.type = CHUNK_TEXT;
		ret.bytes = (const char *)sqlite3_value_text(value);
		break;
	case SQLITE_BLOB:
		ret.type = CHUNK_BLOB;
		ret.bytes = sqlite3_value_blob(value);
		break;
	default:
		return ret;
	}
	ret.len = (uint32_t)sqlite3_value_bytes(value);
	return ret;
}

int packed_rows_value(struct packed_rows *rows, uint32_t i, struct chunk_value *ret)
{
	const struct chunk_value *values;
	if (!rows->packed) {
		*ret = packed_value(sqlite3_column_value(rows->rows, (int)i));
		return SQLITE_OK;
	}
	int r = chunk_read(&rows->chunk, rows->columns[i], &values);
	if (r < 0)
		return packed_rows_code(rows, r, rows->times[0].i);
	*ret = values[rows->at];
	return SQLITE_OK;
}

void packed_rows_end(struct packed_rows *rows)
{
	chunk_done(&rows->chunk);
	if (rows->rows)
		sqlite3_reset(rows->rows);
	if (rows->chunks)
		sqlite3_reset(rows->chunks);
	rows->row = rows->chunk_left = false;
}

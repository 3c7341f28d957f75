/*
 * The rows of one series between two times, packed or not, in the order of time: those of
 * <table>_rows and those of its chunks, as one.  Needs nothing of the daemon, since it is also what
 * other programs read with (packed_module.h).
 *
 * Whoever uses it says which columns are wanted, as <table>_rows has them after _series, the time
 * first.  Used by one thread at a time, on a connection of its own.
 */
#ifndef TALLYD_SQLITE_PACKED_ROWS_H
#define TALLYD_SQLITE_PACKED_ROWS_H

#include <stdbool.h>

#include "packed/chunk.h"
#include "packed/packed_sqlite.h"

/* No chunk has rows of two hours (ns). */
#define PACKED_SPAN INT64_C(3600000000000)

/* Not SQLITE_CORRUPT, after which SQLite writes nothing until the transaction ends. */
#define PACKED_DAMAGED SQLITE_NOTADB

/* What the two statements of it are bound to. */
enum { PACKED_SERIES = 1, PACKED_FROM, PACKED_TO, PACKED_FIRST };

struct packed_rows {
	sqlite3_stmt *rows;      /* the wanted columns of ?1 from ?2 to ?3, in order of time */
	sqlite3_stmt *chunks;    /* first, last, data, likewise by first, which is ?4 at least */
	const uint16_t *columns; /* wanted, as they lie in a chunk; columns[0] is 0 */
	uint32_t n;
	bool newest_first;
	/* ---- below: its own */
	int64_t series, from, to;
	bool row, chunk_left; /* there is one more; of chunks, beside the open one */
	bool packed;          /* the current row is one of the chunk's */
	int64_t row_time;     /* of the row that there is */
	struct chunk chunk;
	const struct chunk_value *times;
	uint32_t at, left; /* the chunk's next row; how many are still to come, 0 if none is open */
	char error[160];
};

/* SELECT …, for `rows` and `chunks`; a column's name at a time is appended by the caller after the
 * time's, and then packed_append_range(). */
void packed_append_range(sqlite3_str *sql, const char *table, const char *time, bool newest_first);
void packed_append_chunks(sqlite3_str *sql, const char *table, bool newest_first);

/* Both are inclusive.  As sqlite3_step(): SQLITE_ROW, SQLITE_DONE or an error, whose text is in
 * `error` if it is PACKED_DAMAGED, else the connection's. */
int packed_rows_begin(struct packed_rows *rows, int64_t series, int64_t from, int64_t to);
int packed_rows_next(struct packed_rows *rows);
/* Of the current row: its time, and the value of columns[i], valid until the next. */
int64_t packed_rows_time(const struct packed_rows *rows);
int packed_rows_value(struct packed_rows *rows, uint32_t i, struct chunk_value *ret);
/* Resets both statements, which stay the caller's. */
void packed_rows_end(struct packed_rows *rows);

/* A value of a statement; what it points to is the statement's. */
struct chunk_value packed_value(sqlite3_value *value);

#endif

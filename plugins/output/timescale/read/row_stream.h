/*
 * An answer row by row; a long one page by page, through a cursor of the transaction that is open,
 * so that several of them can be read side by side.  Its first two columns are the series and the
 * time.
 */
#ifndef TALLYD_TIMESCALE_ROW_STREAM_H
#define TALLYD_TIMESCALE_ROW_STREAM_H

#include "read/parameters.h"

/* A row of a whole answer, by what it is sorted by. */
struct row_stream_row {
	int64_t time;
	int32_t series;
	int row;
};

struct row_stream {
	struct pg_connection *pg; /* NULL: not open, and at its end */
	uint32_t number;
	PGresult *page;
	struct row_stream_row *order; /* NULL: as the rows came */
	int at, row;                  /* in that order, and where it is on the page */
	bool last_page;
};

int row_stream_open(struct row_stream *stream, struct pg_connection *pg, uint32_t number,
		    const struct strbuf *sql, struct parameters *parameters);
/* An answer that is there as a whole, which it takes. */
void row_stream_take(struct row_stream *stream, PGresult *whole);
/* Such an answer in the order of series and time, if it came in another; -ENOMEM. */
int row_stream_sort(struct row_stream *stream);
void row_stream_close(struct row_stream *stream);
/* Whether the row at hand is of that series; goes past those of smaller ones.  -errno. */
int row_stream_is_at(struct row_stream *stream, int32_t series);
int row_stream_next(struct row_stream *stream);
int64_t row_stream_time(const struct row_stream *stream);
struct tally_cell row_stream_cell(const struct row_stream *stream, int column, uint16_t type);

#endif

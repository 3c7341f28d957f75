/*
 * An answer row by row; a long one page by page, through a cursor of the transaction that is open,
 * so that several of them can be read side by side.  Its first two columns are the series and the
 * time.
 */
#ifndef TALLYD_TIMESCALE_STREAM_H
#define TALLYD_TIMESCALE_STREAM_H

#include "parameters.h"
#include "store/radix_sort.h"

struct stream {
	struct pg_connection *pg; /* NULL: not open, and at its end */
	uint32_t number;
	PGresult *page;
	struct order_place *order; /* NULL: as the rows came */
	int at, row;               /* in that order, and where it is on the page */
	bool last_page;
};

int stream_open(struct stream *stream, struct pg_connection *pg, uint32_t number,
		const struct strbuf *sql, struct parameters *parameters);
/* An answer that is there as a whole, which it takes. */
void stream_take(struct stream *stream, PGresult *whole);
/* Such an answer in the order of series and time, if it came in another; -ENOMEM. */
int stream_sort(struct stream *stream);
void stream_close(struct stream *stream);
/* Whether the row at hand is of that series; goes past those of smaller ones.  -errno. */
int stream_is_at(struct stream *stream, int32_t series);
int stream_next(struct stream *stream);
int64_t stream_time(const struct stream *stream);
struct tally_cell stream_cell(const struct stream *stream, int column, uint16_t type);

#endif

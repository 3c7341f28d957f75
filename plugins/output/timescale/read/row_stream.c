/*
 * Two ways to have the rows of one statement behind one interface: a whole result that pg_ask()
 * brought (row_stream_take(), then row_stream_sort()), or a cursor on the server that is fetched
 * page by page (row_stream_open()).  aggregate.c decides which, and reads on the thread that asked
 * the query.  Only the cursor can fail while it is read; a stream that failed is closed with its
 * transaction.
 *
 * NO SCROLL: the server need not keep what was read.
 */
#include "read/row_stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "pg/pg_value.h"

/* Rows a page: more than that costs memory and saves little, a round trip is long paid for. */
enum { ROW_STREAM_PAGE = 2000 };

static int32_t row_stream_series_of(const PGresult *page, int row)
{
	return pg_get_32(PQgetvalue(page, row, 0));
}

static int row_stream_fetch(struct row_stream *stream)
{
	char sql[64];
	PGresult *page = NULL;
	snprintf(sql, sizeof(sql), "fetch %d from tally_%u", ROW_STREAM_PAGE, stream->number);
	int r = pg_query(stream->pg, sql, NULL, &page);
	if (r < 0)
		return r;
	PQclear(stream->page);
	stream->page = page;
	stream->at = stream->row = 0;
	stream->last_page = PQntuples(page) < ROW_STREAM_PAGE;
	return 0;
}

int row_stream_open(struct row_stream *stream, struct pg_connection *pg, uint32_t number,
		    const struct strbuf *sql, struct parameters *parameters)
{
	auto_strbuf struct strbuf declare = {0};
	auto_result PGresult *result = NULL;
	struct pg_params params;
	strbuf_add(&declare, "declare tally_%u no scroll cursor for %s", number,
		   sql->data ? sql->data : "");
	if (sql->failed || declare.failed)
		return tally_fail(pg->ctx, ENOMEM, "no memory");
	int r = parameters_get(pg->ctx, parameters, &params);
	if (r == 0)
		r = pg_query(pg, declare.data, &params, &result);
	if (r < 0)
		return r;
	*stream = (struct row_stream){.pg = pg, .number = number};
	return row_stream_fetch(stream);
}

void row_stream_take(struct row_stream *stream, PGresult *whole)
{
	*stream = (struct row_stream){.page = whole, .last_page = true};
}

static int row_stream_by_series_and_time(const void *left, const void *right)
{
	const struct row_stream_row *a = left, *b = right;
	if (a->series != b->series)
		return a->series < b->series ? -1 : 1;
	return (a->time > b->time) - (a->time < b->time);
}

int row_stream_sort(struct row_stream *stream)
{
	int n = PQntuples(stream->page);
	bool sorted = true;
	auto_free struct row_stream_row *order = calloc((size_t)n + 1, sizeof(*order));
	if (!order)
		return -ENOMEM;
	for (int row = 0; row < n; row++) {
		order[row] = (struct row_stream_row){pg_get_64(PQgetvalue(stream->page, row, 1)),
						     row_stream_series_of(stream->page, row), row};
		sorted = sorted && (row == 0 || row_stream_by_series_and_time(&order[row - 1],
									      &order[row]) <= 0);
	}
	if (sorted) /* as an index scan leaves them */
		return 0;
	qsort(order, (size_t)n, sizeof(*order), row_stream_by_series_and_time);
	stream->row = order[0].row;
	stream->order = TAKE(order);
	return 0;
}

void row_stream_close(struct row_stream *stream)
{
	PQclear(stream->page);
	free(stream->order);
	*stream = (struct row_stream){0};
}

static bool row_stream_is_over(const struct row_stream *stream)
{
	return !stream->page || stream->at >= PQntuples(stream->page);
}

int row_stream_next(struct row_stream *stream)
{
	stream->at++;
	if (row_stream_is_over(stream))
		return stream->last_page ? 0 : row_stream_fetch(stream);
	stream->row = stream->order ? stream->order[stream->at].row : stream->at;
	return 0;
}

int row_stream_is_at(struct row_stream *stream, int32_t series)
{
	while (!row_stream_is_over(stream)) {
		int32_t at = row_stream_series_of(stream->page, stream->row);
		if (at >= series)
			return at == series;
		int r = row_stream_next(stream);
		if (r < 0)
			return r;
	}
	return 0;
}

int64_t row_stream_time(const struct row_stream *stream)
{
	return pg_time_to_ns(pg_get_64(PQgetvalue(stream->page, stream->row, 1)));
}

struct tally_cell row_stream_cell(const struct row_stream *stream, int column, uint16_t type)
{
	if (PQgetisnull(stream->page, stream->row, column))
		return (struct tally_cell){.set = 0};
	return pg_get_cell(type, PQgetvalue(stream->page, stream->row, column),
			   PQgetlength(stream->page, stream->row, column));
}

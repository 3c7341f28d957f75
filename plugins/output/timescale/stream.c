#include "stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "pg_value.h"

enum { STREAM_PAGE = 2000 };

struct stream_place {
	int64_t time; /* as the server has it */
	int32_t series;
	int row;
};

static int32_t stream_series_of(const PGresult *page, int row)
{
	return pg_get_32(PQgetvalue(page, row, 0));
}

static int stream_fetch(struct stream *stream)
{
	char sql[64];
	PGresult *page = NULL;
	snprintf(sql, sizeof(sql), "fetch %d from tally_%u", STREAM_PAGE, stream->number);
	int r = pg_query(stream->pg, sql, NULL, &page);
	if (r < 0)
		return r;
	PQclear(stream->page);
	stream->page = page;
	stream->at = stream->row = 0;
	stream->last_page = PQntuples(page) < STREAM_PAGE;
	return 0;
}

int stream_open(struct stream *stream, struct pg_connection *pg, uint32_t number,
		const struct pg_text *sql, struct parameters *parameters)
{
	auto_pg_text struct pg_text declare = {0};
	auto_result PGresult *result = NULL;
	struct pg_params params;
	pg_text_add(&declare, "declare tally_%u no scroll cursor for %s", number,
		    sql->data ? sql->data : "");
	if (sql->failed || declare.failed)
		return tally_fail(pg->ctx, ENOMEM, "no memory");
	int r = parameters_get(pg->ctx, parameters, &params);
	if (r == 0)
		r = pg_query(pg, declare.data, &params, &result);
	if (r < 0)
		return r;
	*stream = (struct stream){.pg = pg, .number = number};
	return stream_fetch(stream);
}

void stream_take(struct stream *stream, PGresult *whole)
{
	*stream = (struct stream){.page = whole, .last_page = true};
}

static int stream_by_place(const void *left, const void *right)
{
	const struct stream_place *a = left, *b = right;
	if (a->series != b->series)
		return a->series < b->series ? -1 : 1;
	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	return (a->row > b->row) - (a->row < b->row);
}

int stream_sort(struct stream *stream)
{
	int n = PQntuples(stream->page);
	bool sorted = true;
	struct stream_place *order = malloc(((size_t)n + 1) * sizeof(*order));
	if (!order)
		return -ENOMEM;
	for (int row = 0; row < n; row++) {
		order[row] = (struct stream_place){pg_get_64(PQgetvalue(stream->page, row, 1)),
						   stream_series_of(stream->page, row), row};
		sorted = sorted && (row == 0 || stream_by_place(&order[row - 1], &order[row]) < 0);
	}
	if (sorted) {
		free(order);
		return 0;
	}
	qsort(order, (size_t)n, sizeof(*order), stream_by_place);
	stream->order = order;
	stream->row = order[0].row;
	return 0;
}

void stream_close(struct stream *stream)
{
	PQclear(stream->page);
	free(stream->order);
	*stream = (struct stream){0};
}

static bool stream_is_over(const struct stream *stream)
{
	return !stream->page || stream->at >= PQntuples(stream->page);
}

int stream_next(struct stream *stream)
{
	stream->at++;
	if (stream_is_over(stream))
		return stream->last_page ? 0 : stream_fetch(stream);
	stream->row = stream->order ? stream->order[stream->at].row : stream->at;
	return 0;
}

int stream_is_at(struct stream *stream, int32_t series)
{
	while (!stream_is_over(stream)) {
		int32_t at = stream_series_of(stream->page, stream->row);
		if (at >= series)
			return at == series;
		int r = stream_next(stream);
		if (r < 0)
			return r;
	}
	return 0;
}

int64_t stream_time(const struct stream *stream)
{
	return pg_time_to_ns(pg_get_64(PQgetvalue(stream->page, stream->row, 1)));
}

struct tally_cell stream_cell(const struct stream *stream, int column, uint16_t type)
{
	if (PQgetisnull(stream->page, stream->row, column))
		return (struct tally_cell){.set = 0};
	return pg_get_cell(type, PQgetvalue(stream->page, stream->row, column),
			   PQgetlength(stream->page, stream->row, column));
}

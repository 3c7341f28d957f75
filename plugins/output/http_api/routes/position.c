/*
 * A list and the stream of its rows are asked for one after the other.  Rows are stored out of
 * order (several hosts, several writers), so the newest row of a list does not say which older ones
 * it lacks.  A position therefore names, by hashes, the rows that the list has of the last half
 * minute before its newest, 256 at most: a stream gives all rows from there on but those.
 *
 * Nothing fails: without memory the position is null.
 */
#include "routes/position.h"

#include "base/clock.h"
#include "live/event_id.h"
#include "message/request.h"

/* A list of containers knows of events that were stored before it was asked for.  Those of a moment
 * before come again, which costs a client one look at the list.  In steps, so that a list that has
 * not changed mostly keeps its ETag. */
static const int64_t position_overlap = 5 * CLOCK_SECOND, position_step = 20 * CLOCK_SECOND;

static void write_text(struct context *context, struct json_writer *text)
{
	struct json_writer *out = &context->builder->body;
	json_write_key(out, "position");
	if (text->error || text->len == 0)
		json_write_null(out);
	else
		json_write_text(out, text->data, text->len);
	json_writer_done(text);
}

/* The newest first, as far as they are wanted; 0: they are not the newest of all. */
static uint32_t newest_of(const struct table_page *page,
			  const struct tally_cell *ret[EVENT_ID_MAX_HASHES])
{
	bool descending = page->paging.newest_first;
	uint32_t n = paging_rows(&page->paging, &page->rows), wanted = 0;
	if (descending ? page->paging.memory != NULL : page->rows.n_rows > page->paging.limit)
		return 0;
	while (wanted < n && wanted < EVENT_ID_MAX_HASHES) {
		ret[wanted] = result_set_row(&page->rows, descending ? wanted : n - 1 - wanted);
		wanted++;
	}
	return wanted;
}

void position_write_page(const struct table_page *page)
{
	const struct tally_cell *newest[EVENT_ID_MAX_HASHES];
	struct json_writer text;
	uint32_t n = newest_of(page, newest);
	json_writer_init(&text, HTTP_MAX_TARGET);
	if (n)
		event_id_write_position(&text, page->letter, page->table, newest, n);
	else if (page->rows.n_rows == 0)
		event_id_write_time(&text, page->letter, page->paging.from);
	write_text(page->context, &text);
}

/* From the newest on, but those of that time that the list has: an older reading of a container
 * would go back in time. */
static void write_readings(struct json_writer *text, const struct latest *latest)
{
	uint64_t hashes[EVENT_ID_MAX_HASHES];
	int64_t newest = 0;
	uint32_t n = 0;
	for (uint32_t i = 0; i < latest->n; i++)
		if (latest_row(latest, i)[LATEST_TIME].i > newest)
			newest = latest_row(latest, i)[LATEST_TIME].i;
	for (uint32_t i = 0; i < latest->n && n < EVENT_ID_MAX_HASHES; i++) {
		const struct tally_cell *row = latest_row(latest, i);
		if (row[LATEST_TIME].i == newest)
			hashes[n++] =
				event_id_hash_reading(newest, &row[LATEST_HOST], &row[LATEST_ID]) &
				EVENT_ID_HASH_MASK;
	}
	if (n == EVENT_ID_MAX_HASHES) /* more than fit */
		event_id_write_time(text, 'S', newest + 1000);
	else
		event_id_write_readings(text, 'S', newest, hashes, n);
}

void position_write_readings(struct context *context, const struct latest *latest)
{
	struct json_writer text;
	json_writer_init(&text, HTTP_MAX_TARGET);
	write_readings(&text, latest);
	write_text(context, &text);
}

void position_write_containers(struct context *context, const struct latest *latest)
{
	struct json_writer text;
	json_writer_init(&text, HTTP_MAX_TARGET);
	int64_t from = context->now - position_overlap;
	event_id_write_time(&text, 'C', from - from % position_step);
	json_write_raw(&text, "~", 1);
	write_readings(&text, latest);
	write_text(context, &text);
}

void position_write_nothing(struct context *context, char letter)
{
	struct json_writer text;
	if (!letter)
		return;
	json_writer_init(&text, HTTP_MAX_TARGET);
	event_id_write_time(&text, letter, context->args->window.from);
	write_text(context, &text);
}

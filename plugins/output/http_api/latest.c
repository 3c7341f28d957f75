#include "latest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tables.h"

/* How far back is looked, until something is found. */
static const int64_t latest_windows[] = {300 * HTTP_SECOND, 3600 * HTTP_SECOND, HTTP_DAY, 0};
enum { LATEST_WINDOWS = 4, LATEST_CHUNK = 100 };
static const int64_t latest_clock_skew = 60 * HTTP_SECOND; /* of other hosts */

void latest_done(struct latest *latest)
{
	rowset_done(&latest->rows);
	free(latest->order);
}

static int64_t latest_from(const struct call *call, int window)
{
	int64_t back = latest_windows[window];
	return call->now - (back ? back : call->config->max_query_range_days * HTTP_DAY);
}

/* The rows of the first window that has any. */
static int latest_ask(struct ask *ask, struct rowset *ret)
{
	for (int i = 0; i < LATEST_WINDOWS; i++) {
		ask->query.from = latest_from(ask->call, i);
		ask->query.to = ask->call->now + latest_clock_skew;
		int r = ask_store(ask, ret);
		if (r < 0 || ret->n_rows)
			return r;
		rowset_done(ret);
	}
	return 0;
}

/* By host and id; of one container the newest first. */
static int compare_rows(const void *left, const void *right, void *arg)
{
	const struct rowset *rows = arg;
	const struct tally_cell *a = rowset_row(rows, *(const uint32_t *)left);
	const struct tally_cell *b = rowset_row(rows, *(const uint32_t *)right);
	int order = cell_compare(&a[LATEST_HOST], &b[LATEST_HOST]);
	if (order == 0)
		order = cell_compare(&a[LATEST_ID], &b[LATEST_ID]);
	if (order == 0)
		order = (a[LATEST_TIME].i < b[LATEST_TIME].i) -
			(a[LATEST_TIME].i > b[LATEST_TIME].i);
	return order;
}

static bool same_container(const struct tally_cell *a, const struct tally_cell *b)
{
	return cell_compare(&a[LATEST_HOST], &b[LATEST_HOST]) == 0 &&
	       cell_compare(&a[LATEST_ID], &b[LATEST_ID]) == 0;
}

/* latest->order: rows sorted, without older ones of the same container. */
static int latest_sort(struct latest *latest)
{
	struct rowset *rows = &latest->rows;
	uint32_t n = 0;
	if (rows->n_rows == 0)
		return 0;
	latest->order = malloc(rows->n_rows * sizeof(*latest->order));
	if (!latest->order)
		return -ENOMEM;
	for (uint32_t i = 0; i < rows->n_rows; i++)
		latest->order[i] = i;
	qsort_r(latest->order, rows->n_rows, sizeof(*latest->order), compare_rows, rows);
	for (uint32_t i = 0; i < rows->n_rows; i++) {
		const struct tally_cell *row = rowset_row(rows, latest->order[i]);
		if (n && same_container(rowset_row(rows, latest->order[n - 1]), row))
			continue;
		latest->order[n++] = latest->order[i];
	}
	latest->n = n;
	return 0;
}

/* 1: ready to be asked; 0: there are no readings at all; else a problem. */
static int latest_prepare(struct call *call, struct ask *ask, struct latest *ret)
{
	static const char *const tags[] = {"host", "container_id", "name"};
	const struct tally_table *table;
	int r = call_table(call, "container_stats", &table);
	if (r < 0 || !table)
		return r;
	r = fields_read_last(call, table, &ret->fields);
	if (r < 0)
		return r;
	ask_init(ask, call, table);
	ask->query.limit = INT32_MAX; /* what they may take is bounded in bytes */
	for (int i = 0; i < 3; i++) {
		const struct tally_column *tag = table_column(table, tags[i]);
		if (!tag)
			return reply_problem(call->reply, 404, NULL,
					     "container_stats of this store has no %s", tags[i]);
		ask_group(ask, tag);
	}
	fields_select(&ret->fields, ask);
	return 1;
}

static int latest_end(struct call *call, struct latest *latest)
{
	if (latest_sort(latest) < 0)
		return reply_unavailable(call->reply, "out of memory");
	return 0;
}

int latest_read(struct call *call, struct latest *ret)
{
	struct ask ask;
	*ret = (struct latest){.n = 0};
	int r = latest_prepare(call, &ask, ret);
	if (r <= 0)
		return r;
	for (uint32_t i = 0; i < call->target->n_params; i++)
		if (strcmp(call->target->params[i].name, "host") == 0)
			ask_text(&ask, table_column(ask.table, "host"), TALLY_EQUALS,
				 call->target->params[i].value);
	r = latest_ask(&ask, &ret->rows);
	return r < 0 ? r : latest_end(call, ret);
}

int latest_read_ids(struct call *call, const struct tally_cell *const *ids, uint32_t n,
		    struct latest *ret)
{
	struct ask ask;
	*ret = (struct latest){.n = 0};
	int r = latest_prepare(call, &ask, ret);
	if (r <= 0)
		return r;
	const struct tally_column *id = table_column(ask.table, "container_id");
	rowset_init(&ret->rows, LATEST_FIELDS + ret->fields.n);
	ask.query.from = latest_from(call, LATEST_WINDOWS - 1);
	ask.query.to = call->now + latest_clock_skew;
	for (uint32_t i = 0; i < n; i++) {
		ask_filter(&ask, id, TALLY_EQUALS, ids[i]);
		if (ask.query.n_filters < LATEST_CHUNK && i + 1 < n)
			continue;
		r = ask_more(&ask, &ret->rows);
		if (r < 0)
			return r;
		ask.query.n_filters = 0;
	}
	return latest_end(call, ret);
}

const struct tally_cell *latest_row(const struct latest *latest, uint32_t i)
{
	return rowset_row(&latest->rows, latest->order[i]);
}

const struct tally_cell *latest_find(const struct latest *latest, const struct tally_cell *host,
				     const struct tally_cell *id)
{
	uint32_t low = 0, high = latest->n;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct tally_cell *row = latest_row(latest, middle);
		int order = cell_compare(&row[LATEST_HOST], host);
		if (order == 0)
			order = cell_compare(&row[LATEST_ID], id);
		if (order == 0)
			return row;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

void latest_write_fields(const struct latest *latest, const struct tally_cell *row,
			 struct json_writer *json)
{
	json_write_key(json, "time");
	json_write_time(json, row[LATEST_TIME].i);
	for (uint32_t i = 0; i < latest->fields.n; i++) {
		json_write_key(json, latest->fields.columns[i]->name);
		rowset_write_cell(json, latest->rows.types[LATEST_FIELDS + i],
				  &row[LATEST_FIELDS + i]);
	}
}

int latest_time(struct call *call, int64_t *ret_time, bool *ret_found)
{
	struct rowset rows auto_rowset;
	const struct tally_table *table;
	struct ask ask;
	rowset_init(&rows, 0);
	*ret_found = false;
	int r = call_table(call, "container_stats", &table);
	if (r < 0 || !table)
		return r;
	ask_init(&ask, call, table);
	for (uint32_t i = 1; i < table->n_columns && ask.query.n_select == 0; i++)
		if (column_is_number(&table->columns[i]))
			ask_select(&ask, &table->columns[i], TALLY_LAST);
	r = latest_ask(&ask, &rows);
	if (r < 0 || rows.n_rows == 0)
		return r;
	*ret_found = true;
	*ret_time = rowset_row(&rows, 0)[LATEST_TIME].i;
	return 0;
}

/*
 * The newest reading of each container, from container_stats.  On a worker's thread.
 *
 *	latest_prepare()   the query: grouped by host, container and name, LAST of each field
 *	latest_ask()       over 5 minutes, an hour, a day, max_query_range_days: the first range
 *	                   that has rows
 *	latest_sort()      by host and id, one row per container
 *
 * A short range first because a store reads all rows of a range to find the last ones: five minutes
 * cost a store nothing, a month costs it seconds, and it is needed only when collecting has
 * stopped. A container that was renamed has two groups; the newer row stays.  What can fail is the
 * store, with a problem written, and memory.
 */
#include "query/latest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "query/catalog_cache.h"
#include "base/json_cell.h"

/* How far back is looked, until something is found. */
static const int64_t latest_windows[] = {300 * CLOCK_SECOND, CLOCK_HOUR, CLOCK_DAY, 0};
enum { LATEST_WINDOWS = 4, LATEST_CHUNK = 100 };
/* Readings carry the clock of the host that took them.  One that is a little ahead must not lose
 * its newest ones. */
static const int64_t latest_clock_skew = CLOCK_MINUTE; /* of other hosts */

void latest_done(struct latest *latest)
{
	result_set_done(&latest->rows);
	free(latest->order);
}

static int64_t latest_from(const struct context *context, int window)
{
	int64_t back = latest_windows[window];
	return context->now - (back ? back : context->config->max_query_range_days * CLOCK_DAY);
}

/* The rows of the first window that has any. */
static int latest_ask(struct query *query, struct result_set *ret)
{
	for (int i = 0; i < LATEST_WINDOWS; i++) {
		query->spec.from = latest_from(query_context(query), i);
		query->spec.to = query_context(query)->now + latest_clock_skew;
		int r = query_run(query, ret);
		if (r < 0 || ret->n_rows)
			return r;
		result_set_done(ret);
	}
	return 0;
}

/* By host and id; of one container the newest first. */
static int compare_rows(const void *left, const void *right, void *arg)
{
	const struct result_set *rows = arg;
	const struct tally_cell *a = result_set_row(rows, *(const uint32_t *)left);
	const struct tally_cell *b = result_set_row(rows, *(const uint32_t *)right);
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

/* As those of one poll come. */
static bool latest_is_sorted(const struct latest *latest, struct result_set *rows)
{
	for (uint32_t i = 1; i < rows->n_rows; i++)
		if (compare_rows(&latest->order[i - 1], &latest->order[i], rows) > 0)
			return false;
	return true;
}

static void latest_name(struct latest *latest)
{
	latest->members[0] = json_member_of("time", TALLY_TIME, LATEST_TIME);
	for (uint32_t i = 0; i < latest->fields.n; i++)
		latest->members[1 + i] =
			json_member_of(latest->fields.columns[i]->name,
				       latest->rows.types[LATEST_FIELDS + i], LATEST_FIELDS + i);
}

/* latest->order: rows sorted, without older ones of the same container. */
static int latest_sort(struct context *context, struct latest *latest)
{
	struct result_set *rows = &latest->rows;
	uint32_t n = 0;
	if (rows->n_rows == 0)
		return 0;
	latest->order = calloc(rows->n_rows, sizeof(*latest->order));
	if (!latest->order)
		return response_unavailable(context->builder, "out of memory");
	for (uint32_t i = 0; i < rows->n_rows; i++)
		latest->order[i] = i;
	if (!latest_is_sorted(latest, rows))
		qsort_r(latest->order, rows->n_rows, sizeof(*latest->order), compare_rows, rows);
	for (uint32_t i = 0; i < rows->n_rows; i++) {
		const struct tally_cell *row = result_set_row(rows, latest->order[i]);
		if (n && same_container(result_set_row(rows, latest->order[n - 1]), row))
			continue;
		latest->order[n++] = latest->order[i];
	}
	latest->n = n;
	latest_name(latest);
	return 0;
}

/* Of the fields that were chosen. */
static int latest_prepare(struct context *context, const struct tally_table *table,
			  struct query *query, const struct latest *latest)
{
	static const char *const tags[] = {"host", "container_id", "name"};
	query_init(query, context, table);
	query->spec.limit = INT32_MAX; /* what they may take is bounded in bytes */
	for (int i = 0; i < 3; i++) {
		const struct tally_column *tag = table_column(table, tags[i]);
		if (!tag)
			return response_problem(
				context->builder, 404, NULL,
				"the table container_stats of this store has no column %s",
				tags[i]);
		query_group(query, tag);
	}
	fields_select(&latest->fields, query);
	return 0;
}

int latest_read(struct context *context, const char *const *names, struct latest *ret)
{
	const struct tally_table *table;
	struct query query;
	*ret = (struct latest){.n = 0};
	int r = context_table(context, "container_stats", &table);
	if (r < 0 || !table)
		return r;
	r = names ? fields_pick_last(context, table, names, &ret->fields)
		  : fields_read_last(context, table, &ret->fields);
	if (r == 0)
		r = latest_prepare(context, table, &query, ret);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < context->target->n_params; i++)
		if (strcmp(context->target->params[i].name, "host") == 0)
			query_text(&query, table_column(table, "host"), TALLY_EQUALS,
				   context->target->params[i].value);
	r = latest_ask(&query, &ret->rows);
	return r < 0 ? r : latest_sort(context, ret);
}

int latest_read_ids(struct context *context, const struct tally_cell *const *ids, uint32_t n,
		    struct latest *ret)
{
	const struct tally_table *table;
	struct query query;
	*ret = (struct latest){.n = 0};
	int r = context_table(context, "container_stats", &table);
	if (r < 0 || !table)
		return r;
	r = fields_read_all_last(context, table, &ret->fields);
	if (r == 0)
		r = latest_prepare(context, table, &query, ret);
	if (r < 0)
		return r;
	const struct tally_column *id = table_column(table, "container_id");
	result_set_init(&ret->rows, LATEST_FIELDS + ret->fields.n);
	query.spec.from = latest_from(context, LATEST_WINDOWS - 1);
	query.spec.to = context->now + latest_clock_skew;
	for (uint32_t i = 0; i < n; i++) {
		/* Several EQUALS on one column are alternatives: a chunk of ids is one query, and
		 * short of the most filters a query may have. */
		query_filter(&query, id, TALLY_EQUALS, ids[i]);
		if (query.spec.n_filters < LATEST_CHUNK && i + 1 < n)
			continue;
		r = query_run_more(&query, &ret->rows);
		if (r < 0)
			return r;
		query.spec.n_filters = 0;
	}
	return latest_sort(context, ret);
}

const struct tally_cell *latest_row(const struct latest *latest, uint32_t i)
{
	return result_set_row(&latest->rows, latest->order[i]);
}

static int latest_compare(const struct latest *latest, uint32_t i, const struct tally_cell *host,
			  const struct tally_cell *id)
{
	const struct tally_cell *row = latest_row(latest, i);
	int order = cell_compare(&row[LATEST_HOST], host);
	return order ? order : cell_compare(&row[LATEST_ID], id);
}

const struct tally_cell *latest_find(const struct latest *latest, const struct tally_cell *host,
				     const struct tally_cell *id, uint32_t *guess)
{
	uint32_t low = 0, high = latest->n;
	if (*guess < latest->n && latest_compare(latest, *guess, host, id) == 0)
		return latest_row(latest, (*guess)++);
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = latest_compare(latest, middle, host, id);
		if (order == 0) {
			*guess = middle + 1;
			return latest_row(latest, middle);
		}
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
	json_write_members(json, latest->members, 1 + latest->fields.n, row);
}

int latest_time(struct context *context, int64_t *ret_time, bool *ret_found)
{
	struct result_set rows auto_result_set;
	const struct tally_table *table;
	struct query query;
	result_set_init(&rows, 0);
	*ret_found = false;
	int r = context_table(context, "container_stats", &table);
	if (r < 0 || !table)
		return r;
	query_init(&query, context, table);
	for (uint32_t i = 1; i < table->n_columns && query.spec.n_select == 0; i++)
		if (column_is_number(&table->columns[i]))
			query_select(&query, &table->columns[i], TALLY_LAST);
	r = latest_ask(&query, &rows);
	if (r < 0 || rows.n_rows == 0)
		return r;
	*ret_found = true;
	*ret_time = result_set_row(&rows, 0)[LATEST_TIME].i;
	return 0;
}

/* /api/v1/containers: what there is, with its newest readings. */
#include "containers.h"

#include "base/cleanup.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "latest.h"
#include "list.h"
#include "page.h"
#include "series.h"
#include "tables.h"

struct listing {
	struct call *call;
	const struct tally_table *table;
	const struct tally_column *columns[ROWSET_MAX_COLUMNS]; /* shown, after the time */
	uint32_t n_columns;
	uint32_t host, id, state; /* where in a row; 0: not there */
};

static void listing_open(struct listing *listing, struct call *call,
			 const struct tally_table *table)
{
	*listing = (struct listing){.call = call, .table = table};
	for (uint32_t i = 1; i < table->n_columns && i < ROWSET_MAX_COLUMNS; i++) {
		const struct tally_column *column = &table->columns[i];
		listing->columns[listing->n_columns++] = column;
		if (strcmp(column->name, "host") == 0)
			listing->host = listing->n_columns;
		else if (strcmp(column->name, "container_id") == 0)
			listing->id = listing->n_columns;
		else if (strcmp(column->name, "state") == 0)
			listing->state = listing->n_columns;
	}
}

static void listing_ask(const struct listing *listing, struct ask *ask)
{
	ask_init(ask, listing->call, listing->table);
	ask->bounded = true;
	for (uint32_t i = 0; i < listing->n_columns; i++)
		ask_select(ask, listing->columns[i], TALLY_RAW);
}

/* What a container used last says nothing of one that does not run. */
static bool has_stats(const struct listing *listing, const struct tally_cell *row)
{
	static const char *const states[] = {"running", "paused"};
	if (!listing->host || !listing->id || !row[listing->id].set)
		return false;
	for (size_t i = 0; listing->state && i < sizeof(states) / sizeof(*states); i++)
		if (cell_equals(&row[listing->state], states[i]))
			return true;
	return listing->state == 0;
}

static int read_stats(const struct listing *listing, const struct rowset *rows, uint32_t n,
		      struct latest *ret)
{
	uint32_t n_ids = 0;
	auto_free const struct tally_cell **ids = calloc(n + 1, sizeof(*ids));
	if (!ids)
		return reply_unavailable(listing->call->reply, "out of memory");
	for (uint32_t i = 0; i < n; i++)
		if (has_stats(listing, rowset_row(rows, i)))
			ids[n_ids++] = &rowset_row(rows, i)[listing->id];
	return latest_read_ids(listing->call, ids, n_ids, ret);
}

static void write_container(const struct listing *listing, const struct latest *latest,
			    uint16_t const *types, const struct tally_cell *row)
{
	struct json_writer *json = &listing->call->reply->body;
	const struct tally_cell *stats = NULL;
	if (has_stats(listing, row))
		stats = latest_find(latest, &row[listing->host], &row[listing->id]);
	json_begin_object(json);
	json_write_key(json, "time");
	rowset_write_cell(json, TALLY_TIME, &row[0]);
	for (uint32_t i = 0; i < listing->n_columns; i++) {
		json_write_key(json, listing->columns[i]->name);
		rowset_write_cell(json, types[1 + i], &row[1 + i]);
	}
	json_write_key(json, "stats");
	if (stats) {
		json_begin_object(json);
		latest_write_fields(latest, stats, json);
		json_end_object(json);
	} else {
		json_write_null(json);
	}
	json_end_object(json);
}

/* ---- Filters ------------------------------------------------------------- */

static const struct {
	const char *param, *column;
	bool glob; /* a value with * or ? is a pattern */
} filters[] = {
	{"host", "host", false},
	{"state", "state", false},
	{"health", "health", false},
	{"name", "name", true},
	{"image", "image", true},
	{"label", "labels", false},
	{"project", "compose_project", false},
};

static int filter_add(struct call *call, struct ask *ask, const struct param *param)
{
	for (size_t i = 0; i < sizeof(filters) / sizeof(*filters); i++) {
		if (strcmp(filters[i].param, param->name) != 0)
			continue;
		const struct tally_column *column = table_column(ask->table, filters[i].column);
		if (!column)
			return reply_problem(call->reply, 400, param->name,
					     "%s of this store has no column %s", ask->table->name,
					     filters[i].column);
		uint32_t match = TALLY_EQUALS;
		if (column->type == TALLY_JSON)
			match = TALLY_HAS;
		else if (filters[i].glob && strpbrk(param->value, "*?"))
			match = TALLY_GLOB;
		ask_text(ask, column, match, param->value);
	}
	return 0;
}

static int filter_all(struct call *call, struct ask *ask)
{
	const struct tally_column *gone = table_gone(ask->table);
	bool with_gone = false;
	int r = list_read_flag(call, "gone", &with_gone);
	if (r == 0 && gone && !with_gone)
		ask_filter(ask, gone, TALLY_IS_NULL, &(struct tally_cell){.set = 0});
	for (uint32_t i = 0; r == 0 && i < call->target->n_params; i++)
		r = filter_add(call, ask, &call->target->params[i]);
	return r;
}

/* ---- Endpoints ----------------------------------------------------------- */

/* Nobody has written to the table yet. */
static int answer_nothing(struct call *call)
{
	bool gone = false;
	int r = list_check_page(call, HTTP_DAY);
	if (r == 0)
		r = list_read_flag(call, "gone", &gone);
	if (r == 0)
		list_write_empty(&call->reply->body);
	return r;
}

static void write_list(const struct listing *listing, const struct page *page,
		       const struct rowset *rows, const struct latest *latest)
{
	struct json_writer *json = &listing->call->reply->body;
	json_begin_object(json);
	json_write_key(json, "data");
	json_begin_array(json);
	for (uint32_t i = 0; i < page_rows(page, rows); i++)
		write_container(listing, latest, rows->types, rowset_row(rows, i));
	json_end_array(json);
	page_finish(page, listing->call, rows, listing->columns);
	json_end_object(json);
}

int containers_list(struct call *call)
{
	struct page page auto_page = {.memory = NULL};
	struct rowset rows auto_rowset = {.n_rows = 0};
	struct latest latest auto_latest = {.n = 0};
	struct listing listing;
	const struct tally_table *table;
	struct ask ask;
	int r = call_table(call, "container_info", &table);
	if (r < 0)
		return r;
	if (!table)
		return answer_nothing(call);
	listing_open(&listing, call, table);
	listing_ask(&listing, &ask);
	r = page_read(call, table, &page);
	if (r == 0)
		r = filter_all(call, &ask);
	page_ask(&page, &ask);
	if (r == 0)
		r = ask_store(&ask, &rows);
	if (r == 0)
		r = read_stats(&listing, &rows, page_rows(&page, &rows), &latest);
	if (r == 0)
		write_list(&listing, &page, &rows, &latest);
	return r;
}

static int write_one(struct call *call, const struct tally_table *table,
		     const struct container *container)
{
	struct rowset rows auto_rowset = {.n_rows = 0};
	struct latest latest auto_latest = {.n = 0};
	struct listing listing;
	struct ask ask;
	listing_open(&listing, call, table);
	listing_ask(&listing, &ask);
	ask_text(&ask, table_column(table, "container_id"), TALLY_EQUALS, container->id);
	ask_text(&ask, table_column(table, "host"), TALLY_EQUALS, container->host);
	int r = ask_store(&ask, &rows);
	if (r == 0)
		r = read_stats(&listing, &rows, rows.n_rows, &latest);
	if (r < 0)
		return r;
	if (rows.n_rows == 0)
		return reply_problem(call->reply, 404, NULL, "there is no container \"%s\"",
				     call->segment);
	write_container(&listing, &latest, rows.types, rowset_row(&rows, 0));
	return 0;
}

int containers_one(struct call *call)
{
	struct container container;
	const struct tally_table *table;
	int r = container_find(call, call->segment, NULL, &container);
	if (r == 0)
		r = call_table(call, "container_info", &table);
	if (r < 0)
		return r;
	if (!table)
		return reply_problem(call->reply, 404, NULL,
				     "the store holds no container_info yet; the readings of this "
				     "container are under its /stats");
	return write_one(call, table, &container);
}

int containers_stats(struct call *call)
{
	struct container container;
	int r = container_find(call, call->segment, NULL, &container);
	return r < 0 ? r : series_answer(call, &container, 1, false);
}

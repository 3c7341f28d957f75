/*
 * /api/v1/containers: what there is, with its newest readings.  On a worker's thread; two queries,
 * one for the page of containers and one for the readings of those on it.  Of a single container
 * the first is the one that finds it.
 *
 * Readings are asked for by the ids of the page, not joined by the store: they lie in another
 * table, which is a series and may be on other terms (rollups, retention) than the state of
 * containers.  Labels of a container have no natural bound, so rows are bounded
 * (result_set.h): one container with a megabyte of labels must not make the list too long for all
 * others.
 */
#include "query/container_lookup.h"

#include "base/cleanup.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "query/latest.h"
#include "routes/list_endpoint.h"
#include "query/paging.h"
#include "routes/series.h"
#include "query/catalog_cache.h"
#include "base/json_cell.h"
#include "routes/endpoint.h"
#include "routes/position.h"

struct container_page {
	struct context *context;
	const struct tally_table *table;
	const struct tally_column *columns[RESULT_SET_MAX_COLUMNS]; /* shown, after the time */
	uint32_t n_columns;
	uint32_t host, id, state;                           /* where in a row; 0: not there */
	bool shown[RESULT_SET_MAX_COLUMNS];                 /* columns of the table */
	bool stats;                                         /* the readings are shown, too */
	struct json_member members[RESULT_SET_MAX_COLUMNS]; /* what is shown of a row */
	uint32_t n_members;
	uint32_t guess; /* where the readings of the next are */
};

/* All columns of the table are shown, whatever a later revision of it adds; only three are looked
 * for by name. */
static void container_page_open(struct container_page *page, struct context *context,
				const struct tally_table *table)
{
	*page = (struct container_page){.context = context, .table = table, .stats = true};
	memset(page->shown, true, sizeof(page->shown));
	for (uint32_t i = 1; i < table->n_columns && i < RESULT_SET_MAX_COLUMNS; i++) {
		const struct tally_column *column = &table->columns[i];
		page->columns[page->n_columns++] = column;
		if (strcmp(column->name, "host") == 0)
			page->host = page->n_columns;
		else if (strcmp(column->name, "container_id") == 0)
			page->id = page->n_columns;
		else if (strcmp(column->name, "state") == 0)
			page->state = page->n_columns;
	}
}

static void container_page_ask(const struct container_page *page, struct query *query)
{
	query_init(query, page->context, page->table);
	query->bounded = true;
	for (uint32_t i = 0; i < page->n_columns; i++)
		query_select(query, page->columns[i], TALLY_RAW);
}

/* What a container used last says nothing of one that does not run. */
static bool has_stats(const struct container_page *page, const struct tally_cell *row)
{
	static const char *const states[] = {"running", "paused"};
	if (!page->host || !page->id || !row[page->id].set)
		return false;
	for (size_t i = 0; page->state && i < sizeof(states) / sizeof(*states); i++)
		if (cell_equals(&row[page->state], states[i]))
			return true;
	return page->state == 0;
}

/* One query for the whole page.  Containers that do not run are not asked for. */
static int read_stats(const struct container_page *page, const struct result_set *rows, uint32_t n,
		      struct latest *ret)
{
	uint32_t n_ids = 0;
	auto_free const struct tally_cell **ids = calloc(n + 1, sizeof(*ids));
	if (!ids)
		return response_unavailable(page->context->builder, "out of memory");
	for (uint32_t i = 0; page->stats && i < n; i++)
		if (has_stats(page, result_set_row(rows, i)))
			ids[n_ids++] = &result_set_row(rows, i)[page->id];
	return latest_read_ids(page->context, ids, n_ids, ret);
}

static void write_stats(const struct latest *latest, const struct tally_cell *stats,
			struct json_writer *json)
{
	json_write_key(json, "stats");
	if (!stats) {
		json_write_null(json);
		return;
	}
	json_begin_object(json);
	latest_write_fields(latest, stats, json);
	json_end_object(json);
}

/* Once the rows are there, which say what types they have. */
static void container_page_name(struct container_page *page, const struct result_set *rows)
{
	page->n_members = 0;
	for (uint32_t i = 0; rows->n_rows && i <= page->n_columns; i++) {
		const struct tally_column *column = i ? page->columns[i - 1] : page->table->columns;
		if (page->shown[column - page->table->columns])
			page->members[page->n_members++] =
				i ? json_member_of(column->name, rows->types[i], i)
				  : json_member_of("time", TALLY_TIME, 0);
	}
}

/* `stats` is there, null without readings, unless fields= leaves it out, so that a client need not
 * ask for its presence.
 */
static void write_container(struct container_page *page, const struct latest *latest,
			    const struct tally_cell *row)
{
	struct json_writer *json = &page->context->builder->body;
	const struct tally_cell *stats = NULL;
	if (page->stats && has_stats(page, row))
		stats = latest_find(latest, &row[page->host], &row[page->id], &page->guess);
	json_begin_object(json);
	json_write_members(json, page->members, page->n_members, row);
	if (page->stats)
		write_stats(latest, stats, json);
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
	{"service", "service", true},
};

/* A parameter that is no filter (limit, cursor) matches none of them. */
static int filter_add(struct context *context, struct query *query, const struct param *param)
{
	for (size_t i = 0; i < sizeof(filters) / sizeof(*filters); i++) {
		if (strcmp(filters[i].param, param->name) != 0)
			continue;
		const struct tally_column *column = table_column(query->table, filters[i].column);
		if (!column)
			return response_problem(context->builder, 400, param->name,
						"the table %s of this store has no column %s",
						query->table->name, filters[i].column);
		uint32_t match = TALLY_EQUALS;
		if (column->type == TALLY_JSON)
			match = TALLY_HAS;
		else if (filters[i].glob && strpbrk(param->value, "*?"))
			match = TALLY_GLOB;
		query_text(query, column, match, param->value);
	}
	return 0;
}

static int filter_all(struct context *context, struct query *query)
{
	/* What is gone stays in the table until its retention ends; most want what exists. */
	const struct tally_column *gone = table_gone(query->table);
	int r = 0;
	if (gone && !context->args->gone)
		query_filter(query, gone, TALLY_IS_NULL, &(struct tally_cell){.set = 0});
	for (uint32_t i = 0; r == 0 && i < context->target->n_params; i++)
		r = filter_add(context, query, &context->target->params[i]);
	return r;
}

/* ---- Endpoints ----------------------------------------------------------- */

/* On the first page; others are of the same moment at best. */
static void begin_list(struct context *context, const struct paging *paging,
		       const struct latest *latest)
{
	json_begin_object(&context->builder->body);
	paging_write_total(paging, context);
	if (!paging->memory)
		position_write_containers(context, latest);
	list_begin_rows(&context->builder->body);
}

int containers_list(struct context *context)
{
	struct paging paging auto_paging = {.memory = NULL};
	struct result_set rows auto_result_set = {.n_rows = 0};
	struct latest latest auto_latest = {.n = 0};
	struct container_page page;
	const struct tally_table *table;
	struct query query;
	int r = context_table(context, "container_info", &table);
	if (r < 0)
		return r;
	if (!table) {
		json_begin_object(&context->builder->body);
		paging_write_total(&(struct paging){.total = {.set = 1}}, context);
		position_write_nothing(context, 'C');
		list_begin_rows(&context->builder->body);
		list_end(&context->builder->body, NULL);
		return list_refuse_cursor(context);
	}
	container_page_open(&page, context, table);
	container_page_ask(&page, &query);
	r = fields_read_shown(context, table, "stats", page.shown, &page.stats);
	if (r == 0)
		r = paging_read(context, table, &context->args->window, &paging);
	if (r == 0)
		r = filter_all(context, &query);
	if (r < 0)
		return r;
	paging_ask(&paging, &query);
	r = query_run(&query, &rows);
	if (r == 0 && paging_counts(&paging, context))
		r = paging_count(&paging, &query);
	if (r == 0)
		r = paging_sort(&paging, context, &rows, page.columns);
	if (r == 0)
		r = read_stats(&page, &rows, paging_rows(&paging, &rows), &latest);
	if (r < 0)
		return r;
	begin_list(context, &paging, &latest);
	container_page_name(&page, &rows);
	for (uint32_t i = 0; i < paging_rows(&paging, &rows); i++)
		write_container(&page, &latest, result_set_row(&rows, i));
	paging_finish(&paging, context, &rows, page.columns);
	return 0;
}

/* These two are the key. */
static int read_one(const struct container_page *page, const struct container *container,
		    struct result_set *ret)
{
	struct query query;
	container_page_ask(page, &query);
	query.spec.limit = 1;
	query_text(&query, table_column(page->table, "container_id"), TALLY_EQUALS, container->id);
	query_text(&query, table_column(page->table, "host"), TALLY_EQUALS, container->host);
	return query_run(&query, ret);
}

static int write_one(struct container_page *page, const struct result_set *rows)
{
	struct latest latest auto_latest = {.n = 0};
	int r = read_stats(page, rows, rows->n_rows, &latest);
	if (r < 0)
		return r;
	if (rows->n_rows == 0)
		return response_problem(page->context->builder, 404, NULL,
					"there is no container \"%s\"", page->context->segment);
	container_page_name(page, rows);
	write_container(page, &latest, result_set_row(rows, 0));
	return 0;
}

int containers_one(struct context *context)
{
	struct result_set rows auto_result_set = {.n_rows = 0};
	struct container container;
	struct container_page page;
	const struct tally_table *table;
	int r = container_find_row(context, context->segment, &container, &rows);
	if (r == 0)
		r = context_table(context, "container_info", &table);
	if (r < 0)
		return r;
	if (!table)
		return response_problem(context->builder, 404, NULL,
					"the store has no table container_info; the readings of "
					"this container are under "
					"its /stats");
	container_page_open(&page, context, table);
	if (rows.n_rows == 0) {
		result_set_done(&rows);
		r = read_one(&page, &container, &rows);
	}
	return r < 0 ? r : write_one(&page, &rows);
}

int containers_stats(struct context *context)
{
	struct container container;
	int r = container_find(context, context->segment, NULL, &container);
	return r < 0 ? r : series_answer(context, &container, 1, false);
}

/*
 * Readings carry the host, id and name of their container and nothing else, so what they are
 * grouped by and narrowed down to is looked up in container_info first, which keeps
 * containers for as long after they are gone as there are rollups of their readings.  On a worker's
 * thread; what can fail is the store, and memory, each with a problem written.
 */
#include "query/container_groups.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "query/catalog_cache.h"
#include "query/list_filter.h"

/* More do not fit into memory in any case (RESULT_SET_MAX_BYTES). */
enum { GROUPS_MOST = 1000000 };

/* Columns of container_info, behind the time; those that it lacks are NULL. */
enum {
	GROUPED_HOST = 1,
	GROUPED_ID,
	GROUPED_NAME,
	GROUPED_IMAGE,
	GROUPED_PROJECT,
	GROUPED_SERVICE,
	GROUPED_CREATED, /* this and the next only if container_info is there */
	GROUPED_GONE,
	GROUPED_COLUMNS
};
static const char *const grouped_columns[GROUPED_COLUMNS] = {
	[GROUPED_HOST] = "host",
	[GROUPED_ID] = "container_id",
	[GROUPED_NAME] = "name",
	[GROUPED_IMAGE] = "image",
	[GROUPED_PROJECT] = "compose_project",
	[GROUPED_SERVICE] = "service",
	[GROUPED_CREATED] = "created",
	[GROUPED_GONE] = "gone_at",
};

static const char *const group_names[] = {"container", "project", "service", "host", "image"};

const char *group_by_name(enum group_by by)
{
	return group_names[by];
}

void container_groups_done(struct container_groups *groups)
{
	free(groups->sorted);
	free(groups->ids);
	free(groups->named);
	result_set_done(&groups->rows);
	*groups = (struct container_groups){.n = 0};
}

/* ---- What is asked ------------------------------------------------------- */

static const struct list_filter group_filters[] = {
	{"project", "compose_project", TALLY_EQUALS},
	{"label", "labels", TALLY_HAS},
	{"image", "image", TALLY_GLOB},
	{"service", "service", TALLY_GLOB},
};
enum { GROUP_FILTERS = sizeof(group_filters) / sizeof(*group_filters) };

/* query NULL: there is no such table, and only whether it is narrowed is found out. */
static int groups_filter(struct context *context, struct query *query, struct container_groups *ret)
{
	for (uint32_t i = 0; i < context->target->n_params; i++) {
		const struct param *param = &context->target->params[i];
		const struct list_filter *filter = group_filters;
		while (filter < group_filters + GROUP_FILTERS &&
		       strcmp(filter->param, param->name) != 0)
			filter++;
		if (filter == group_filters + GROUP_FILTERS)
			continue;
		ret->narrowed = true;
		if (!query)
			continue;
		const char *value = param->value;
		const struct tally_column *column = table_column(query->table, filter->column);
		if (!column)
			return response_problem(context->builder, 400, param->name,
						"the table container_info of this store has no "
						"column %s",
						filter->column);
		uint32_t match = list_filter_match(filter, &value);
		query_text(query, column, match, value);
	}
	return 0;
}

static void groups_name(const struct container *named, uint32_t n, struct query *query)
{
	for (uint32_t i = 0; i < n; i++)
		query_text(query, table_column(query->table, "container_id"), TALLY_EQUALS,
			   named[i].id);
}

static void groups_blank(struct result_set *rows, int column)
{
	for (uint32_t row = 0; row < rows->n_rows; row++)
		rows->cells[(size_t)row * rows->n_columns + (size_t)column].set = 0;
}

/* A column that this store's container_info lacks is asked for as the id, and not used. */
static int groups_ask(struct query *query, struct container_groups *ret)
{
	const struct tally_column *id = table_column(query->table, "container_id");
	for (int i = GROUPED_HOST; i < GROUPED_COLUMNS; i++) {
		const struct tally_column *column = table_column(query->table, grouped_columns[i]);
		query_select(query, column ? column : id, TALLY_RAW);
	}
	query->bounded = true;
	query->spec.limit = GROUPS_MOST;
	int r = query_run(query, &ret->rows);
	for (int i = GROUPED_HOST; r == 0 && i < GROUPED_COLUMNS; i++)
		if (!table_column(query->table, grouped_columns[i]))
			groups_blank(&ret->rows, i);
	return r;
}

/* What a container's input says; what an older one has stored is one of its own, under its name.
 * The only place that says so. */
static struct tally_cell service_of(const struct tally_cell *row)
{
	bool known = row[GROUPED_SERVICE].set && row[GROUPED_SERVICE].len;
	return row[known ? GROUPED_SERVICE : GROUPED_NAME];
}

/* ---- Finding ------------------------------------------------------------- */

static int compare_key(const struct tally_cell *row, const struct tally_cell *host,
		       const struct tally_cell *id)
{
	int order = cell_compare(&row[GROUPED_HOST], host);
	return order ? order : cell_compare(&row[GROUPED_ID], id);
}

static int compare_rows(const void *left, const void *right)
{
	const struct tally_cell *b = *(const struct tally_cell *const *)right;
	return compare_key(*(const struct tally_cell *const *)left, &b[GROUPED_HOST],
			   &b[GROUPED_ID]);
}

static const struct tally_cell *groups_row(const struct container_groups *groups,
					   const struct tally_cell *host,
					   const struct tally_cell *id)
{
	uint32_t low = 0, high = groups->n;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = compare_key(groups->sorted[middle], host, id);
		if (order == 0)
			return groups->sorted[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static int compare_ids(const void *left, const void *right)
{
	return cell_compare(*(const struct tally_cell *const *)left,
			    *(const struct tally_cell *const *)right);
}

/* Each once, so that no container is asked for twice. */
static void groups_sort_ids(struct container_groups *groups)
{
	uint32_t n = 0;
	if (groups->n_ids)
		qsort(groups->ids, groups->n_ids, sizeof(*groups->ids), compare_ids);
	for (uint32_t i = 0; i < groups->n_ids; i++)
		if (n == 0 || cell_compare(groups->ids[n - 1], groups->ids[i]) != 0)
			groups->ids[n++] = groups->ids[i];
	groups->n_ids = n;
}

static int groups_sort(struct context *context, struct container_groups *ret)
{
	ret->sorted = calloc(ret->rows.n_rows + 1, sizeof(*ret->sorted));
	ret->ids = calloc(ret->rows.n_rows + 1, sizeof(*ret->ids));
	if (!ret->sorted || !ret->ids)
		return response_unavailable(context->builder, "out of memory");
	for (uint32_t i = 0; i < ret->rows.n_rows; i++)
		ret->sorted[ret->n++] = result_set_row(&ret->rows, i);
	if (ret->n)
		qsort(ret->sorted, ret->n, sizeof(*ret->sorted), compare_rows);
	for (uint32_t i = 0; i < ret->n; i++)
		ret->ids[ret->n_ids++] = &ret->sorted[i][GROUPED_ID];
	groups_sort_ids(ret);
	return 0;
}

/* Each row's service, where the column was. */
static void groups_set_services(struct container_groups *groups)
{
	for (uint32_t i = 0; i < groups->rows.n_rows; i++) {
		struct tally_cell *row = groups->rows.cells + (size_t)i * groups->rows.n_columns;
		row[GROUPED_SERVICE] = service_of(row);
	}
}

/* ---- Where nobody collects container_info -------------------------------- */

/* Only the names matter, so one field is enough, and its newest value the cheapest. */
static int groups_ask_names(struct context *context, const struct tally_table *table,
			    struct container_groups *ret)
{
	struct query query;
	const struct tally_column *tags[] = {table_column(table, "host"),
					     table_column(table, "container_id"),
					     table_column(table, "name")};
	const uint32_t others = GROUPED_CREATED - GROUPED_IMAGE; /* which are then blank */
	query_init(&query, context, table);
	for (int i = 0; i < 3; i++)
		if (tags[i])
			query_group(&query, tags[i]);
	for (uint32_t i = 1; i < table->n_columns && query.spec.n_select < others; i++)
		if (column_is_number(&table->columns[i]))
			query_select(&query, &table->columns[i], TALLY_LAST);
	if (query.spec.n_group_by < 3 || query.spec.n_select < others)
		return 0;
	query.spec.from = context->args->window.from;
	query.spec.to = context->args->window.to;
	query.spec.limit = GROUPS_MOST;
	int r = query_run(&query, &ret->rows);
	for (int i = GROUPED_IMAGE; r == 0 && i < GROUPED_CREATED; i++)
		groups_blank(&ret->rows, i);
	return r;
}

/* ---- Asking -------------------------------------------------------------- */

/* ids= is looked up by itself, so these are there even if container_info is not. */
static int groups_take_named(struct context *context, const struct container *named, uint32_t n,
			     struct container_groups *ret)
{
	ret->named = calloc(n, sizeof(*ret->named));
	free(ret->ids);
	ret->ids = calloc(n, sizeof(*ret->ids));
	if (!ret->named || !ret->ids)
		return response_unavailable(context->builder, "out of memory");
	for (uint32_t i = 0; i < n; i++) {
		ret->named[i] = (struct tally_cell){
			.text = named[i].id, .len = (uint32_t)strlen(named[i].id), .set = 1};
		ret->ids[i] = &ret->named[i];
	}
	ret->n_ids = n;
	ret->narrowed = true;
	groups_sort_ids(ret);
	return 0;
}

static int groups_look_up(struct context *context, enum group_by by, const struct container *named,
			  uint32_t n_named, struct container_groups *ret)
{
	const struct tally_table *info, *stats;
	struct query query;
	int r = context_table(context, "container_info", &info);
	if (r == 0)
		r = context_table(context, "container_stats", &stats);
	if (r < 0)
		return r;
	bool there = info && table_column(info, "host") && table_column(info, "container_id");
	if (there)
		query_init(&query, context, info);
	r = groups_filter(context, there ? &query : NULL, ret);
	if (r < 0)
		return r;
	if (there) {
		groups_name(named, n_named, &query);
		r = groups_ask(&query, ret);
	} else if (stats && !ret->narrowed && by != GROUP_HOST) {
		r = groups_ask_names(context, stats, ret);
	}
	return r;
}

int container_groups_read(struct context *context, enum group_by by, const struct container *named,
			  uint32_t n_named, struct container_groups *ret)
{
	*ret = (struct container_groups){.n = 0};
	int r = groups_look_up(context, by, named, n_named, ret);
	if (r == 0)
		r = groups_sort(context, ret);
	if (r == 0 && by == GROUP_SERVICE)
		groups_set_services(ret);
	return r == 0 && n_named ? groups_take_named(context, named, n_named, ret) : r;
}

/* ---- Their readings ------------------------------------------------------ */

/* More than are alternatives in one query; the rest of its filters are others'. */
enum { GROUPS_AT_ONCE = 100 };

int container_groups_each(const struct container_groups *groups, struct query *query,
			  int (*run)(struct query *query, void *arg), void *arg)
{
	uint32_t kept = query->spec.n_filters;
	const struct tally_column *id = table_column(query->table, "container_id");
	int r = groups->narrowed ? 0 : run(query, arg);
	for (uint32_t i = 0; r == 0 && groups->narrowed && i < groups->n_ids;) {
		query->spec.n_filters = kept;
		for (uint32_t k = 0; k < GROUPS_AT_ONCE && i < groups->n_ids; k++)
			query_filter(query, id, TALLY_EQUALS, groups->ids[i++]);
		r = run(query, arg);
	}
	query->spec.n_filters = kept;
	return r;
}

static const struct list_filter reading_filters[] = {{"host", "host", TALLY_EQUALS},
						     {"name", "name", TALLY_GLOB}};

int container_groups_filter(struct query *query)
{
	struct context *context = query_context(query);
	for (uint32_t i = 0; i < context->target->n_params; i++) {
		const struct param *param = &context->target->params[i];
		for (size_t f = 0; f < sizeof(reading_filters) / sizeof(*reading_filters); f++) {
			const char *value = param->value;
			if (strcmp(reading_filters[f].param, param->name) != 0)
				continue;
			const struct tally_column *column =
				table_column(query->table, reading_filters[f].column);
			if (!column)
				return response_problem(context->builder, 400, param->name,
							"the table %s of this store has no column "
							"%s",
							query->table->name,
							reading_filters[f].column);
			uint32_t match = list_filter_match(&reading_filters[f], &value);
			query_text(query, column, match, value);
		}
	}
	return 0;
}

const struct tally_cell *container_groups_find(const struct container_groups *groups,
					       enum group_by by, const struct tally_cell *host,
					       const struct tally_cell *id)
{
	static const int columns[] = {[GROUP_CONTAINER] = GROUPED_NAME,
				      [GROUP_PROJECT] = GROUPED_PROJECT,
				      [GROUP_SERVICE] = GROUPED_SERVICE,
				      [GROUP_IMAGE] = GROUPED_IMAGE};
	if (by == GROUP_HOST)
		return host;
	const struct tally_cell *row = groups_row(groups, host, id);
	return row ? &row[columns[by]] : NULL;
}

void container_groups_life(const struct container_groups *groups, const struct tally_cell *host,
			   const struct tally_cell *id, int64_t *ret_from, int64_t *ret_to)
{
	const struct tally_cell *row =
		groups->rows.n_columns >= GROUPED_COLUMNS ? groups_row(groups, host, id) : NULL;
	*ret_from = row && row[GROUPED_CREATED].set ? row[GROUPED_CREATED].i : INT64_MIN;
	*ret_to = row && row[GROUPED_GONE].set ? row[GROUPED_GONE].i : INT64_MAX;
}

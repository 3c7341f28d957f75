/*
 * /api/v1/tables: every table of the store, whichever plugin declared it.  On a worker's thread.
 *
 * This is how rows of a third party's plugin get out without a line here: its table names its
 * columns, and every tag of text is a parameter.  So the parameters of /tables/{name} are known
 * only once the table is: route_table.c says OTHERS_ARE_TAGS, and they are checked here.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "routes/table_page.h"
#include "query/catalog_cache.h"
#include "message/window.h"
#include "message/row_writer.h"
#include "routes/endpoint.h"

/* ---- What there is ------------------------------------------------------- */

static const char *const kind_names[] = {
	[TALLY_SERIES] = "series", [TALLY_STATE] = "state", [TALLY_LOG] = "log"};
static const char *const type_names[] = {
	[TALLY_TIME] = "time", [TALLY_INT] = "int",   [TALLY_REAL] = "real",
	[TALLY_BOOL] = "bool", [TALLY_TEXT] = "text", [TALLY_JSON] = "json"};
static const char *const role_names[] = {[TALLY_FIELD] = "field",
					 [TALLY_TAG] = "tag",
					 [TALLY_COUNTER] = "counter",
					 [TALLY_GONE] = "gone",
					 [TALLY_ORDER] = "order"};

/* A plugin built against a later minor of the ABI may declare kinds, types and roles that are
 * unknown here. */
static const char *name_of(const char *const *names, size_t n, uint32_t value)
{
	return value < n && names[value] ? names[value] : "unknown";
}
#define NAME_OF(names, value) name_of(names, sizeof(names) / sizeof(*(names)), value)

static void write_pair(struct json_writer *json, const char *key, const char *value)
{
	json_write_key(json, key);
	json_write_string(json, value);
}

static void write_table(struct json_writer *json, const struct tally_table *table)
{
	json_begin_object(json);
	write_pair(json, "name", table->name);
	write_pair(json, "kind", NAME_OF(kind_names, table->kind));
	write_pair(json, "help", table->help);
	json_write_key(json, "revision");
	json_write_int(json, table->revision);
	json_write_key(json, "columns");
	json_begin_array(json);
	for (uint32_t i = 0; i < table->n_columns; i++) {
		const struct tally_column *column = &table->columns[i];
		json_begin_object(json);
		write_pair(json, "name", column->name);
		write_pair(json, "type", NAME_OF(type_names, column->type));
		write_pair(json, "role", NAME_OF(role_names, column->role));
		write_pair(json, "unit", column->unit);
		write_pair(json, "help", column->help);
		json_end_object(json);
	}
	json_end_array(json);
	json_end_object(json);
}

int tables_list(struct context *context)
{
	struct json_writer *json = &context->builder->body;
	const struct tally_table *none;
	int r = context_table(context, "", &none);
	if (r < 0)
		return r;
	list_begin(json);
	for (uint32_t i = 0; i < context->catalog->n; i++)
		write_table(json, &context->catalog->tables[i]);
	list_end(json, NULL);
	return 0;
}

/* ---- Rows ---------------------------------------------------------------- */

/* Tags that may be asked for by text. */
static int check_params(struct context *context, const struct tally_table *table)
{
	const char *tags[PAGING_MAX_KEY];
	size_t n = 0;
	for (uint32_t i = 1; i < table->n_columns && n < PAGING_MAX_KEY; i++)
		if (table->columns[i].role == TALLY_TAG && table->columns[i].type == TALLY_TEXT)
			tags[n++] = table->columns[i].name;
	return arguments_check_tags(context, &context->route->params, tags, n);
}

int tables_rows(struct context *context)
{
	struct table_page page auto_table_page = {.context = context};
	struct window window = {.from = 0};
	struct query query;
	int r = context_table(context, context->segment, &page.table);
	if (r == 0 && !page.table)
		r = response_problem(context->builder, 404, NULL,
				     "the store has no table \"%s\"; /api/v1/tables lists them",
				     context->segment);
	if (r == 0)
		r = check_params(context, page.table);
	if (r == 0 && page.table->kind != TALLY_STATE)
		r = window_read(context, CLOCK_HOUR, &window);
	if (r == 0)
		r = paging_read(context, page.table, &window, &page.paging);
	if (r == 0)
		r = table_page_ask(&page, &query);
	if (r < 0)
		return r;
	/* Several values of one tag are alternatives, as several EQUALS are to a store. */
	for (uint32_t i = 0; i < context->target->n_params; i++) {
		const struct param *param = &context->target->params[i];
		const struct tally_column *column = table_column(page.table, param->name);
		if (column && column->role == TALLY_TAG)
			query_text(&query, column, TALLY_EQUALS, param->value);
	}
	r = table_page_run(&page, &query);
	if (r == 0 && paging_counts(&page.paging, context))
		r = paging_count(&page.paging, &query);
	return r < 0 ? r : table_page_write(&page);
}

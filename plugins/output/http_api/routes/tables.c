/*
 * /api/v1/tables: every table the store holds, whoever declared it.  On a worker's thread.
 *
 * This is how rows of a third party's plugin get out without a line here: its table names its
 * columns, and every tag of text is a parameter.  So the parameters of /tables/{} are known only
 * once the table is, which is why its entry in endpoint.c allows any and they are checked here.
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

static const char *table_kind_name(uint32_t kind)
{
	static const char *const names[] = {
		[TALLY_SERIES] = "series", [TALLY_STATE] = "state", [TALLY_LOG] = "log"};
	return kind && kind < sizeof(names) / sizeof(*names) ? names[kind] : "unknown";
}

static const char *type_name(uint16_t type)
{
	static const char *const names[] = {
		[TALLY_TIME] = "time", [TALLY_INT] = "int",   [TALLY_REAL] = "real",
		[TALLY_BOOL] = "bool", [TALLY_TEXT] = "text", [TALLY_JSON] = "json"};
	return type && type < sizeof(names) / sizeof(*names) ? names[type] : "unknown";
}

static const char *role_name(uint16_t role)
{
	static const char *const names[] = {[TALLY_FIELD] = "field",
					    [TALLY_TAG] = "tag",
					    [TALLY_COUNTER] = "counter",
					    [TALLY_GONE] = "gone",
					    [TALLY_ORDER] = "order"};
	return role < sizeof(names) / sizeof(*names) ? names[role] : "unknown";
}

static void write_pair(struct json_writer *json, const char *key, const char *value)
{
	json_write_key(json, key);
	json_write_string(json, value);
}

static void write_table(struct json_writer *json, const struct tally_table *table)
{
	json_begin_object(json);
	write_pair(json, "name", table->name);
	write_pair(json, "kind", table_kind_name(table->kind));
	write_pair(json, "help", table->help);
	json_write_key(json, "revision");
	json_write_int(json, table->revision);
	json_write_key(json, "columns");
	json_begin_array(json);
	for (uint32_t i = 0; i < table->n_columns; i++) {
		const struct tally_column *column = &table->columns[i];
		json_begin_object(json);
		write_pair(json, "name", column->name);
		write_pair(json, "type", type_name(column->type));
		write_pair(json, "role", role_name(column->role));
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

static void query_tags(struct context *context, struct query *query)
{
	for (uint32_t i = 0; i < context->target->n_params; i++) {
		const struct param *param = &context->target->params[i];
		const struct tally_column *column = table_column(query->table, param->name);
		if (column && column->role == TALLY_TAG)
			query_text(query, column, TALLY_EQUALS, param->value);
	}
}

static int answer_rows(struct context *context, const struct tally_table *table)
{
	struct table_page page auto_table_page = {.context = context, .table = table};
	struct window window = {.from = 0};
	struct query query;
	table_page_ask(&page, &query);
	int r = table->kind == TALLY_STATE ? 0 : window_read(context, CLOCK_HOUR, &window);
	if (r == 0)
		r = paging_read(context, table, &window, &page.paging);
	if (r < 0)
		return r;
	query.spec.newest_first = context->args->order == ORDER_DESC;
	query_tags(context, &query);
	paging_ask(&page.paging, &query);
	r = query_run(&query, &page.rows);
	return r < 0 ? r : table_page_write(&page);
}

int tables_rows(struct context *context)
{
	const struct tally_table *table;
	int r = context_table(context, context->segment, &table);
	if (r == 0 && !table)
		r = response_problem(context->builder, 404, NULL,
				     "the store holds no table \"%s\"; /api/v1/tables lists them",
				     context->segment);
	if (r == 0)
		r = check_params(context, table);
	return r < 0 ? r : answer_rows(context, table);
}

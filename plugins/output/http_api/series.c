#include "series.h"

#include <cleanup.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rfc3339.h>

#include "tables.h"

enum series_format { FORMAT_JSON, FORMAT_ROWS, FORMAT_CSV, FORMAT_NDJSON };
enum series_times { TIMES_RFC3339, TIMES_SECONDS, TIMES_MS };

struct series {
	struct call *call;
	const struct container *containers;
	uint32_t n_containers;
	bool many;
	uint32_t first; /* column of the first field in rows */
	struct window window;
	struct fields fields;
	uint32_t format, times;
	struct rowset rows;
	const struct tally_cell **slots; /* [container][point]: the row's fields, NULL: a gap */
};

static void series_done(struct series *series)
{
	rowset_done(&series->rows);
	free(series->slots);
}

/* ---- Asking -------------------------------------------------------------- */

static int series_choice(struct call *call, const char *name, const char *const *choices,
			 uint32_t *ret)
{
	const char *text = target_param(call->target, name);
	*ret = 0;
	for (uint32_t i = 0; text && choices[i]; i++) {
		if (strcmp(choices[i], text) != 0)
			continue;
		*ret = i;
		return 0;
	}
	if (!text)
		return 0;
	return reply_problem(call->reply, 400, name, "\"%s\" is none of %s, %s, %s%s%s", text,
			     choices[0], choices[1], choices[2], choices[3] ? ", " : "",
			     choices[3] ? choices[3] : "");
}

static int series_read(struct series *series, const struct tally_table *table)
{
	static const char *const formats[] = {"json", "rows", "csv", "ndjson", NULL};
	static const char *const times[] = {"rfc3339", "s", "ms", NULL};
	struct call *call = series->call;
	int64_t max = call->config->max_results_per_query;
	int r = window_read_grid(call, &series->window);
	if (r == 0)
		r = fields_read(call, table, &series->fields);
	if (r == 0)
		r = series_choice(call, "format", formats, &series->format);
	if (r == 0)
		r = series_choice(call, "times", times, &series->times);
	if (r == 0 && series->n_containers > 1 &&
	    (int64_t)series->window.points * series->n_containers > max)
		r = reply_problem(call->reply, 400, "step",
				  "too many results: %u points of %u containers, together over "
				  "%lld; take a larger step, a shorter range or fewer ids",
				  series->window.points, series->n_containers, (long long)max);
	return r;
}

static int series_query(struct series *series, const struct tally_table *table)
{
	struct ask ask;
	const struct tally_column *id = table_column(table, "container_id");
	ask_init(&ask, series->call, table);
	ask.query.from = series->window.from;
	ask.query.to = series->window.to;
	ask.query.bucket = series->window.step;
	ask.query.limit = series->window.points * series->n_containers;
	for (uint32_t i = 0; i < series->n_containers; i++)
		ask_text(&ask, id, TALLY_EQUALS, series->containers[i].id);
	if (series->many)
		ask_group(&ask, id);
	series->first = 1 + ask.query.n_group_by;
	fields_select(&series->fields, &ask);
	return ask_store(&ask, &series->rows);
}

static uint32_t series_container(const struct series *series, const struct tally_cell *row)
{
	for (uint32_t i = 0; series->many && i < series->n_containers; i++)
		if (cell_equals(&row[1], series->containers[i].id))
			return i;
	return 0;
}

static int series_place(struct series *series)
{
	const struct window *window = &series->window;
	series->slots =
		calloc((size_t)window->points * series->n_containers, sizeof(*series->slots));
	if (!series->slots)
		return reply_unavailable(series->call->reply, "out of memory");
	for (uint32_t i = 0; i < series->rows.n_rows; i++) {
		const struct tally_cell *row = rowset_row(&series->rows, i);
		if (row[0].i < window->from || row[0].i >= window->to)
			continue;
		size_t point = (size_t)((row[0].i - window->from) / window->step);
		series->slots[series_container(series, row) * window->points + point] =
			row + series->first;
	}
	return 0;
}

/* ---- Writing ------------------------------------------------------------- */

static int64_t series_time(const struct series *series, uint32_t point)
{
	return series->window.from + point * series->window.step;
}

static const struct tally_cell *series_cell(const struct series *series, uint32_t container,
					    uint32_t point, uint32_t field)
{
	static const struct tally_cell gap = {.set = 0};
	const struct tally_cell *row =
		series->slots[(size_t)container * series->window.points + point];
	return row ? &row[field] : &gap;
}

static void write_time(const struct series *series, uint32_t point)
{
	struct json_writer *json = &series->call->reply->body;
	int64_t time = series_time(series, point);
	if (series->times == TIMES_RFC3339)
		json_write_time(json, time);
	else if (series->times == TIMES_MS)
		json_write_int(json, time / (HTTP_SECOND / 1000));
	else
		json_write_real(json, (double)time / 1e9);
}

static void write_value(const struct series *series, uint32_t container, uint32_t point,
			uint32_t field)
{
	rowset_write_cell(&series->call->reply->body, series->rows.types[series->first + field],
			  series_cell(series, container, point, field));
}

static void write_container(struct json_writer *json, const struct container *container)
{
	json_write_key(json, "host");
	json_write_string(json, container->host);
	json_write_key(json, "container_id");
	json_write_string(json, container->id);
	json_write_key(json, "name");
	json_write_string(json, container->name);
}

static void write_fields_meta(const struct series *series)
{
	struct json_writer *json = &series->call->reply->body;
	const struct fields *fields = &series->fields;
	char unit[96];
	json_write_key(json, "agg");
	json_begin_object(json);
	for (uint32_t i = 0; i < fields->n; i++) {
		json_write_key(json, fields->columns[i]->name);
		json_write_string(json, fields_aggregate_name(fields->aggregates[i]));
	}
	json_end_object(json);
	json_write_key(json, "units");
	json_begin_object(json);
	for (uint32_t i = 0; i < fields->n; i++) {
		fields_unit(fields, i, unit, sizeof(unit));
		json_write_key(json, fields->columns[i]->name);
		json_write_string(json, unit[0] ? unit : NULL);
	}
	json_end_object(json);
}

static void write_meta(const struct series *series)
{
	struct json_writer *json = &series->call->reply->body;
	json_write_key(json, "meta");
	json_begin_object(json);
	if (!series->many)
		write_container(json, &series->containers[0]);
	json_write_key(json, "from");
	json_write_time(json, series->window.from);
	json_write_key(json, "to");
	json_write_time(json, series->window.to);
	json_write_key(json, "step");
	json_write_real(json, (double)series->window.step / 1e9);
	json_write_key(json, "points");
	json_write_int(json, series->window.points);
	json_write_key(json, "source");
	json_write_string(json, series->rows.source[0] ? series->rows.source : NULL);
	write_fields_meta(series);
	json_end_object(json);
}

static void write_columns(const struct series *series, uint32_t container)
{
	struct json_writer *json = &series->call->reply->body;
	for (uint32_t field = 0; field < series->fields.n; field++) {
		json_write_key(json, series->fields.columns[field]->name);
		json_begin_array(json);
		for (uint32_t point = 0; point < series->window.points; point++)
			write_value(series, container, point, field);
		json_end_array(json);
	}
}

static void write_columnar(const struct series *series)
{
	struct json_writer *json = &series->call->reply->body;
	json_begin_object(json);
	write_meta(series);
	json_write_key(json, "time");
	json_begin_array(json);
	for (uint32_t point = 0; point < series->window.points; point++)
		write_time(series, point);
	json_end_array(json);
	if (!series->many) {
		write_columns(series, 0);
		json_end_object(json);
		return;
	}
	json_write_key(json, "series");
	json_begin_array(json);
	for (uint32_t i = 0; i < series->n_containers; i++) {
		json_begin_object(json);
		write_container(json, &series->containers[i]);
		write_columns(series, i);
		json_end_object(json);
	}
	json_end_array(json);
	json_end_object(json);
}

static void write_row(const struct series *series, uint32_t container, uint32_t point)
{
	struct json_writer *json = &series->call->reply->body;
	json_begin_object(json);
	json_write_key(json, "time");
	write_time(series, point);
	if (series->many) {
		json_write_key(json, "container_id");
		json_write_string(json, series->containers[container].id);
	}
	for (uint32_t field = 0; field < series->fields.n; field++) {
		json_write_key(json, series->fields.columns[field]->name);
		write_value(series, container, point, field);
	}
	json_end_object(json);
}

static void each_row(const struct series *series,
		     void (*write)(const struct series *series, uint32_t container, uint32_t point))
{
	for (uint32_t point = 0; point < series->window.points; point++)
		for (uint32_t i = 0; i < series->n_containers; i++)
			write(series, i, point);
}

static void write_rows(const struct series *series)
{
	struct json_writer *json = &series->call->reply->body;
	json_begin_object(json);
	write_meta(series);
	json_write_key(json, "data");
	json_begin_array(json);
	each_row(series, write_row);
	json_end_array(json);
	json_end_object(json);
}

static void write_ndjson_row(const struct series *series, uint32_t container, uint32_t point)
{
	struct json_writer *json = &series->call->reply->body;
	write_row(series, container, point);
	json_write_raw(json, "\n", 1);
	json->comma = false;
}

/* Times, ids and numbers need no quotes; a gap is an empty field. */
static void write_csv_row(const struct series *series, uint32_t container, uint32_t point)
{
	struct json_writer *json = &series->call->reply->body;
	char time[RFC3339_SIZE];
	if (series->times == TIMES_RFC3339) {
		json_write_raw(json, time, rfc3339_format(series_time(series, point), time));
	} else {
		json->comma = false;
		write_time(series, point);
	}
	if (series->many) {
		json_write_raw(json, ",", 1);
		json_write_raw(json, series->containers[container].id,
			       strlen(series->containers[container].id));
	}
	for (uint32_t field = 0; field < series->fields.n; field++) {
		json_write_raw(json, ",", 1);
		json->comma = false;
		if (series_cell(series, container, point, field)->set)
			write_value(series, container, point, field);
	}
	json_write_raw(json, "\r\n", 2);
}

static void write_csv(const struct series *series)
{
	struct json_writer *json = &series->call->reply->body;
	json_write_raw(json, "time", 4);
	if (series->many)
		json_write_raw(json, ",container_id", 13);
	for (uint32_t field = 0; field < series->fields.n; field++) {
		const char *name = series->fields.columns[field]->name;
		json_write_raw(json, ",", 1);
		json_write_raw(json, name, strlen(name));
	}
	json_write_raw(json, "\r\n", 2);
	each_row(series, write_csv_row);
}

static void series_write(const struct series *series)
{
	struct reply *reply = series->call->reply;
	switch (series->format) {
	case FORMAT_ROWS:
		write_rows(series);
		break;
	case FORMAT_CSV:
		reply->type = reply_csv;
		write_csv(series);
		break;
	case FORMAT_NDJSON:
		reply->type = reply_ndjson;
		each_row(series, write_ndjson_row);
		break;
	default:
		write_columnar(series);
	}
}

int series_answer(struct call *call, const struct container *containers, uint32_t n, bool many)
{
	struct series series __attribute__((cleanup(series_done))) = {
		.call = call, .containers = containers, .n_containers = n, .many = many};
	const struct tally_table *table;
	int r = call_table(call, "container_stats", &table);
	if (r == 0 && (!table || !table_column(table, "container_id")))
		r = reply_problem(call->reply, 404, NULL, "the store holds no container_stats yet");
	if (r == 0)
		r = series_read(&series, table);
	if (r == 0)
		r = series_query(&series, table);
	if (r == 0)
		r = series_place(&series);
	if (r == 0)
		series_write(&series);
	return r;
}

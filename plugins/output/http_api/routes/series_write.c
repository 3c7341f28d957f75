/*
 * The formats of a series: columns, rows, CSV, NDJSON.  On the thread of series.c, which calls this
 * once all is read; the body's writer remembers what fails.
 *
 * Columns are the default: names are said once instead of once per point, which makes the body 40 %
 * smaller, and libraries for charts such as uPlot take arrays as they are.  Every container has a
 * value or a null for every time, so all arrays are of one length.
 */
#include "routes/series.h"

#include <string.h>

#include "message/csv.h"
#include "base/json_cell.h"

static const struct tally_cell *series_cell(const struct series *series, uint32_t subject,
					    uint32_t point, uint32_t field)
{
	static const struct tally_cell gap = {.set = 0};
	const struct tally_cell *row =
		series->slots[(size_t)subject * series->window->points + point];
	return row ? &row[field] : &gap;
}

static void write_time(const struct series *series, uint32_t point)
{
	json_write_time(&series->context->builder->body, window_begin(series->window, point));
}

static void write_value(const struct series *series, uint32_t subject, uint32_t point,
			uint32_t field)
{
	json_write_cell(&series->context->builder->body, series->types[field],
			series_cell(series, subject, point, field));
}

static void write_container(struct json_writer *json, const struct series_subject *subject)
{
	json_write_key(json, "host");
	json_write_cell(json, TALLY_TEXT, &subject->host);
	json_write_key(json, "container_id");
	json_write_cell(json, TALLY_TEXT, &subject->id);
	json_write_key(json, "name");
	json_write_cell(json, TALLY_TEXT, &subject->name);
}

/* Whose readings they are: a container, a group, or a group of one container. */
static void write_subject(const struct series *series, const struct series_subject *subject)
{
	struct json_writer *json = &series->context->builder->body;
	if (series->kind >= SERIES_FOUND) {
		json_write_key(json, "group");
		json_begin_object(json);
		json_write_key(json, group_by_name(series->by));
		json_write_cell(json, TALLY_TEXT, &subject->group);
		json_end_object(json);
	}
	if (series->kind != SERIES_GROUPS) {
		write_container(json, subject);
		return;
	}
	json_write_key(json, "containers");
	json_write_int(json, subject->containers);
}

/* What rows of several series have besides the time, so that they can be told apart. */
static const char *key_name(const struct series *series)
{
	return series->kind == SERIES_GROUPS ? group_by_name(series->by) : "container_id";
}

static const struct tally_cell *key_of(const struct series *series, uint32_t subject)
{
	const struct series_subject *at = &series->subjects[subject];
	return series->kind == SERIES_GROUPS ? &at->group : &at->id;
}

/* How each field was put together and in which unit it is now: a counter in bytes became bytes/s.
 */
static void write_fields_meta(const struct series *series)
{
	struct json_writer *json = &series->context->builder->body;
	const struct fields *fields = &series->fields;
	char unit[96], name[FIELD_NAME_SIZE];
	json_write_key(json, "agg");
	json_begin_object(json);
	for (uint32_t i = 0; i < fields->n; i++) {
		json_write_key(json, fields_name(fields, i, name));
		json_write_string(json, fields->names[i]);
	}
	json_end_object(json);
	json_write_key(json, "units");
	json_begin_object(json);
	for (uint32_t i = 0; i < fields->n; i++) {
		fields_unit(fields, i, unit, sizeof(unit));
		json_write_key(json, fields_name(fields, i, name));
		json_write_string(json, unit[0] ? unit : NULL);
	}
	json_end_object(json);
}

static void write_meta(const struct series *series)
{
	struct json_writer *json = &series->context->builder->body;
	const enum json_times times = json->times;
	json->times = JSON_TIMES_RFC3339; /* times= is for charts */
	json_write_key(json, "meta");
	json_begin_object(json);
	if (series->kind == SERIES_ONE)
		write_container(json, &series->subjects[0]);
	if (series->kind >= SERIES_FOUND) {
		json_write_key(json, "group_by");
		json_write_string(json, group_by_name(series->by));
	}
	json_write_key(json, "from");
	json_write_time(json, series->window->from);
	json_write_key(json, "to");
	json_write_time(json, series->window->to);
	json_write_key(json, "step");
	if (series->window->step)
		json_write_real(json, (double)series->window->step / 1e9);
	else
		json_write_null(json); /* months are not of one length */
	if (series->window->zone) {
		json_write_key(json, "tz");
		json_write_string(json, series->window->zone);
	}
	json_write_key(json, "points");
	json_write_int(json, series->window->points);
	json_write_key(json, "source");
	json_write_string(json, series->source[0] ? series->source : NULL);
	json_write_key(json, "newest");
	if (series->newest)
		json_write_time(json, series->newest);
	else
		json_write_null(json);
	write_fields_meta(series);
	json_end_object(json);
	json->times = times;
}

static void write_columns(const struct series *series, uint32_t subject)
{
	struct json_writer *json = &series->context->builder->body;
	char name[FIELD_NAME_SIZE];
	for (uint32_t field = 0; field < series->fields.n; field++) {
		json_write_key(json, fields_name(&series->fields, field, name));
		json_begin_array(json);
		for (uint32_t point = 0; point < series->window->points; point++)
			write_value(series, subject, point, field);
		json_end_array(json);
	}
}

/* One container has its columns beside `time`; many have them in `series`, in the order of ids=. */
static void write_columnar(const struct series *series)
{
	struct json_writer *json = &series->context->builder->body;
	json_begin_object(json);
	write_meta(series);
	json_write_key(json, "time");
	json_begin_array(json);
	for (uint32_t point = 0; point < series->window->points; point++)
		write_time(series, point);
	json_end_array(json);
	if (series->kind == SERIES_ONE) {
		write_columns(series, 0);
		json_end_object(json);
		return;
	}
	json_write_key(json, "series");
	json_begin_array(json);
	for (uint32_t i = 0; i < series->n_subjects; i++) {
		json_begin_object(json);
		write_subject(series, &series->subjects[i]);
		write_columns(series, i);
		json_end_object(json);
	}
	json_end_array(json);
	json_end_object(json);
}

static void write_row(const struct series *series, uint32_t subject, uint32_t point)
{
	struct json_writer *json = &series->context->builder->body;
	char name[FIELD_NAME_SIZE];
	json_begin_object(json);
	json_write_key(json, "time");
	write_time(series, point);
	if (series->kind != SERIES_ONE) {
		json_write_key(json, key_name(series));
		json_write_cell(json, TALLY_TEXT, key_of(series, subject));
	}
	for (uint32_t field = 0; field < series->fields.n; field++) {
		json_write_key(json, fields_name(&series->fields, field, name));
		write_value(series, subject, point, field);
	}
	json_end_object(json);
}

/* By time, then container or group: a reader of lines can work while it reads, and all of a moment
 * comes together. */
static void each_row(const struct series *series,
		     void (*write)(const struct series *series, uint32_t subject, uint32_t point))
{
	for (uint32_t point = 0; point < series->window->points; point++)
		for (uint32_t i = 0; i < series->n_subjects; i++)
			write(series, i, point);
}

static void write_rows(const struct series *series)
{
	struct json_writer *json = &series->context->builder->body;
	json_begin_object(json);
	write_meta(series);
	json_write_key(json, "data");
	json_begin_array(json);
	each_row(series, write_row);
	json_end_array(json);
	json_end_object(json);
}

/* A line is a document of its own, so no comma goes between two. */
static void write_ndjson_row(const struct series *series, uint32_t subject, uint32_t point)
{
	struct json_writer *json = &series->context->builder->body;
	write_row(series, subject, point);
	json_write_raw(json, "\n", 1);
	json->comma = false;
}

/* Times and numbers need no quotes; a gap is an empty field. */
static void write_csv_row(const struct series *series, uint32_t subject, uint32_t point)
{
	struct json_writer *json = &series->context->builder->body;
	const struct tally_cell time = {.i = window_begin(series->window, point), .set = 1};
	csv_write_cell(json, TALLY_TIME, &time, false);
	if (series->kind != SERIES_ONE) {
		const struct tally_cell *key = key_of(series, subject);
		json_write_raw(json, ",", 1);
		if (key->set)
			csv_write_text(json, key->text, key->len, series->context->args->csv_safe);
	}
	for (uint32_t field = 0; field < series->fields.n; field++) {
		json_write_raw(json, ",", 1);
		json->comma = false;
		if (series_cell(series, subject, point, field)->set)
			write_value(series, subject, point, field);
	}
	json_write_raw(json, "\r\n", 2);
}

static void write_csv(const struct series *series)
{
	struct json_writer *json = &series->context->builder->body;
	char buffer[FIELD_NAME_SIZE];
	json_write_raw(json, "time", 4);
	if (series->kind != SERIES_ONE) {
		json_write_raw(json, ",", 1);
		json_write_raw(json, key_name(series), strlen(key_name(series)));
	}
	for (uint32_t field = 0; field < series->fields.n; field++) {
		const char *name = fields_name(&series->fields, field, buffer);
		json_write_raw(json, ",", 1);
		json_write_raw(json, name, strlen(name));
	}
	json_write_raw(json, "\r\n", 2);
	each_row(series, write_csv_row);
}

void series_write(const struct series *series)
{
	struct response_builder *builder = series->context->builder;
	switch (series->context->args->format) {
	case FORMAT_ROWS:
		write_rows(series);
		break;
	case FORMAT_CSV:
		builder->type = content_type_csv;
		write_csv(series);
		break;
	case FORMAT_NDJSON:
		builder->type = content_type_ndjson;
		each_row(series, write_ndjson_row);
		break;
	default:
		write_columnar(series);
	}
}

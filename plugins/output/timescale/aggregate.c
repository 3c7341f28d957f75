/*
 * First the series that the filters leave, with their groups.  Then, in the order of series, the
 * rows of each piece of the range side by side, so that every series is fed to the sheet in one
 * go and in the order of time.  If only the last values are wanted, one row of each series is
 * read.  Queries here and in SQLite's store use the same sums, so that they agree.
 */
#include "aggregate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "condition.h"
#include "feed.h"
#include "pg_value.h"
#include "store_totals.h"

/* How many rows back a counter's last sample is looked for. */
enum { AGGREGATE_LOOK_BACK = 16 };

struct aggregate_series {
	int32_t id;
	uint32_t group;
};

struct aggregate {
	struct pg_connection *pg;
	const struct question *question;
	const struct coverage *coverage;
	struct parameters parameters;
	struct pg_text sql;
	PGresult *list; /* series and group columns; groups point to their first row in it */
	struct aggregate_series *series;
	uint32_t n_series;
	int *groups;
	uint32_t n_groups;
	struct stream rows[COVERAGE_MAX_PIECES], before[COVERAGE_MAX_PIECES];
	struct totals totals;
	struct feed feed;
};

static const struct tally_table *aggregate_table(const struct aggregate *a)
{
	return &a->question->stored->table;
}

static bool aggregate_is_state(const struct aggregate *a)
{
	return aggregate_table(a)->kind == TALLY_STATE;
}

static void aggregate_new_statement(struct aggregate *a)
{
	pg_text_clear(&a->sql);
	parameters_done(&a->parameters);
	a->parameters.n = 0;
	a->parameters.failed = false;
}

/* ---- Series and groups -------------------------------------------------------- */

static void aggregate_append_groups(struct aggregate *a, const char *before, const char *alias)
{
	for (uint32_t i = 0; i < a->question->query->n_group_by; i++)
		pg_text_add(&a->sql, "%s%s\"%s\"", i ? ", " : before, alias,
			    aggregate_table(a)->columns[a->question->group[i]].name);
}

/* Each row of a STATE table is a series of its own, by its number in one and the same order. */
static void aggregate_append_number(struct aggregate *a)
{
	pg_text_add(&a->sql, "select (row_number() over (order by r._key))::int");
}

static void aggregate_list_statement(struct aggregate *a)
{
	const char *name = aggregate_table(a)->name;
	aggregate_new_statement(a);
	if (aggregate_is_state(a)) {
		aggregate_append_number(a);
		aggregate_append_groups(a, ", ", "r.");
		pg_text_add(&a->sql, " from tally.\"%s_rows\" r where true", name);
		condition_append(&a->sql, &a->parameters, a->question,
				 CONDITION_TAGS | CONDITION_FIELDS, "r.", "r.");
		aggregate_append_groups(a, " order by ", "r.");
		return;
	}
	pg_text_add(&a->sql, "select s._series");
	aggregate_append_groups(a, ", ", "s.");
	pg_text_add(&a->sql, " from tally.\"%s_series\" s where true", name);
	condition_append(&a->sql, &a->parameters, a->question, CONDITION_TAGS, "s.", "");
	aggregate_append_groups(a, " order by ", "s.");
}

static bool aggregate_same_group(const struct aggregate *a, int left, int right)
{
	for (int c = 1; c <= (int)a->question->query->n_group_by; c++) {
		bool null = PQgetisnull(a->list, left, c);
		int len = PQgetlength(a->list, left, c);
		if (null != PQgetisnull(a->list, right, c) ||
		    len != PQgetlength(a->list, right, c) ||
		    memcmp(PQgetvalue(a->list, left, c), PQgetvalue(a->list, right, c),
			   (size_t)len) != 0)
			return false;
	}
	return true;
}

static int aggregate_by_id(const void *left, const void *right)
{
	const struct aggregate_series *a = left, *b = right;
	return (a->id > b->id) - (a->id < b->id);
}

static int aggregate_list(struct aggregate *a)
{
	struct pg_params params;
	aggregate_list_statement(a);
	int r = a->sql.failed ? tally_fail(a->pg->ctx, ENOMEM, "no memory")
			      : parameters_get(a->pg->ctx, &a->parameters, &params);
	if (r == 0)
		r = pg_query(a->pg, a->sql.data, &params, &a->list);
	if (r < 0)
		return r;
	int n = PQntuples(a->list);
	a->series = calloc((size_t)n + 1, sizeof(*a->series));
	a->groups = calloc((size_t)n + 1, sizeof(*a->groups));
	if (!a->series || !a->groups)
		return tally_fail(a->pg->ctx, ENOMEM, "no memory");
	for (int row = 0; row < n; row++) {
		if (row == 0 || !aggregate_same_group(a, row - 1, row))
			a->groups[a->n_groups++] = row;
		a->series[a->n_series++] = (struct aggregate_series){
			pg_get_32(PQgetvalue(a->list, row, 0)), a->n_groups - 1};
	}
	qsort(a->series, a->n_series, sizeof(*a->series), aggregate_by_id);
	return 0;
}

/* ---- Statements --------------------------------------------------------------- */

static void aggregate_append_fields(struct aggregate *a)
{
	for (uint32_t f = 0; f < a->totals.sheet.n_fields; f++) {
		const struct tally_column *column =
			&aggregate_table(a)->columns[a->totals.columns[f]];
		bool tag = column->role == TALLY_TAG && !aggregate_is_state(a);
		pg_text_add(&a->sql, ", %s.\"%s\"", tag ? "s" : "r", column->name);
	}
}

static int aggregate_append_ids(struct aggregate *a)
{
	auto_free int32_t *ids = calloc(a->n_series + 1, sizeof(*ids));
	if (!ids) {
		a->parameters.failed = true;
		return 0;
	}
	for (uint32_t i = 0; i < a->n_series; i++)
		ids[i] = a->series[i].id;
	return parameters_ints(&a->parameters, ids, a->n_series);
}

static void aggregate_append_range(struct aggregate *a, const char *time, int64_t from, int64_t to)
{
	pg_text_add(&a->sql, " and r.\"%s\" >= $%d and r.\"%s\" < $%d", time,
		    parameters_time(&a->parameters, from), time,
		    parameters_time(&a->parameters, to));
}

/* At most so many rows of each series, the newest first. */
static void aggregate_append_newest(struct aggregate *a, int64_t from, int64_t to, int limit)
{
	const char *name = aggregate_table(a)->name, *time = aggregate_table(a)->columns[0].name;
	pg_text_add(&a->sql, "select s._series, r.\"%s\"", time);
	aggregate_append_fields(a);
	pg_text_add(&a->sql,
		    " from tally.\"%s_series\" s cross join lateral (select r.* from "
		    "tally.\"%s_rows\" r where r._series = s._series",
		    name, name);
	aggregate_append_range(a, time, from, to);
	condition_append(&a->sql, &a->parameters, a->question, CONDITION_FIELDS, "", "r.");
	pg_text_add(&a->sql,
		    " order by r.\"%s\" desc limit %d) r where s._series = any($%d) order by "
		    "s._series, r.\"%s\" desc",
		    time, limit, aggregate_append_ids(a), time);
}

static void aggregate_append_state(struct aggregate *a)
{
	aggregate_append_number(a);
	pg_text_add(&a->sql, ", r.\"%s\"", aggregate_table(a)->columns[0].name);
	aggregate_append_fields(a);
	pg_text_add(&a->sql, " from tally.\"%s_rows\" r where true", aggregate_table(a)->name);
	condition_append(&a->sql, &a->parameters, a->question, CONDITION_TAGS | CONDITION_FIELDS,
			 "r.", "r.");
	pg_text_add(&a->sql, " order by 1");
}

static void aggregate_append_rows(struct aggregate *a, const struct coverage_piece *piece)
{
	const char *name = aggregate_table(a)->name, *time = aggregate_table(a)->columns[0].name;
	pg_text_add(&a->sql, "select r._series, r.\"%s\"", time);
	aggregate_append_fields(a);
	pg_text_add(&a->sql,
		    " from tally.\"%s_rows\" r join tally.\"%s_series\" s on s._series = r._series "
		    "where r._series = any($%d)",
		    name, name, aggregate_append_ids(a));
	aggregate_append_range(a, time, piece->from, piece->to);
	condition_append(&a->sql, &a->parameters, a->question, CONDITION_FIELDS, "", "r.");
	pg_text_add(&a->sql, " order by r._series, r.\"%s\"", time);
}

static void aggregate_append_rolled(struct aggregate *a, const struct coverage_piece *piece)
{
	pg_text_add(&a->sql, "select r._series, r.time, r.newest, r.rows");
	for (uint32_t f = 0; f < a->totals.sheet.n_fields; f++) {
		const struct tally_column *column =
			&aggregate_table(a)->columns[a->totals.columns[f]];
		for (uint32_t part = 0; part < N_PARTS; part++)
			if (a->totals.fields[f].parts >> part & 1)
				pg_text_add(&a->sql, ", r.\"%s_%s\"", column->name,
					    schema_parts[part]);
	}
	pg_text_add(&a->sql, " from tally.\"%s%s_rows\" r where r._series = any($%d)",
		    aggregate_table(a)->name, schema_levels[piece->level].suffix,
		    aggregate_append_ids(a));
	aggregate_append_range(a, "time", piece->from, piece->to);
	pg_text_add(&a->sql, " order by r._series, r.time");
}

static void aggregate_piece_statement(struct aggregate *a, const struct coverage_piece *piece)
{
	const struct question *question = a->question;
	aggregate_new_statement(a);
	if (aggregate_is_state(a))
		aggregate_append_state(a);
	else if (piece->level != LEVEL_ROWS)
		aggregate_append_rolled(a, piece);
	else if (question->only_last && question->query->bucket == 0)
		aggregate_append_newest(a, piece->from, piece->to, 1);
	else
		aggregate_append_rows(a, piece);
}

static int aggregate_open(struct aggregate *a, uint32_t i)
{
	const struct coverage_piece *piece = &a->coverage->pieces[i];
	aggregate_piece_statement(a, piece);
	int r = stream_open(&a->rows[i], a->pg, i, &a->sql, &a->parameters);
	if (r < 0 || !a->totals.rates || piece->level != LEVEL_ROWS)
		return r;
	aggregate_new_statement(a);
	aggregate_append_newest(a, INT64_MIN, piece->from, AGGREGATE_LOOK_BACK);
	return stream_open(&a->before[i], a->pg, COVERAGE_MAX_PIECES + i, &a->sql, &a->parameters);
}

/* ---- Reading ------------------------------------------------------------------ */

static int aggregate_look_back(struct aggregate *a, struct stream *before, int32_t series)
{
	bool more = true;
	int r;
	sheet_begin_piece(&a->totals.sheet);
	while (more && (r = stream_is_at(before, series)) > 0) {
		more = feed_look_back(&a->feed, &a->totals.sheet, before);
		r = stream_next(before);
		if (r < 0)
			return r;
	}
	return more && r < 0 ? r : 0;
}

static int aggregate_piece(struct aggregate *a, uint32_t i, int32_t series)
{
	struct stream *rows = &a->rows[i];
	bool rolled = a->coverage->pieces[i].level != LEVEL_ROWS;
	int r = rolled ? 0 : aggregate_look_back(a, &a->before[i], series);
	while (r == 0 && (r = stream_is_at(rows, series)) > 0) {
		r = rolled ? feed_rolled(&a->feed, &a->totals.sheet, rows)
			   : feed_row(&a->feed, &a->totals.sheet, rows);
		if (r == 0)
			r = stream_next(rows);
	}
	return r;
}

static int aggregate_read(struct aggregate *a)
{
	int r = aggregate_list(a);
	for (uint32_t i = 0; r == 0 && a->n_series && i < a->coverage->n_pieces; i++)
		r = aggregate_open(a, i);
	for (uint32_t s = 0; r == 0 && s < a->n_series; s++) {
		sheet_begin_series(&a->totals.sheet, a->series[s].group, a->series[s].id);
		for (uint32_t i = 0; r == 0 && i < a->coverage->n_pieces; i++)
			r = aggregate_piece(a, i, a->series[s].id);
	}
	return r;
}

/* ---- Answering ---------------------------------------------------------------- */

static int aggregate_put_group(void *arg, struct tally_cell *row, uint32_t group)
{
	struct aggregate *a = arg;
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < a->question->query->n_group_by; i++) {
		int at = a->groups[group], column = 1 + (int)i;
		if (PQgetisnull(a->list, at, column))
			continue;
		struct tally_cell cell = pg_get_cell(a->totals.answer->columns[column].type,
						     PQgetvalue(a->list, at, column),
						     PQgetlength(a->list, at, column));
		r = answer_put(a->totals.answer, row, 1 + i, &cell);
	}
	return r;
}

static void aggregate_done(struct aggregate *a)
{
	for (uint32_t i = 0; i < COVERAGE_MAX_PIECES; i++) {
		stream_close(&a->rows[i]);
		stream_close(&a->before[i]);
	}
	totals_done(&a->totals);
	parameters_done(&a->parameters);
	pg_text_done(&a->sql);
	PQclear(a->list);
	free(a->series);
	free(a->groups);
}

int aggregate_run(struct pg_connection *pg, const struct question *question,
		  const struct coverage *coverage, struct answer *answer)
{
	auto_free struct aggregate *a = calloc(1, sizeof(*a));
	if (!a)
		return tally_fail(pg->ctx, ENOMEM, "no memory");
	a->pg = pg;
	a->question = question;
	a->coverage = coverage;
	totals_init(&a->totals, question, answer);
	int r = aggregate_read(a);
	if (r == 0)
		r = totals_answer(&a->totals, aggregate_put_group, a);
	aggregate_done(a);
	return r;
}

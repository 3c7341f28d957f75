/* Each aggregate, against the same computed here in the plainest way. */
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_fixture.h"
#include "test.h"

enum { N_SERIES = 3, N_ROWS = 400, N_ALL = N_SERIES * N_ROWS };

struct sample {
	int64_t time, total;
	double value;
	bool has_value, has_total;
	int series;
};
static struct sample samples[N_ALL];

static const struct tally_select all_aggregates[] = {
	{"value", TALLY_AVG, 0},  {"value", TALLY_MIN, 0},   {"value", TALLY_MAX, 0},
	{"value", TALLY_SUM, 0},  {"value", TALLY_LAST, 0},  {"value", TALLY_COUNT, 0},
	{"total", TALLY_RATE, 0}, {"total", TALLY_MAX, 0},   {"total", TALLY_AVG, 0},
	{"total", TALLY_SUM, 0},  {"total", TALLY_COUNT, 0}, {"time", TALLY_LAST, 0},
};
enum { N_AGGREGATES = 11, N_ASKED }; /* of values; of all, the time of the newest row being last */

/* Counters that reset now and then, NULLs here and there, uneven intervals and a gap. */
static void make_samples(void)
{
	uint32_t random = 12345;
	for (int s = 0; s < N_SERIES; s++) {
		int64_t time = T0 + s * SECOND, total = 1000;
		for (int i = 0; i < N_ROWS; i++) {
			random = random * 1664525 + 1013904223;
			uint32_t r = random >> 8;
			total = r % 37 == 0 ? r % 50 : total + r % 1000;
			time += (1 + r % 20) * SECOND + (i == 200 ? 20 * MINUTE : 0);
			samples[s * N_ROWS + i] = (struct sample){.time = time,
								  .total = total,
								  .value = r % 997 / 8.0,
								  .has_value = r % 11 != 0,
								  .has_total = r % 13 != 0,
								  .series = s};
		}
	}
}

/* Every step-th from first on. */
static void write_some_samples(struct fixture *f, int first, int step)
{
	struct tally_batch *batch = fixture_batch(f, &series_table);
	for (int i = first; i < N_ALL; i += step) {
		const struct sample *s = &samples[i];
		const char *const ids[] = {"a", "b", "c"};
		put_series(f, batch, s->time, ids[s->series], s->value, s->total);
		struct tally_cell *row = (struct tally_cell *)(uintptr_t)batch->cells +
					 (size_t)(batch->n_rows - 1) * S_N;
		row[S_VALUE].set = s->has_value;
		row[S_TOTAL].set = s->has_total;
	}
	fixture_write(f, batch);
}

static void write_samples(struct fixture *f)
{
	make_samples();
	write_some_samples(f, 0, 1);
}

struct naive {
	double cells[N_AGGREGATES];
	bool set[N_AGGREGATES];
	int64_t newest, rows;
};

static void naive_values(struct naive *n, const struct sample *s)
{
	n->rows++;
	if (s->time >= n->newest) {
		n->cells[4] = s->value;
		n->set[4] = s->has_value;
		n->newest = s->time;
	}
	if (s->has_value) {
		n->cells[1] = n->set[1] ? fmin(n->cells[1], s->value) : s->value;
		n->cells[2] = n->set[2] ? fmax(n->cells[2], s->value) : s->value;
		n->cells[3] += s->value;
		n->cells[5]++;
		n->set[1] = n->set[2] = n->set[3] = n->set[0] = true;
	}
	if (s->has_total) {
		n->cells[7] = n->set[7] ? fmax(n->cells[7], (double)s->total) : (double)s->total;
		n->cells[9] += (double)s->total;
		n->cells[10]++;
		n->set[7] = n->set[8] = n->set[9] = true;
	}
}

/* Of the samples of one series in [from, to); before counts too, for the first delta. */
static void naive_rate(struct naive *n, int series, int64_t from, int64_t to)
{
	const struct sample *previous = NULL;
	double increase = 0, seconds = 0;
	for (int i = 0; i < N_ALL; i++) {
		const struct sample *s = &samples[i];
		if (s->series != series || !s->has_total || s->time >= to)
			continue;
		if (previous && s->time >= from && s->total >= previous->total) {
			increase += (double)(s->total - previous->total);
			seconds += (double)(s->time - previous->time) / 1e9;
		}
		previous = s;
	}
	if (seconds > 0) {
		n->cells[6] += increase / seconds;
		n->set[6] = true;
	}
}

/* series -1: all. */
static struct naive naive_of(int series, int64_t from, int64_t to)
{
	struct naive n = {.newest = INT64_MIN};
	n.set[5] = n.set[10] = true;
	for (int i = 0; i < N_ALL; i++)
		if ((series < 0 || samples[i].series == series) && samples[i].time >= from &&
		    samples[i].time < to)
			naive_values(&n, &samples[i]);
	for (int s = 0; s < N_SERIES; s++)
		if (series < 0 || series == s)
			naive_rate(&n, s, from, to);
	if (n.set[0])
		n.cells[0] = n.cells[3] / n.cells[5];
	if (n.set[8])
		n.cells[8] = n.cells[9] / n.cells[10];
	return n;
}

static void assert_row(const struct rows *rows, uint32_t row, uint32_t first, const struct naive *n)
{
	for (uint32_t i = 0; i < N_AGGREGATES; i++) {
		const struct tally_cell *cell = rows_at(rows, row, first + i);
		double value = rows->types[first + i] == TALLY_REAL ? cell->f : (double)cell->i;
		if (cell->set != n->set[i] ||
		    (cell->set && fabs(value - n->cells[i]) > 1e-9 * fabs(n->cells[i]) + 1e-9))
			fail_msg("row %u aggregate %u: %g (%d), not %g (%d)", row, i, value,
				 (int)cell->set, n->cells[i], n->set[i]);
	}
	assert_int_equal(rows->types[first + N_AGGREGATES], TALLY_TIME);
	assert_int_equal(rows_at(rows, row, first + N_AGGREGATES)->i, n->newest);
}

static const char *const by_id[] = {"container_id"};

/* Asks in buckets, grouped or not, and compares every row, and that none is missing. */
static void compare_buckets(struct fixture *f, int64_t from, int64_t to, int64_t bucket,
			    bool grouped, const char *source)
{
	struct tally_query query = query_of("samples", all_aggregates, N_ASKED);
	struct rows rows;
	uint32_t row = 0;
	query.from = from;
	query.to = to;
	query.bucket = bucket;
	query.group_by = by_id;
	query.n_group_by = grouped;
	if (ask(f, &query, &rows) != 0)
		fail_msg("%s", fake_host_reason(f->host));
	assert_string_equal(rows.table, source);
	for (int64_t start = from / bucket * bucket; start < to; start += bucket) {
		for (int s = grouped ? 0 : -1; s < (grouped ? N_SERIES : 0); s++) {
			int64_t lo = start < from ? from : start;
			int64_t hi = start + bucket > to ? to : start + bucket;
			struct naive n = naive_of(s, lo, hi);
			if (n.rows == 0)
				continue;
			assert_int_equal(rows_at(&rows, row, 0)->i, start);
			if (grouped)
				assert_int_equal(rows_at(&rows, row, 1)->text[0], 'a' + s);
			assert_row(&rows, row++, grouped ? 2 : 1, &n);
		}
	}
	assert_int_equal(row, rows.n);
	rows_free(&rows);
}

static void every_aggregate_equals_the_plain_computation(void **state)
{
	struct fixture *f = *state;
	write_samples(f);
	compare_buckets(f, T0, T0 + 2 * HOUR, 30 * SECOND, true, "samples");
	compare_buckets(f, T0, T0 + 2 * HOUR, 30 * SECOND, false, "samples");
	compare_buckets(f, T0, T0 + 2 * HOUR, 7 * MINUTE, true, "samples");
	compare_buckets(f, T0 + 1000 * SECOND, T0 + 3000 * SECOND, MINUTE, true, "samples");
}

static void compare_rolled_up(struct fixture *f)
{
	compare_buckets(f, T0, T0 + 2 * HOUR, 30 * SECOND, true, "samples");
	compare_buckets(f, T0, T0 + 2 * HOUR, MINUTE, true, "samples_1min");
	compare_buckets(f, T0, T0 + 2 * HOUR, MINUTE, false, "samples_1min");
	compare_buckets(f, T0 + 1000 * SECOND, T0 + 4130 * SECOND, 7 * MINUTE, true,
			"samples_1min");
	compare_buckets(f, T0, T0 + 2 * HOUR, 5 * MINUTE, true, "samples_5min");
	compare_buckets(f, T0 + 1000 * SECOND, T0 + 4130 * SECOND, 10 * MINUTE, true,
			"samples_5min");
	compare_buckets(f, T0 + 1000 * SECOND, T0 + 4130 * SECOND, HOUR, false, "samples_5min");
	compare_buckets(f, T0 - 20 * SECOND, T0 + 2 * HOUR, HOUR, true, "samples_1h");
	compare_buckets(f, T0 - HOUR, T0 + 2 * HOUR, DAY, false, "samples_1h");
}

static void rollups_answer_as_the_rows_do(void **state)
{
	struct fixture *f = *state;
	write_samples(f);
	maintenance_at(f, T0 + 3 * HOUR);
	compare_rolled_up(f);
	maintenance_at(f, T0 + 2 * DAY);
	compare_buckets(f, T0 - DAY, T0 + DAY, DAY, true, "samples_1d");
	/* The views show plain values. */
	assert_int_equal(fixture_sql(f, "SELECT (SELECT sum(total_sum) FROM samples_1h) = (SELECT "
					"sum(total) FROM samples)"),
			 1);
	assert_int_equal(fixture_sql(f, "SELECT (SELECT min(total_min) FROM samples_1d) = (SELECT "
					"min(total) FROM samples)"),
			 1);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples_1min JOIN samples USING "
					"(container_id) WHERE newest = samples.time AND total_last "
					"IS DISTINCT FROM total"),
			 0);
	/* And it is they that answer. */
	fixture_sql(f, "DELETE FROM @@samples_rows");
	compare_buckets(f, T0, T0 + 2 * HOUR, 2 * MINUTE, true, "samples_1min");
	fixture_sql(f, "DELETE FROM @@samples_1min_rows");
	compare_buckets(f, T0, T0 + 2 * HOUR, 10 * MINUTE, true, "samples_5min");
	fixture_sql(f, "DELETE FROM @@samples_5min_rows");
	compare_buckets(f, T0, T0 + 2 * HOUR, HOUR, true, "samples_1h");
	fixture_sql(f, "DELETE FROM @@samples_1h_rows");
	compare_buckets(f, T0 - DAY, T0 + DAY, DAY, false, "samples_1d");
}

static void what_is_not_rolled_up_yet_comes_from_the_rows(void **state)
{
	struct fixture *f = *state;
	write_samples(f);
	maintenance_at(f, T0 + 65 * MINUTE + 30 * SECOND);
	assert_in_range(fixture_newest(f, "samples_1min"), T0 + 62 * MINUTE, T0 + 63 * MINUTE);
	compare_rolled_up(f);
	fixture_restart(f);
	maintenance_at(f, T0 + 80 * MINUTE);
	compare_rolled_up(f);
}

static void a_late_row_is_rolled_up_as_if_it_had_been_in_time(void **state)
{
	struct fixture *f = *state;
	make_samples();
	write_some_samples(f, 0, 3);
	maintenance_at(f, T0 + 2 * DAY);
	write_some_samples(f, 1, 3);
	fixture_restart(f);
	write_some_samples(f, 2, 3);
	maintenance_until_none_is_late(f, T0 + 2 * DAY);
	compare_rolled_up(f);
	compare_buckets(f, T0 - DAY, T0 + DAY, DAY, true, "samples_1d");
}

static void an_older_store_answers_from_its_minutes_until_it_has_five(void **state)
{
	struct fixture *f = *state;
	write_samples(f);
	maintenance_at(f, T0 + 2 * DAY);
	fixture_make_older(f);
	fixture_restart(f);
	compare_buckets(f, T0, T0 + 2 * HOUR, 10 * MINUTE, true, "samples_1min");
	compare_buckets(f, T0 - 20 * SECOND, T0 + 2 * HOUR, HOUR, true, "samples_1h");
	maintenance_at(f, T0 + 2 * DAY);
	compare_rolled_up(f);
}

static void late_rows_wait_until_an_older_store_has_its_five_minutes(void **state)
{
	struct fixture *f = *state;
	make_samples();
	write_some_samples(f, 0, 3);
	maintenance_at(f, T0 + 2 * DAY);
	fixture_make_older(f);
	fixture_restart(f);
	write_some_samples(f, 1, 3);
	write_some_samples(f, 2, 3);
	maintenance_until_none_is_late(f, T0 + 2 * DAY);
	compare_rolled_up(f);
	compare_buckets(f, T0 - DAY, T0 + DAY, DAY, true, "samples_1d");
}

static void rows_that_are_kept_for_longer_than_their_rollups_answer(void **state)
{
	struct fixture *f = *state;
	fixture_keep(f, 20 * DAY, 2 * DAY);
	write_samples(f);
	maintenance_at(f, T0 + 2 * DAY + HOUR); /* some of the minutes are gone, or soon */
	compare_buckets(f, T0, T0 + 2 * HOUR, MINUTE, true, "samples_1min");
	compare_buckets(f, T0 - 20 * SECOND, T0 + 2 * HOUR, HOUR, true, "samples_1h");
	maintenance_at(f, T0 + 5 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples_1min"), 0);
	compare_buckets(f, T0, T0 + 2 * HOUR, MINUTE, true, "samples");
	compare_buckets(f, T0, T0 + 2 * HOUR, 5 * MINUTE, false, "samples");
	compare_buckets(f, T0 - 20 * SECOND, T0 + 2 * HOUR, HOUR, true, "samples");
	compare_buckets(f, T0 - DAY, T0 + DAY, DAY, true, "samples_1d");
}

static void a_minute_without_an_increase_adds_none_to_its_hour(void **state)
{
	struct fixture *f = *state;
	const struct tally_select rate[] = {{.column = "total", .aggregate = TALLY_RATE}};
	struct tally_query query = query_of("samples", rate, 1);
	struct rows rows;
	struct tally_batch *batch = fixture_batch(f, &series_table);
	put_series(f, batch, T0 + MINUTE, "a", 1, 100);
	put_series(f, batch, T0 + 11 * MINUTE, "a", 1, 40); /* it fell */
	put_series(f, batch, T0 + 21 * MINUTE, "a", 1, 100);
	fixture_write(f, batch);
	maintenance_at(f, T0 + 2 * DAY);
	query.bucket = HOUR;
	assert_int_equal(ask(f, &query, &rows), 0);
	assert_string_equal(rows.table, "samples_1h");
	assert_true(fabs(rows_at(&rows, 0, 1)->f - 0.1) < 1e-9);
	rows_free(&rows);
}

static void one_bucket_over_all_has_the_time_of_the_newest_row(void **state)
{
	struct fixture *f = *state;
	struct tally_query query = query_of("samples", all_aggregates, N_ASKED);
	struct rows rows;
	write_samples(f);
	query.to = T0 + DAY;
	assert_int_equal(ask(f, &query, &rows), 0);
	struct naive n = naive_of(-1, 0, T0 + DAY);
	assert_int_equal(rows.n, 1);
	assert_int_equal(rows_at(&rows, 0, 0)->i, n.newest);
	assert_row(&rows, 0, 1, &n);
	rows_free(&rows);
	query.group_by = by_id;
	query.n_group_by = 1;
	assert_int_equal(ask(f, &query, &rows), 0);
	assert_int_equal(rows.n, N_SERIES);
	for (uint32_t i = 1; i < rows.n; i++)
		assert_true(rows_at(&rows, i - 1, 0)->i <= rows_at(&rows, i, 0)->i);
	for (uint32_t i = 0; i < rows.n; i++) {
		n = naive_of(rows_at(&rows, i, 1)->text[0] - 'a', 0, T0 + DAY);
		assert_row(&rows, i, 2, &n);
	}
	rows_free(&rows);
}

static void the_latest_of_every_group_is_its_newest_row(void **state)
{
	struct fixture *f = *state;
	static const struct tally_select select[] = {
		{"value", TALLY_LAST, 0}, {"note", TALLY_LAST, 0}, {"container_id", TALLY_LAST, 0}};
	struct tally_query query = query_of("samples", select, 3);
	struct rows rows;
	write_samples(f);
	struct tally_batch *batch = fixture_batch(f, &series_table);
	put_series(f, batch, T0 + DAY, "b", 7.5, 1);
	put_text(f, batch, S_NOTE, "newest");
	fixture_write(f, batch);
	query.group_by = by_id;
	query.n_group_by = 1;
	query.newest_first = 1;
	assert_int_equal(ask(f, &query, &rows), 0);
	assert_int_equal(rows.n, N_SERIES);
	assert_int_equal(rows_at(&rows, 0, 0)->i, T0 + DAY);
	assert_string_equal(rows_at(&rows, 0, 1)->text, "b");
	assert_true(rows_at(&rows, 0, 2)->f == 7.5);
	assert_string_equal(rows_at(&rows, 0, 3)->text, "newest");
	assert_string_equal(rows_at(&rows, 0, 4)->text, "b");
	assert_int_equal(rows_at(&rows, 1, 3)->set, 0);
	rows_free(&rows);
	query.n_group_by = 0;
	assert_int_equal(ask(f, &query, &rows), 0);
	assert_int_equal(rows.n, 1);
	assert_string_equal(rows_at(&rows, 0, 2)->text, "newest");
	rows_free(&rows);
	query.to = T0 + DAY;
	assert_int_equal(ask(f, &query, &rows), 0);
	assert_int_equal(rows_at(&rows, 0, 2)->set, 0);
	rows_free(&rows);
}

enum { N_ENDED = 7, N_IN_RANGE = 5 };
static const char *const ended_ids[N_ENDED] = {"a", "b", "c", "d", "e", "f", "g"};

/* The newest row of the first is of ten hours after T0, of the next an hour older, and so on. */
static void write_ended(struct fixture *f)
{
	struct tally_batch *batch = fixture_batch(f, &series_table);
	fake_host_set_now(f->host, T0 + 10 * HOUR);
	for (int i = 0; i < N_ENDED; i++)
		for (int before = 2; before >= 0; before--)
			put_series(f, batch, T0 + (10 - i) * HOUR - before * MINUTE, ended_ids[i],
				   i - before, 1);
	fixture_write(f, batch);
}

static void assert_ended(struct fixture *f, const struct tally_query *query, uint32_t n)
{
	struct rows rows;
	assert_int_equal(ask(f, query, &rows), 0);
	assert_int_equal(rows.n, n);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(rows_at(&rows, i, 0)->i, T0 + (10 - i) * HOUR);
		assert_string_equal(rows_at(&rows, i, 1)->text, ended_ids[i]);
		assert_true(rows_at(&rows, i, 2)->f == i);
	}
	rows_free(&rows);
}

/* All; those that are named; and one that has no name. */
static void a_newest_row_may_be_of_any_time_in_the_range(void **state)
{
	static const struct tally_select value = {"value", TALLY_LAST, 0};
	struct fixture *f = *state;
	struct tally_query query = query_of("samples", &value, 1);
	struct tally_filter filters[N_ENDED + 1];
	write_ended(f);
	query.from = T0 + (10 - N_IN_RANGE + 1) * HOUR;
	query.to = T0 + 11 * HOUR;
	query.group_by = by_id;
	query.n_group_by = 1;
	query.newest_first = 1;
	query.filters = filters;
	for (uint32_t i = 0; i <= N_ENDED; i++)
		filters[i] =
			(struct tally_filter){.column = "container_id",
					      .match = TALLY_EQUALS,
					      .value = {.text = i < N_ENDED ? ended_ids[i] : NULL,
							.len = i < N_ENDED,
							.set = i < N_ENDED}};
	for (; query.n_filters <= N_ENDED + 1; query.n_filters++)
		assert_ended(f, &query,
			     query.n_filters && query.n_filters < N_IN_RANGE ? query.n_filters
									     : N_IN_RANGE);
}

static void where_the_newest_row_is_not_wanted_it_is_the_one_before(void **state)
{
	static const struct tally_select value = {"value", TALLY_LAST, 0};
	const struct tally_filter negative = {"value", TALLY_LESS, 0, {.f = 0, .set = 1}};
	struct fixture *f = *state;
	struct tally_query query = query_of("samples", &value, 1);
	struct rows rows;
	write_ended(f);
	query.from = T0;
	query.to = T0 + 11 * HOUR;
	query.group_by = by_id;
	query.n_group_by = 1;
	query.newest_first = 1;
	query.filters = &negative;
	query.n_filters = 1;
	assert_int_equal(ask(f, &query, &rows), 0);
	assert_int_equal(rows.n, 2);
	assert_int_equal(rows_at(&rows, 0, 0)->i, T0 + 10 * HOUR - MINUTE);
	assert_int_equal(rows_at(&rows, 1, 0)->i, T0 + 9 * HOUR - 2 * MINUTE);
	rows_free(&rows);
}

/* The last value of the newest row, or of none. */
static void assert_newest(struct fixture *f, const struct tally_query *query, double value,
			  int64_t time)
{
	struct rows rows;
	assert_int_equal(ask(f, query, &rows), 0);
	assert_int_equal(rows.n, 1);
	assert_int_equal(rows_at(&rows, 0, 0)->i, time);
	assert_true(rows_at(&rows, 0, 1)->f == value);
	assert_int_equal(rows_at(&rows, 0, 2)->i, time);
	rows_free(&rows);
}

static void the_newest_row_of_a_group_may_be_of_any_of_its_series(void **state)
{
	struct fixture *f = *state;
	static const struct tally_select select[] = {{"value", TALLY_LAST, 0},
						     {"time", TALLY_LAST, 0}};
	const struct tally_filter small = {"value", TALLY_LESS, 0, {.f = 3, .set = 1}};
	struct tally_query query = query_of("samples", select, 2);
	struct rows rows;
	struct tally_batch *batch = fixture_batch(f, &series_table);
	put_series(f, batch, T0, "a", 2, 1);
	put_series(f, batch, T0 + SECOND, "b", 3, 1);
	put_series(f, batch, T0 + 3 * SECOND, "b", 4, 1);
	put_series(f, batch, T0 + 2 * SECOND, "c", 5, 1);
	fixture_write(f, batch);
	assert_newest(f, &query, 4, T0 + 3 * SECOND);
	query.to = T0 + 3 * SECOND;
	assert_newest(f, &query, 5, T0 + 2 * SECOND);
	query.filters = &small;
	query.n_filters = 1;
	assert_newest(f, &query, 2, T0);
	query.from = T0 + 1;
	assert_int_equal(ask(f, &query, &rows), 0);
	assert_int_equal(rows.n, 0);
	rows_free(&rows);
	query.n_filters = 0;
	query.group_by = by_id;
	query.n_group_by = 1;
	query.limit = 1;
	assert_int_equal(ask(f, &query, &rows), -EINVAL);
	assert_non_null(strstr(fake_host_reason(f->host), "more than 1 rows"));
}

static void filters_choose_what_is_aggregated(void **state)
{
	struct fixture *f = *state;
	static const struct tally_select select[] = {{"value", TALLY_MIN, 0},
						     {"value", TALLY_COUNT, 0}};
	const struct tally_filter filters[] = {
		{"container_id", TALLY_EQUALS, 0, {.text = "b", .len = 1, .set = 1}},
		{"value", TALLY_GREATER, 0, {.f = 50, .set = 1}}};
	struct tally_query query = query_of("samples", select, 2);
	struct rows rows;
	int64_t expected = 0;
	write_samples(f);
	for (int i = 0; i < N_ALL; i++)
		expected += samples[i].series == 1 && samples[i].has_value && samples[i].value > 50;
	query.filters = filters;
	query.n_filters = 2;
	assert_int_equal(ask(f, &query, &rows), 0);
	assert_int_equal(rows.n, 1);
	assert_true(rows_at(&rows, 0, 1)->f > 50);
	assert_int_equal(rows_at(&rows, 0, 2)->i, expected);
	rows_free(&rows);
}

static void more_rows_than_the_limit_are_refused_with_a_reason(void **state)
{
	struct fixture *f = *state;
	struct tally_query query = query_of("samples", all_aggregates, N_ASKED);
	struct rows rows;
	write_samples(f);
	query.bucket = 30 * SECOND;
	query.limit = 20;
	assert_int_equal(ask(f, &query, &rows), -EINVAL);
	assert_non_null(strstr(fake_host_reason(f->host), "more than 20 rows"));
}

/* Three on h1, of which the second is the newest, and a newer one on h2. */
static void write_things(struct fixture *f)
{
	static const int64_t ages[] = {3, 1, 2, 0};
	struct tally_batch *batch = fixture_batch(f, &state_table);
	for (int i = 0; i < 4; i++) {
		char id[] = {(char)('a' + i), 0};
		struct tally_cell *row = tally_batch_row(f->ctx, batch);
		tally_put_int(row, I_TIME, T0 - ages[i] * SECOND);
		put_text(f, batch, I_HOST, i == 3 ? "h2" : "h1");
		put_text(f, batch, I_ID, id);
		if (i)
			put_text(f, batch, I_STATE, "x");
	}
	fixture_write(f, batch);
}

static void a_state_table_can_be_counted(void **state)
{
	struct fixture *f = *state;
	static const struct tally_select select[] = {{"id", TALLY_COUNT, 0},
						     {"state", TALLY_COUNT, 0}};
	static const char *const by_host[] = {"host"};
	struct tally_query query = query_of("things", select, 2);
	struct rows rows;
	write_things(f);
	query.group_by = by_host;
	query.n_group_by = 1;
	query.from = query.to = 0;
	assert_int_equal(ask(f, &query, &rows), 0);
	assert_int_equal(rows.n, 2);
	assert_string_equal(rows_at(&rows, 0, 1)->text, "h1");
	assert_int_equal(rows_at(&rows, 0, 2)->i, 3);
	assert_int_equal(rows_at(&rows, 0, 3)->i, 2);
	assert_int_equal(rows_at(&rows, 1, 2)->i, 1);
	rows_free(&rows);
}

static void the_newest_row_of_a_state_table_can_be_asked_for(void **state)
{
	struct fixture *f = *state;
	static const struct tally_select select[] = {
		{"host", TALLY_LAST, 0}, {"id", TALLY_LAST, 0}, {"gone_at", TALLY_LAST, 0}};
	const struct tally_filter on_h1 = {
		"host", TALLY_EQUALS, 0, {.text = "h1", .len = 2, .set = 1}};
	struct tally_query query = query_of("things", select, 3);
	struct rows rows;
	write_things(f);
	query.filters = &on_h1;
	query.n_filters = 1;
	query.limit = 1;
	assert_int_equal(ask(f, &query, &rows), 0);
	assert_int_equal(rows.n, 1);
	assert_int_equal(rows_at(&rows, 0, 0)->i, T0 - SECOND);
	assert_string_equal(rows_at(&rows, 0, 1)->text, "h1");
	assert_string_equal(rows_at(&rows, 0, 2)->text, "b");
	assert_int_equal(rows_at(&rows, 0, 3)->set, 0);
	rows_free(&rows);
}

static void a_sum_of_integers_does_not_wrap(void **state)
{
	struct fixture *f = *state;
	static const struct tally_select select[] = {
		{"total", TALLY_SUM, 0}, {"total", TALLY_AVG, 0}, {"total", TALLY_RATE, 0}};
	struct tally_query query = query_of("samples", select, 3);
	struct tally_batch *batch = fixture_batch(f, &series_table);
	struct rows rows;
	put_series(f, batch, T0, "a", 1, INT64_MIN + 1);
	put_series(f, batch, T0 + SECOND, "a", 1, INT64_MAX);
	put_series(f, batch, T0 + 2 * SECOND, "a", 1, INT64_MAX);
	put_series(f, batch, T0 + 3 * SECOND, "a", 1, INT64_MAX);
	fixture_write(f, batch);
	assert_int_equal(ask(f, &query, &rows), 0);
	assert_int_equal(rows_at(&rows, 0, 1)->i, INT64_MAX);
	assert_true(fabs(rows_at(&rows, 0, 2)->f - (double)INT64_MAX / 2) < 1e6);
	assert_true(rows_at(&rows, 0, 3)->f >= 0);
	rows_free(&rows);
}

static const struct tally_column level_columns[] = {
	{.name = "time", .type = TALLY_TIME},
	{.name = "host", .type = TALLY_TEXT, .role = TALLY_TAG},
	{.name = "level", .type = TALLY_REAL, .role = TALLY_COUNTER},
};
static const struct tally_table level_table = {.name = "levels",
					       .columns = level_columns,
					       .n_columns = 3,
					       .kind = TALLY_SERIES,
					       .revision = 1};

static void put_level(struct fixture *f, struct tally_batch *batch, int64_t time, double level)
{
	struct tally_cell *row = tally_batch_row(f->ctx, batch);
	tally_put_int(row, 0, time);
	tally_put_real(row, 2, level);
	put_text(f, batch, 1, "h1");
}

static const double levels[][2] = {
	{1.7e308, 1.7e308},  {1.7e308, 1e-320}, {NAN, 3},        {INFINITY, 5}, {1e-320, 1e-320},
	{-1.7e308, 1.7e308}, {1e300, -1e300},   {1e290, 1e-300}, {0.1, 0.2},
};
enum { N_LEVELS_OF_TEST = sizeof(levels) / sizeof(levels[0]) };

static void assert_same_rows(const struct rows *a, const struct rows *b)
{
	assert_int_equal(a->n, b->n);
	for (uint32_t i = 0; i < a->n * a->n_columns; i++) {
		assert_int_equal(a->cells[i].set, b->cells[i].set);
		if (a->cells[i].set)
			assert_int_equal(a->cells[i].i, b->cells[i].i); /* bit by bit */
	}
}

static void reals_of_any_size_are_rolled_up_as_they_are_summed(void **state)
{
	struct fixture *f = *state;
	static const struct tally_select select[] = {
		{"level", TALLY_SUM, 0},  {"level", TALLY_MIN, 0},  {"level", TALLY_MAX, 0},
		{"level", TALLY_LAST, 0}, {"level", TALLY_RATE, 0}, {"level", TALLY_COUNT, 0}};
	struct tally_query query = query_of("levels", select, 6);
	struct tally_batch *batch = fixture_batch(f, &level_table);
	struct rows before, after;
	for (int i = 0; i < N_LEVELS_OF_TEST; i++)
		for (int j = 0; j < 2; j++)
			put_level(f, batch, T0 + i * MINUTE + j * SECOND, levels[i][j]);
	fixture_write(f, batch);
	query.bucket = MINUTE;
	assert_int_equal(ask(f, &query, &before), 0);
	assert_true(isinf(rows_at(&before, 0, 1)->f));
	assert_int_equal(rows_at(&before, 2, 6)->i, 1); /* what is no number is no value */
	maintenance_at(f, T0 + 2 * DAY);
	assert_int_equal(ask(f, &query, &after), 0);
	assert_string_equal(after.table, "levels_1min");
	assert_same_rows(&before, &after);
	rows_free(&before);
	rows_free(&after);
	query.bucket = DAY;
	assert_int_equal(ask(f, &query, &after), 0);
	assert_string_equal(after.table, "levels_1d");
	assert_true(isinf(rows_at(&after, 0, 1)->f));
	rows_free(&after);
}

int main(void)
{
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		STORE_TEST(every_aggregate_equals_the_plain_computation),
		STORE_TEST(rollups_answer_as_the_rows_do),
		STORE_TEST(what_is_not_rolled_up_yet_comes_from_the_rows),
		STORE_TEST(a_late_row_is_rolled_up_as_if_it_had_been_in_time),
		STORE_TEST(an_older_store_answers_from_its_minutes_until_it_has_five),
		STORE_TEST(late_rows_wait_until_an_older_store_has_its_five_minutes),
		STORE_TEST(rows_that_are_kept_for_longer_than_their_rollups_answer),
		STORE_TEST(a_minute_without_an_increase_adds_none_to_its_hour),
		STORE_TEST(one_bucket_over_all_has_the_time_of_the_newest_row),
		STORE_TEST(a_newest_row_may_be_of_any_time_in_the_range),
		STORE_TEST(where_the_newest_row_is_not_wanted_it_is_the_one_before),
		STORE_TEST(the_latest_of_every_group_is_its_newest_row),
		STORE_TEST(the_newest_row_of_a_group_may_be_of_any_of_its_series),
		STORE_TEST(filters_choose_what_is_aggregated),
		STORE_TEST(more_rows_than_the_limit_are_refused_with_a_reason),
		STORE_TEST(a_state_table_can_be_counted),
		STORE_TEST(the_newest_row_of_a_state_table_can_be_asked_for),
		STORE_TEST(a_sum_of_integers_does_not_wrap),
		STORE_TEST(reals_of_any_size_are_rolled_up_as_they_are_summed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

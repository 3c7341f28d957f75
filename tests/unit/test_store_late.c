/* Rows that come late: growth, also of counters that some rows do not have, against the same added
 * up here in the plainest way. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store_fixture.h"
#include "test.h"

enum { N_SERIES = 4, N_ROWS = 150, N_ALL = N_SERIES * N_ROWS, N_PARTS = 4 };

struct sample {
	int64_t time, total;
	bool has_total, written;
};
static struct sample samples[N_SERIES][N_ROWS];
static uint32_t drawn;

static uint32_t draw(uint32_t below)
{
	drawn = drawn * 1664525 + 1013904223;
	return (drawn >> 8) % below;
}

/* Often several minutes apart; of the first series each row has the counter, of the last few. */
static void make_samples(void)
{
	drawn = 4711;
	for (uint32_t s = 0; s < N_SERIES; s++) {
		int64_t time = T0 + s * SECOND, total = 1000;
		for (int i = 0; i < N_ROWS; i++) {
			time += (5 + draw(draw(3) ? 60 : 400)) * SECOND;
			total = draw(25) == 0 ? draw(50) : total + draw(1000);
			samples[s][i] = (struct sample){
				.time = time, .total = total, .has_total = draw(4) >= s};
		}
	}
}

static void put_sample(struct fixture *f, struct tally_batch *batch, int series, struct sample *s)
{
	const char *const ids[N_SERIES] = {"a", "b", "c", "d"};
	put_series(f, batch, s->time, ids[series], 1, s->total);
	struct tally_cell *row =
		(struct tally_cell *)(uintptr_t)batch->cells + (size_t)(batch->n_rows - 1) * S_N;
	row[S_TOTAL].set = s->has_total;
	s->written = true;
}

/* One of so many that are not written yet. */
static void write_one_of(struct fixture *f, uint32_t parts)
{
	struct tally_batch *batch = fixture_batch(f, &series_table);
	for (int s = 0; s < N_SERIES; s++)
		for (int i = 0; i < N_ROWS; i++)
			if (!samples[s][i].written && draw(parts) == 0)
				put_sample(f, batch, s, &samples[s][i]);
	fixture_write(f, batch);
}

/* By how much it grew a second within a minute, where it did not fall; NAN: nothing is known. */
static double rate_of(int series, int64_t minute)
{
	const struct sample *before = NULL;
	double increase = 0, seconds = 0;
	for (int i = 0; i < N_ROWS; i++) {
		const struct sample *s = &samples[series][i];
		if (!s->written || !s->has_total || s->time >= minute + MINUTE)
			continue;
		if (before && s->time >= minute && s->total >= before->total) {
			increase += (double)(s->total - before->total);
			seconds += (double)(s->time - before->time) / 1e9;
		}
		before = s;
	}
	return seconds > 0 ? increase / seconds : NAN;
}

static void compare_minutes(struct fixture *f)
{
	static const char *const by_id[] = {"container_id"};
	static const struct tally_select rate[] = {{"total", TALLY_RATE, 0}};
	struct tally_query query = query_of("samples", rate, 1);
	struct rows rows;
	int known = 0;
	query.from = T0;
	query.to = T0 + DAY;
	query.bucket = MINUTE;
	query.group_by = by_id;
	query.n_group_by = 1;
	query.limit = N_ALL;
	assert_int_equal(ask(f, &query, &rows), 0);
	assert_string_equal(rows.table, "samples_1min");
	for (uint32_t row = 0; row < rows.n; row++) {
		int64_t minute = rows_at(&rows, row, 0)->i;
		int series = rows_at(&rows, row, 1)->text[0] - 'a';
		const struct tally_cell *got = rows_at(&rows, row, 2);
		double want = rate_of(series, minute);
		if (got->set == (isnan(want) != 0) ||
		    (got->set && fabs(got->f - want) > 1e-9 * want))
			fail_msg("%c, minute %d: %g, not %g", 'a' + series,
				 (int)((minute - T0) / MINUTE), got->set ? got->f : NAN, want);
		known += got->set;
	}
	assert_true(known > 0);
	rows_free(&rows);
}

static void growth_goes_on_over_late_rows_and_over_rows_without_it(void **state)
{
	struct fixture *f = *state;
	make_samples();
	for (uint32_t parts = N_PARTS; parts > 0; parts--) {
		write_one_of(f, parts);
		maintenance_until_none_is_late(f, T0 + 2 * DAY);
		compare_minutes(f);
	}
}

/* What all grew by a second. */
static double rate_of_the_day(struct fixture *f)
{
	const struct tally_select rate[] = {{.column = "total", .aggregate = TALLY_RATE}};
	struct tally_query query = query_of("samples", rate, 1);
	struct rows rows;
	query.bucket = DAY;
	assert_int_equal(ask(f, &query, &rows), 0);
	assert_int_equal(rows.n, 1);
	double value = rows_at(&rows, 0, 1)->f;
	rows_free(&rows);
	return value;
}

static void write_total(struct fixture *f, int64_t time, const char *id, int64_t total)
{
	struct tally_batch *batch = fixture_batch(f, &series_table);
	put_series(f, batch, time, id, 1, total);
	fixture_write(f, batch);
}

static void a_late_row_takes_its_part_of_an_increase_from_a_row_that_is_far(void **state)
{
	struct fixture *f = *state;
	write_total(f, T0 + HOUR, "a", 100);
	write_total(f, T0 + HOUR, "b", 100);
	write_total(f, T0 + HOUR + 10 * MINUTE, "a", 300);
	write_total(f, T0 + 5 * HOUR, "b", 300);
	maintenance_at(f, T0 + 2 * DAY);
	write_total(f, T0 + HOUR + 5 * MINUTE, "a", 200);
	write_total(f, T0 + 3 * HOUR, "b", 150);
	write_total(f, T0 + 3 * HOUR + 2 * MINUTE, "b", 160);
	maintenance_at(f, T0 + 2 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT sum(total_increase) FROM samples_1min"), 400);
	assert_int_equal(fixture_sql(f, "SELECT sum(total_increase) FROM samples_1d"), 400);
	assert_true(fabs(rate_of_the_day(f) - 200 / 600.0 - 200 / 14400.0) < 1e-9);
}

int main(void)
{
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		STORE_TEST(growth_goes_on_over_late_rows_and_over_rows_without_it),
		STORE_TEST(a_late_row_takes_its_part_of_an_increase_from_a_row_that_is_far),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

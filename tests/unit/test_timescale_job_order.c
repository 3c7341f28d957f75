/*
 * Rolling up, deleting and compressing in every order, day by day with late rows: what is to be
 * kept is kept, to the row, whichever comes first.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "maintenance/compression.h"
#include "maintenance/retention.h"
#include "maintenance/rollup.h"
#include "timescale_fixture.h"
#include "test.h"

enum { DAYS = 6, ROWS = 6, JOBS = 3, ORDERS = 6 };

typedef int job_fn(struct fixture *f, const struct stored_table *stored, int64_t now);

static struct step_size step_size = {.lock_timeout = 2000};

/* Rows and minutes for two days only. */
static const struct retention_age age = {.raw = 2 * DAY, .rollup = 2 * DAY, .daily = 400 * DAY};

static struct retention retention_at(struct fixture *f, const struct store_clock *clock)
{
	return (struct retention){.pg = &f->store->maintenance.pg,
				  .server = &f->store->server,
				  .step_size = &step_size,
				  .now = clock->seen,
				  .clock = clock,
				  .age = &age};
}

static int job_roll(struct fixture *f, const struct stored_table *stored, int64_t now)
{
	struct rollup rollup = {.pg = &f->store->maintenance.pg,
				.server = &f->store->server,
				.stored = stored,
				.now = now,
				.span = DAY};
	int r = 1;
	while (r > 0)
		r = rollup_ahead(&rollup);
	for (int more = 1; r == 0 && more > 0; r = more < 0 ? more : 0)
		more = rollup_late(&rollup);
	return r;
}

static int job_delete(struct fixture *f, const struct stored_table *stored, int64_t now)
{
	const struct store_clock clock = {.trusted = now, .seen = now};
	const struct retention retention = retention_at(f, &clock);
	return retention_run(&retention, stored);
}

static int job_compress(struct fixture *f, const struct stored_table *stored, int64_t now)
{
	const struct compression compression = {.pg = &f->store->maintenance.pg,
						.step_size = &step_size,
						.server = &f->store->server,
						.before = now - HOUR,
						.again = true};
	return compression_run(&compression, stored);
}

static job_fn *const orders[ORDERS][JOBS] = {
	{job_roll, job_delete, job_compress}, {job_roll, job_compress, job_delete},
	{job_delete, job_roll, job_compress}, {job_delete, job_compress, job_roll},
	{job_compress, job_roll, job_delete}, {job_compress, job_delete, job_roll},
};

/* A row an hour from a time on, and one that is a day late; of what lies within an hour after the
 * deleted it is not known what counters go on from, so that is not rolled up again. */
static void write_day(struct fixture *f, int64_t from)
{
	struct tally_batch *batch = fixture_batch(f, &series_table);
	fake_host_set_now(f->host, from + DAY);
	for (int i = 0; i < ROWS; i++)
		put_series(f, batch, from + i * HOUR, "a", 1, i);
	put_series(f, batch, from - DAY + 150 * MINUTE, "a", 1, 1);
	fixture_write(f, batch);
}

static void run_order(struct fixture *f, job_fn *const jobs[JOBS])
{
	fake_host_set_now(f->host, T0);
	maintenance_at(f, T0); /* its connection */
	for (int day = 0; day < DAYS; day++) {
		write_day(f, T0 + day * DAY);
		int64_t now = T0 + (day + 1) * DAY + HOUR;
		const struct stored_table *stored = catalog_find(&f->store->catalog, "samples");
		for (int job = 0; job < JOBS; job++)
			if (jobs[job](f, stored, now) != 0)
				fail_msg("%s", fake_host_reason(f->host));
	}
}

static void in_any_order_of_jobs_daily_rollups_have_every_row(void **state)
{
	struct fixture *f = *state;
	for (int order = 0; order < ORDERS; order++) {
		fixture_sql(f, "TRUNCATE tally.marks, tally.late");
		fixture_own_rollups(f);
		if (order > 0)
			fixture_sql(f, "TRUNCATE tally.samples_rows, tally.samples_1min_rows, "
				       "tally.samples_5min_rows, "
				       "tally.samples_1h_rows, tally.samples_1d_rows");
		run_order(f, orders[order]);
		job_roll(f, catalog_find(&f->store->catalog, "samples"), T0 + (DAYS + 1) * DAY);
		assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1d"),
				 DAYS * (ROWS + 1));
		assert_int_equal(fixture_sql(f, "SELECT sum(value_sum) FROM samples_1d"),
				 DAYS * (ROWS + 1));
		assert_true(fixture_sql(f, "SELECT count(*) FROM samples") < DAYS * (ROWS + 1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(in_any_order_of_jobs_daily_rollups_have_every_row,
						fixture_setup, fixture_teardown)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

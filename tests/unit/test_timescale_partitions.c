/*
 * How wide partitions and chunks are: by how long rows are kept, beside those of another width, and
 * what that means for what is deleted.
 */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "timescale_fixture.h"
#include "test.h"

/* T0 lies four days before a multiple of 30 days since 1970. */
#define BORDER (T0 + 4 * DAY)

static struct tally_table notes(uint32_t flags)
{
	struct tally_table table = log_table;
	table.name = "notes";
	table.flags = flags;
	return table;
}

static void write_note(struct fixture *f, uint32_t flags, int64_t time)
{
	struct tally_table table = notes(flags);
	struct tally_batch *batch = fixture_batch(f, &table);
	put_log(f, batch, time, "x", time / DAY, "deployed");
	fixture_write(f, batch);
}

static void write_sample(struct fixture *f, int64_t time)
{
	struct tally_batch *batch = fixture_batch(f, &series_table);
	put_series(f, batch, time, "a", 1, 1);
	fixture_write(f, batch);
}

static bool plain(const struct fixture *f)
{
	return f->store->server.mode == SERVER_PLAIN;
}

/* A value of all partitions or chunks of a table; where they begin and end are lower and upper. */
static int64_t of_partitions(struct fixture *f, const char *table, const char *what)
{
	char sql[600];
	if (plain(f))
		snprintf(sql, sizeof(sql), "SELECT %s FROM @@partitions_of('%s_rows') p", what,
			 table);
	else
		snprintf(sql, sizeof(sql),
			 "SELECT %s FROM (SELECT range_start AS lower, range_end AS upper FROM "
			 "timescaledb_information.chunks WHERE hypertable_schema = 'tally' AND "
			 "hypertable_name = '%s_rows') p",
			 what, table);
	return fixture_sql(f, sql);
}

/* No two overlap, and between the first and the last there is no gap. */
static bool in_one_piece(struct fixture *f, const char *table)
{
	return of_partitions(f, table, "sum(upper - lower) = max(upper) - min(lower)") == 1;
}

static int64_t notes_count(struct fixture *f)
{
	return fixture_sql(f, "SELECT count(*) FROM notes");
}

static int64_t kept_from(struct fixture *f, const char *table)
{
	char sql[200];
	snprintf(sql, sizeof(sql),
		 "SELECT extract(epoch FROM kept_from)::bigint * 1000000000 FROM @@marks WHERE "
		 "\"table\" = '%s' AND level = 0",
		 table);
	return fixture_sql(f, sql);
}

/* ---- Width ---------------------------------------------------------------------- */

static void what_is_kept_for_400_days_has_a_partition_per_30(void **state)
{
	struct fixture *f = *state;
	write_note(f, TALLY_KEPT_LONG, T0);
	for (int64_t day = 1; day <= 460; day++) {
		time_passes(f, T0 + day * DAY);
		write_note(f, TALLY_KEPT_LONG, T0 + day * DAY);
		if (day % 20 == 0)
			maintenance_at(f, T0 + day * DAY);
	}
	assert_true(in_one_piece(f, "notes"));
	assert_true(of_partitions(f, "notes", "count(*)") <= 16);
	assert_int_equal(of_partitions(f, "notes", "max(upper - lower) = interval '30 days'"), 1);
	/* 400 days, and what else lies in the oldest partition. */
	assert_in_range(notes_count(f), 401, 431);
}

/* Whatever the retention, there are at most 40, but none that holds much more than a fifth of it.
 */
static void a_retention_is_divided_into_at_most_forty(void **state)
{
	struct fixture *f = *state;
	static const struct {
		int days, width;
	} cases[] = {{1, 1},     {35, 1},    {36, 7},    {245, 7},    {246, 30},
		     {1050, 30}, {1051, 90}, {3150, 90}, {3151, 365}, {10000, 365}};
	if (!plain(f))
		skip();
	write_sample(f, T0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fixture_keep(f, cases[i].days * DAY, 30 * DAY);
		maintenance_at(f, T0);
		assert_int_equal(fixture_sql(f, "SELECT coalesce((SELECT days FROM @@partitioning "
						"WHERE relation = 'samples_rows'), 1)"),
				 cases[i].width);
		assert_true(cases[i].width == 1 || cases[i].width * 5 < cases[i].days);
		assert_true(cases[i].days / cases[i].width + 4 <= 40);
	}
}

/* A chunk is compressed when it is over, so many rows are not left in one for a month. */
static void chunks_that_are_compressed_hold_a_day_if_there_are_many_rows(void **state)
{
	struct fixture *f = *state;
	if (f->store->server.mode != SERVER_TSL)
		skip();
	fixture_keep(f, 300 * DAY, 300 * DAY);
	write_sample(f, T0);
	write_note(f, TALLY_KEPT_LONG, T0);
	maintenance_at(f, T0 + HOUR);
	assert_int_equal(of_partitions(f, "samples", "max(upper - lower) = interval '1 day'"), 1);
	assert_int_equal(of_partitions(f, "samples_1min", "max(upper - lower) = interval '1 day'"),
			 1);
	assert_int_equal(of_partitions(f, "notes", "max(upper - lower) = interval '30 days'"), 1);
}

static void what_somebody_set_for_a_hypertable_stays(void **state)
{
	struct fixture *f = *state;
	if (plain(f))
		skip();
	write_note(f, TALLY_KEPT_LONG, T0);
	fixture_sql(f, "SELECT set_chunk_time_interval('tally.notes_rows', interval '10 days')");
	maintenance_at(f, T0 + HOUR);
	write_note(f, TALLY_KEPT_LONG, T0 - 200 * DAY);
	assert_int_equal(of_partitions(f, "notes", "min(upper - lower) = interval '10 days'"), 1);
}

/* It is made as it is to be now, not as the one before it was. */
static void a_table_that_was_dropped_comes_back_with_its_width(void **state)
{
	struct fixture *f = *state;
	write_note(f, TALLY_KEPT_LONG, T0);
	fixture_sql(f, "DROP TABLE tally.notes_rows CASCADE");
	maintenance_at(f, T0 + HOUR);
	write_note(f, TALLY_KEPT_LONG, T0 + HOUR);
	assert_int_equal(notes_count(f), 1);
	assert_int_equal(of_partitions(f, "notes", "max(upper - lower) = interval '30 days'"), 1);
}

/* ---- Beside partitions of another width ------------------------------------------- */

/* As of a tallyd that made one a day, or before the retention was changed. */
static void the_next_partition_begins_where_the_last_one_ends(void **state)
{
	struct fixture *f = *state;
	write_note(f, 0, T0);
	maintenance_at(f, T0 + HOUR);
	int64_t days = of_partitions(f, "notes", "count(*)");
	write_note(f, TALLY_KEPT_LONG, T0 + HOUR);
	fixture_restart(f);
	maintenance_at(f, T0 + HOUR);
	for (int64_t day = 1; day <= 70; day++) {
		time_passes(f, T0 + day * DAY);
		write_note(f, TALLY_KEPT_LONG, T0 + day * DAY);
		maintenance_at(f, T0 + day * DAY);
	}
	assert_int_equal(notes_count(f), 72);
	assert_true(in_one_piece(f, "notes"));
	/* To the border, two of thirty days, and the next. */
	assert_true(of_partitions(f, "notes", "count(*)") <= days + 4);
}

static void a_late_row_gets_a_partition_between_those_there_are(void **state)
{
	struct fixture *f = *state;
	time_passes(f, T0 + 300 * DAY);
	write_note(f, 0, T0 + 299 * DAY);
	write_note(f, TALLY_KEPT_LONG, T0 + 300 * DAY);
	fixture_restart(f);
	time_passes(f, T0 + 300 * DAY);
	maintenance_at(f, T0 + 300 * DAY);
	for (int64_t day = 296; day > 200; day -= 5)
		write_note(f, TALLY_KEPT_LONG, T0 + day * DAY);
	write_note(f, TALLY_KEPT_LONG, T0 + 100 * DAY);
	write_note(f, TALLY_KEPT_LONG, T0 + 220 * DAY + HOUR);
	assert_int_equal(notes_count(f), 2 + 20 + 2);
	assert_int_equal(fake_host_rejected(f->host), 0);
	assert_int_equal(of_partitions(f, "notes", "count(*) = count(DISTINCT lower)"), 1);
	assert_true(of_partitions(f, "notes", "count(*)") < 4 + 6 + 3);
}

static void a_shorter_retention_makes_shorter_ones_from_then_on(void **state)
{
	struct fixture *f = *state;
	write_note(f, TALLY_KEPT_LONG, T0);
	backend_config.retention_daily = 20 * DAY;
	fixture_restart(f);
	for (int64_t day = 1; day <= 60; day++) {
		time_passes(f, T0 + day * DAY);
		write_note(f, TALLY_KEPT_LONG, T0 + day * DAY);
		maintenance_at(f, T0 + day * DAY);
	}
	assert_true(in_one_piece(f, "notes"));
	assert_int_equal(of_partitions(f, "notes", "max(upper - lower) = interval '1 day'"), 1);
	assert_int_equal(notes_count(f), 21);
}

/* One that somebody attached himself counts, too, and is not dropped. */
static void a_partition_of_somebody_else_is_let_be(void **state)
{
	struct fixture *f = *state;
	if (!plain(f))
		skip();
	write_note(f, TALLY_KEPT_LONG, T0);
	fixture_sql(f, "CREATE TABLE tally.notes_archive PARTITION OF tally.notes_rows FOR VALUES "
		       "FROM (MINVALUE) TO ('2023-01-01 00:00+00')");
	fixture_sql(f, "CREATE TABLE tally.notes_other PARTITION OF tally.notes_rows FOR VALUES "
		       "FROM ('2023-02-01 00:00+00') TO ('2023-02-03 12:00+00')");
	time_passes(f, T0 + DAY);
	for (int64_t day = 330; day > 0; day--)
		write_note(f, TALLY_KEPT_LONG, T0 - day * DAY + HOUR);
	assert_int_equal(notes_count(f), 331);
	maintenance_at(f, T0 + 600 * DAY);
	assert_int_equal(notes_count(f), 12 + 3);
}

/* ---- What is deleted --------------------------------------------------------------- */

/* One that holds a row that is to be kept stays, and so does what else is in it. */
static void a_partition_goes_when_all_of_it_is_too_old(void **state)
{
	struct fixture *f = *state;
	time_passes(f, BORDER - SECOND);
	write_note(f, TALLY_KEPT_LONG, BORDER - SECOND);
	time_passes(f, BORDER);
	write_note(f, TALLY_KEPT_LONG, BORDER);
	time_passes(f, BORDER + 10 * DAY);
	write_note(f, TALLY_KEPT_LONG, BORDER + 10 * DAY);
	maintenance_at(f, BORDER + 399 * DAY);
	assert_int_equal(notes_count(f), 3);
	assert_int_equal(kept_from(f, "notes"), -1);
	maintenance_at(f, BORDER + 400 * DAY);
	assert_int_equal(notes_count(f), 2);
	assert_int_equal(kept_from(f, "notes"), BORDER);
	/* Rows older than 400 days are still there, and nothing says that they are gone. */
	maintenance_at(f, BORDER + 429 * DAY);
	assert_int_equal(notes_count(f), 2);
	assert_int_equal(kept_from(f, "notes"), BORDER);
	maintenance_at(f, BORDER + 430 * DAY);
	assert_int_equal(notes_count(f), 0);
	assert_int_equal(kept_from(f, "notes"), BORDER + 30 * DAY);
}

/* Of samples that are kept for 100 days, by seven: a row comes for a minute whose rows are there
 * still, though they are older, and one for a minute whose rows are gone. */
static void late_rows_are_rolled_up_where_all_rows_are_there(void **state)
{
	struct fixture *f = *state;
	fixture_keep(f, 100 * DAY, 200 * DAY);
	if (f->store->server.mode == SERVER_TSL)
		skip(); /* by day */
	for (int64_t day = 0; day < 14; day++) {
		time_passes(f, T0 + day * DAY);
		write_sample(f, T0 + day * DAY + SECOND);
	}
	maintenance_at(f, T0 + 15 * DAY);
	/* T0 lies a day before a multiple of seven. */
	maintenance_at(f, T0 + 104 * DAY);
	assert_int_equal(kept_from(f, "samples"), T0 + DAY);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples"), 13);
	/* From a daemon whose clock is behind. */
	fake_host_set_now(f->host, T0 + 15 * DAY);
	write_sample(f, T0 + 2 * DAY + 2 * SECOND);
	write_sample(f, T0 + 2 * SECOND);
	maintenance_at(f, T0 + 104 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1d"), 14 + 1);
	assert_int_equal(fixture_sql(f, "SELECT max(rows) FROM samples_1min"), 2);
}

static int64_t wide(struct fixture *f)
{
	static const struct tally_select select[] = {{"value", TALLY_COUNT, 0}};
	struct tally_query query = query_of("samples", select, 1);
	struct rows rows;
	assert_int_equal(ask(f, &query, &rows), 0);
	rows_free(&rows);
	return PQntuples(f->store->readers.all[0].wide);
}

static void readers_notice_within_an_hour_that_a_table_has_many(void **state)
{
	struct fixture *f = *state;
	if (!plain(f))
		skip();
	write_sample(f, T0);
	assert_int_equal(wide(f), 0);
	fixture_sql(f,
		    "SELECT @@make_partitions('samples_rows', now() - interval '50 days', now())");
	assert_int_equal(wide(f), 0);
	f->store->readers.all[0].looked -= HOUR;
	assert_int_equal(wide(f), 1);
	assert_string_equal(PQgetvalue(f->store->readers.all[0].wide, 0, 0),
			    "tally.\"samples_rows\"");
}

#define PARTITIONS_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PARTITIONS_TEST(what_is_kept_for_400_days_has_a_partition_per_30),
		PARTITIONS_TEST(a_retention_is_divided_into_at_most_forty),
		PARTITIONS_TEST(chunks_that_are_compressed_hold_a_day_if_there_are_many_rows),
		PARTITIONS_TEST(what_somebody_set_for_a_hypertable_stays),
		PARTITIONS_TEST(a_table_that_was_dropped_comes_back_with_its_width),
		PARTITIONS_TEST(the_next_partition_begins_where_the_last_one_ends),
		PARTITIONS_TEST(a_late_row_gets_a_partition_between_those_there_are),
		PARTITIONS_TEST(a_shorter_retention_makes_shorter_ones_from_then_on),
		PARTITIONS_TEST(a_partition_of_somebody_else_is_let_be),
		PARTITIONS_TEST(a_partition_goes_when_all_of_it_is_too_old),
		PARTITIONS_TEST(late_rows_are_rolled_up_where_all_rows_are_there),
		PARTITIONS_TEST(readers_notice_within_an_hour_that_a_table_has_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Minutes by the two statements there are for them: by the one for what is usual they are what the
 * one for everything makes of the same rows, to the bit, or it does nothing and says so.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "maintenance/rollup_sql.h"
#include "maintenance/rollup_usual.h"
#include "pg/pg_value.h"
#include "schema/partitioning.h"
#include "timescale_fixture.h"
#include "test.h"

enum { C_TIME, C_HOST, C_READS, C_WRITES, C_SECONDS, C_LEVEL, C_LOAD, C_UP, C_N };
static const struct tally_column columns[C_N] = {
	[C_TIME] = {.name = "time", .type = TALLY_TIME},
	[C_HOST] = {.name = "host", .type = TALLY_TEXT, .role = TALLY_TAG},
	[C_READS] = {.name = "reads", .type = TALLY_INT, .role = TALLY_COUNTER},
	[C_WRITES] = {.name = "writes", .type = TALLY_INT, .role = TALLY_COUNTER},
	[C_SECONDS] = {.name = "seconds", .type = TALLY_REAL, .role = TALLY_COUNTER},
	[C_LEVEL] = {.name = "level", .type = TALLY_INT},
	[C_LOAD] = {.name = "load", .type = TALLY_REAL},
	[C_UP] = {.name = "up", .type = TALLY_BOOL},
};
static const struct tally_table disks = {
	.name = "disks", .columns = columns, .n_columns = C_N, .kind = TALLY_SERIES, .revision = 1};

enum { HOSTS = 4, CASES = 12, STEPS = 120 };
/* What a case has besides counters that grow: they fall; some are never there; some are sometimes
 * not. */
enum { FALLS = 1, NEVER = 2, GAPS = 4 };

static uint32_t seed;

static uint32_t random_below(uint32_t bound)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % bound;
}

static void put_counters(struct tally_cell *row, int64_t counters[3], int traits)
{
	for (int i = 0; i < 3; i++) {
		counters[i] += random_below(1000);
		if (traits & FALLS && random_below(9) == 0)
			counters[i] = random_below(50);
	}
	tally_put_int(row, C_READS, counters[0]);
	if (!(traits & GAPS) || random_below(4))
		tally_put_real(row, C_SECONDS, (double)counters[2] / 7);
	if (!(traits & NEVER))
		tally_put_int(row, C_WRITES, counters[1]);
}

/* Of some hosts nothing for a while, and of each something before T0. */
static void write_disks(struct fixture *f, int traits)
{
	struct tally_batch *batch = fixture_batch(f, &disks);
	for (int host = 0; host < HOSTS; host++) {
		int64_t counters[3] = {0};
		for (int step = -20; step < STEPS; step++) {
			char name[16];
			snprintf(name, sizeof(name), "h%d", host);
			if (step > -20 && random_below(4) == 0)
				continue;
			struct tally_cell *row = tally_batch_row(f->ctx, batch);
			tally_put_int(row, C_TIME, T0 + step * 7 * SECOND);
			put_text(f, batch, C_HOST, name);
			put_counters(row, counters, traits);
			tally_put_int(row, C_LEVEL, random_below(100));
			if (random_below(3))
				tally_put_real(row, C_LOAD, random_below(1000) / 13.0);
			tally_put_int(row, C_UP, random_below(2));
		}
	}
	fake_host_set_now(f->host, T0 + HOUR);
	fixture_write(f, batch);
}

/* The minutes of a quarter of an hour by one of the statements, as text; undone. */
static void roll(struct fixture *f, bool usual, int *ret_odd, char text[40])
{
	struct pg_connection *pg = &f->store->maintenance.pg;
	const struct rollup rollup = {.pg = pg,
				      .server = &f->store->server,
				      .stored = catalog_find(&f->store->catalog, disks.name)};
	auto_strbuf struct strbuf sql = {0};
	auto_result PGresult *result = NULL;
	assert_int_equal(pg_exec(pg, "begin"), 0);
	partitioning_add(&sql, disks.name, LEVEL_MINUTE, T0, T0 + 15 * MINUTE);
	assert_int_equal(pg_exec(pg, sql.data), 0);
	strbuf_clear(&sql);
	if (usual)
		rollup_usual_minutes(&rollup, &sql, T0, T0 + 15 * MINUTE, false);
	else
		rollup_sql_minutes(&rollup, &sql, T0, T0 + 15 * MINUTE);
	assert_int_equal(pg_query(pg, sql.data, NULL, &result), 0);
	*ret_odd = PQntuples(result) ? (int)pg_get_32(PQgetvalue(result, 0, 0)) : 0;
	assert_int_equal(pg_query_text(pg,
				       "select count(*) || ' ' || coalesce(md5(string_agg(r::text, "
				       "'' order by _series, time)), '') from "
				       "tally.disks_1min_rows r",
				       text, 40),
			 0);
	pg_rollback(pg);
}

static void usual_minutes_are_those_of_the_general_statement(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < CASES; i++) {
		char usual[40], general[40];
		int odd = 0, traits = i % 8;
		seed = (uint32_t)i;
		write_disks(f, traits);
		if (i == 0)
			maintenance_at(f, T0 - DAY); /* connects */
		roll(f, false, &odd, general);
		assert_true(strtol(general, NULL, 10) > HOSTS * 13);
		roll(f, true, &odd, usual);
		assert_int_equal(odd, (traits & GAPS) != 0);
		assert_string_equal(usual, odd ? "0 " : general);
		fixture_sql(f, "truncate tally.disks_rows");
	}
}

static int64_t minutes_of(struct fixture *f)
{
	return fixture_sql(f, "select sum(hashtext(r::text)::bigint) from tally.disks_1min_rows r");
}

static void a_minute_that_is_there_is_rolled_up_once_more(void **state)
{
	struct fixture *f = *state;
	write_disks(f, FALLS);
	maintenance_at(f, T0 + HOUR);
	int64_t before = minutes_of(f);
	fixture_sql(f, "update tally.marks set rolled_to = rolled_to - interval '50 minutes' where "
		       "\"table\" = 'disks' and level = 1");
	maintenance_at(f, T0 + 2 * HOUR);
	assert_int_equal(minutes_of(f), before);
	assert_true(fixture_sql(f, "select count(*) from tally.marks where \"table\" = 'disks' and "
				   "level = 1 and rolled_to >= to_timestamp(1700006400 + 7000)"));
}

static void counters_with_gaps_are_rolled_up_by_the_maintenance(void **state)
{
	struct fixture *f = *state;
	write_disks(f, FALLS | GAPS);
	maintenance_at(f, T0 + HOUR);
	assert_true(minutes_of(f) != 0);
	assert_int_equal(fixture_sql(f, "select count(*) from tally.disks_1min_rows where "
					"seconds_count > 1 and seconds_increase is null"),
			 0);
}

int main(void)
{
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		STORE_TEST(usual_minutes_are_those_of_the_general_statement),
		STORE_TEST(a_minute_that_is_there_is_rolled_up_once_more),
		STORE_TEST(counters_with_gaps_are_rolled_up_by_the_maintenance),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

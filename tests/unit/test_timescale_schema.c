/* Which tables the store takes, and what it makes of them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rollup.h"
#include "timescale_fixture.h"

#include <cmocka.h>

enum { WIDE = 250 };

struct wide {
	struct tally_column columns[WIDE];
	char names[WIDE][12];
	struct tally_table table;
};

/* A time, a tag, and so many numbers. */
static void make_wide(struct wide *wide, uint32_t n, uint16_t role)
{
	wide->columns[0] = (struct tally_column){.name = "time", .type = TALLY_TIME};
	wide->columns[1] =
		(struct tally_column){.name = "host", .type = TALLY_TEXT, .role = TALLY_TAG};
	for (uint32_t i = 0; i < n; i++) {
		snprintf(wide->names[i], sizeof(wide->names[i]), "n%u", i);
		wide->columns[2 + i] = (struct tally_column){
			.name = wide->names[i], .type = TALLY_INT, .role = role};
	}
	wide->table = (struct tally_table){.name = role == TALLY_COUNTER ? "counters" : "numbers",
					   .columns = wide->columns,
					   .n_columns = 2 + n,
					   .kind = TALLY_SERIES,
					   .revision = 1};
}

static void write_wide(struct fixture *f, const struct wide *wide)
{
	struct tally_batch *batch = fixture_batch(f, &wide->table);
	for (int i = 0; i < 3; i++) {
		struct tally_cell *row = tally_batch_row(f->ctx, batch);
		tally_put_int(row, 0, T0 + i * SECOND);
		put_text(f, batch, 1, "h");
		/* One of them is NULL: the row's header is as large as can be. */
		for (uint32_t c = 3; c < wide->table.n_columns; c++)
			tally_put_int(row, c, 1000 * i + c);
	}
	fixture_write(f, batch);
}

/* In as few steps as can be: planning one takes long. */
static void roll_up(struct fixture *f, const char *table)
{
	struct rollup rollup = {.pg = &f->store->upkeep.pg,
				.server = &f->store->server,
				.stored = catalog_find(&f->store->catalog, table),
				.now = T0 + DAY + HOUR,
				.span = 2 * DAY};
	int r = 1;
	while (r > 0)
		r = rollup_ahead(&rollup);
	if (r < 0)
		fail_msg("%s", fake_host_reason(f->host));
}

/* The widest is stored and rolled up; one number more is refused. */
static void assert_widest(struct fixture *f, uint32_t n, uint16_t role)
{
	struct wide wide;
	make_wide(&wide, n, role);
	write_wide(f, &wide);
	assert_int_equal(fake_host_rejected(f->host), 0);
	roll_up(f, wide.table.name);
	char sql[80];
	snprintf(sql, sizeof(sql), "SELECT sum(n1_count) FROM %s_1d", wide.table.name);
	assert_int_equal(fixture_sql(f, sql), 3);
	make_wide(&wide, n + 1, role);
	assert_int_equal(f->plugin->output->prepare(f->store, &wide.table), -EINVAL);
	assert_non_null(strstr(fake_host_reason(f->host), "a row of its rollups would take"));
}

static void a_table_whose_rollups_fit_no_page_is_refused(void **state)
{
	struct fixture *f = *state;
	static const struct {
		uint32_t most;
		uint16_t role;
	} kinds[] = {{142, TALLY_COUNTER}, {199, TALLY_FIELD}};
	upkeep_at(f, T0); /* its connection */
	for (int i = 0; i < 2; i++) {
		struct wide wide;
		make_wide(&wide, kinds[i].most + 1, kinds[i].role);
		assert_int_equal(f->plugin->output->prepare(f->store, &wide.table), -EINVAL);
		/* WebAssembly has not the stack for statements about so many. */
		if (!getenv("TALLYD_TEST_ONE_BACKEND"))
			assert_widest(f, kinds[i].most, kinds[i].role);
	}
}

static int occurrences(const char *text, const char *what)
{
	int n = 0;
	while ((text = strstr(text, what))) {
		text += strlen(what);
		n++;
	}
	return n;
}

/* Who may write rows may write there. */
static void what_somebody_wrote_into_the_catalog_becomes_no_statement(void **state)
{
	struct fixture *f = *state;
	static const char *const steps[] = {
		"CREATE TABLE tally.victim (n int)",
		"INSERT INTO tally.tables VALUES ('e'', now(), now()); drop table tally.victim; "
		"select tally.make_partitions(''e', 'log', 1)",
		"INSERT INTO tally.columns VALUES ('e'', now(), now()); drop table tally.victim; "
		"select tally.make_partitions(''e', 0, 'time', 'time', 'field')",
		"INSERT INTO tally.columns VALUES ('lines', 5, 'x\" int; drop table tally.victim; "
		"--', 'int', 'field')",
	};
	struct tally_batch *batch = fixture_batch(f, &log_table);
	uint8_t verdict;
	put_log(f, batch, T0, "x", 1, "m");
	assert_int_equal(f->plugin->output->prepare(f->store, &log_table), 0);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		fixture_sql(f, steps[i]);
	fixture_restart(f);
	upkeep_at(f, T0 + 9 * DAY);
	upkeep_at(f, T0 + 9 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM tally.victim"), 0);
	const char *log = fake_host_log(f->host, TALLY_ERROR);
	assert_int_equal(occurrences(log, "is left alone"), 2);
	assert_non_null(strstr(log, "table lines: column 5"));
	/* It is not taken for one that is to be made, either: its rows wait. */
	fake_host_set_now(f->host, T0);
	assert_int_equal(fixture_try(f, batch, 1, &verdict), -EPROTO);
	assert_int_equal(fake_host_rejected(f->host), 0);
	fixture_sql(f, "DELETE FROM tally.columns WHERE name LIKE 'x%'");
	assert_int_equal(fixture_try(f, batch, 1, &verdict), 0);
	assert_int_equal(verdict, TALLY_DONE);
	tally_batch_drop(f->ctx, batch);
}

int main(void)
{
#define SCHEMA_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		SCHEMA_TEST(a_table_whose_rollups_fit_no_page_is_refused),
		SCHEMA_TEST(what_somebody_wrote_into_the_catalog_becomes_no_statement),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

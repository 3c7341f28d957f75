/* Which tables the store takes, and what it makes of them. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "maintenance/rollup.h"
#include "timescale_fixture.h"
#include "test.h"

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
	struct rollup rollup = {.pg = &f->store->maintenance.pg,
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
	maintenance_at(f, T0); /* its connection */
	for (int i = 0; i < 2; i++) {
		struct wide wide;
		make_wide(&wide, kinds[i].most + 1, kinds[i].role);
		assert_int_equal(f->plugin->output->prepare(f->store, &wide.table), -EINVAL);
		/* WebAssembly has not the stack for statements about so many. */
		if (!getenv("TALLYD_TEST_ONE_BACKEND"))
			assert_widest(f, kinds[i].most, kinds[i].role);
	}
}

static const char longest[] = "a_name_of_so_many_letters_that_no_more_fit_";

static void a_table_name_leaves_room_for_names_of_partitions(void **state)
{
	struct fixture *f = *state;
	struct tally_table table = series_table;
	char name[] = "a_name_of_so_many_letters_that_no_more_fit_x";
	assert_int_equal(strlen(longest), 43);
	table.name = longest;
	struct tally_batch *batch = fixture_batch(f, &table);
	for (int day = -2; day <= 0; day++)
		put_series(f, batch, T0 + day * DAY, "a", 1, 1);
	fixture_write(f, batch);
	maintenance_at(f, T0 + 2 * DAY);
	char sql[100];
	snprintf(sql, sizeof(sql), "SELECT sum(rows) FROM %s_1min", longest);
	assert_int_equal(fixture_sql(f, sql), 3);
	table.name = name;
	assert_int_equal(f->plugin->output->prepare(f->store, &table), -EINVAL);
	assert_non_null(strstr(fake_host_reason(f->host), "longer than 43 bytes"));
}

static int64_t indexes_of_tags(struct fixture *f, const char *table)
{
	char sql[300];
	snprintf(sql, sizeof(sql),
		 "SELECT count(*) FROM pg_index WHERE indrelid = 'tally.%s_series'::regclass AND "
		 "pg_get_expr(indpred, indrelid) LIKE '(octet_length(%%) < 2048)'",
		 table);
	return fixture_sql(f, sql);
}

static void a_text_tag_has_an_index_from_the_beginning_or_later(void **state)
{
	struct fixture *f = *state;
	struct tally_column columns[L_N + 1];
	struct tally_table more = log_table;
	memcpy(columns, log_table.columns, sizeof(*columns) * L_N);
	columns[L_N] = (struct tally_column){.name = "zone", .type = TALLY_TEXT, .role = TALLY_TAG};
	more.columns = columns;
	more.n_columns++;
	more.revision++;
	assert_int_equal(f->plugin->output->prepare(f->store, &log_table), 0);
	assert_int_equal(indexes_of_tags(f, "lines"), 2);
	assert_int_equal(f->plugin->output->prepare(f->store, &more), 0);
	assert_int_equal(indexes_of_tags(f, "lines"), 3);
	/* As of an older tallyd. */
	fixture_sql(f, "DROP INDEX tally.lines_series_stream_idx, tally.lines_series_zone_idx");
	fixture_sql(f, "DROP TABLE tally.clock, tally.text; DELETE FROM tally.migrations WHERE "
		       "version >= 8");
	fixture_restart(f);
	assert_int_equal(indexes_of_tags(f, "lines"), 3);
}

/* Of bytes that cannot be compressed to what fits into an index. */
static void make_long(char *text, size_t len)
{
	uint32_t random = 1;
	for (size_t i = 0; i < len; i++) {
		random = random * 1664525 + 1013904223;
		text[i] = (char)(' ' + (random >> 16) % 90);
	}
	text[len] = '\0';
}

static void a_tag_that_is_too_long_for_an_index_is_a_tag(void **state)
{
	struct fixture *f = *state;
	static const struct tally_select select[] = {{"value", TALLY_COUNT, 0}};
	struct tally_query query = query_of("samples", select, 1);
	struct tally_batch *batch = fixture_batch(f, &series_table);
	struct rows rows;
	char tag[8000];
	make_long(tag, sizeof(tag) - 1);
	put_series(f, batch, T0, tag, 1, 1);
	put_series(f, batch, T0, "short", 1, 1);
	fixture_write(f, batch);
	assert_int_equal(fake_host_rejected(f->host), 0);
	const struct tally_filter filters[] = {
		{.column = "container_id",
		 .match = TALLY_EQUALS,
		 .value = {.text = tag, .len = sizeof(tag) - 1, .set = 1}},
		{.column = "container_id",
		 .match = TALLY_EQUALS,
		 .value = {.text = "short", .len = 5, .set = 1}},
	};
	for (uint32_t n = 1; n <= 2; n++) {
		query.filters = filters;
		query.n_filters = n;
		assert_int_equal(ask(f, &query, &rows), 0);
		assert_int_equal(rows.n, 1);
		assert_int_equal(rows_at(&rows, 0, 1)->i, n);
		rows_free(&rows);
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
static void foreign_text_in_the_catalog_never_becomes_sql(void **state)
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
	maintenance_at(f, T0 + 9 * DAY);
	maintenance_at(f, T0 + 9 * DAY);
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
		SCHEMA_TEST(a_table_name_leaves_room_for_names_of_partitions),
		SCHEMA_TEST(a_text_tag_has_an_index_from_the_beginning_or_later),
		SCHEMA_TEST(a_tag_that_is_too_long_for_an_index_is_a_tag),
		SCHEMA_TEST(foreign_text_in_the_catalog_never_becomes_sql),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

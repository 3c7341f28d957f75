/* Statements that stay prepared: that they do, how many, and that nothing shows of it. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "sqlite_fixture.h"
#include "test.h"
#include "write/writer_table.h"

static const struct tally_select last = {"value", TALLY_LAST, 0};
static const char *const by_id[] = {"container_id"};

static void write_sample(struct fixture *f, int64_t time, const char *id, double value)
{
	struct tally_batch *batch = fixture_batch(f, &series_table);
	put_series(f, batch, time, id, value, 1);
	fixture_write(f, batch);
}

static uint32_t asked(struct fixture *f, const struct tally_query *query)
{
	struct rows rows;
	assert_int_equal(ask(f, query, &rows), 0);
	uint32_t n = rows.n;
	rows_free(&rows);
	return n;
}

/* All that is prepared on one connection, and the bytes of it. */
static uint32_t prepared_on(sqlite3 *db, int64_t *bytes)
{
	uint32_t n = 0;
	*bytes = 0;
	for (sqlite3_stmt *s = sqlite3_next_stmt(db, NULL); s; s = sqlite3_next_stmt(db, s)) {
		*bytes += sqlite3_stmt_status(s, SQLITE_STMTSTATUS_MEMUSED, 0);
		assert_false(sqlite3_stmt_busy(s));
		n++;
	}
	return n;
}

static uint32_t prepared(struct fixture *f)
{
	uint32_t n = 0;
	int64_t bytes;
	for (int i = 0; i < READERS_N; i++)
		n += prepared_on(f->store->readers.all[i].db, &bytes);
	return n;
}

static void a_query_that_is_asked_again_is_not_prepared_again(void **state)
{
	struct fixture *f = *state;
	struct tally_query query = query_of("samples", &last, 1);
	query.group_by = by_id;
	query.n_group_by = 1;
	write_sample(f, T0, "a", 1);
	for (int i = 0; i < 2 * READERS_N; i++)
		assert_int_equal(asked(f, &query), 1);
	uint32_t n = prepared(f);
	for (int i = 0; i < 20; i++)
		assert_int_equal(asked(f, &query), 1);
	assert_int_equal(prepared(f), n);
	/* And it sees what is new, also when the table has been given a column meanwhile. */
	write_sample(f, T0 + SECOND, "b", 2);
	assert_int_equal(asked(f, &query), 2);
	struct tally_column columns[S_N + 1];
	struct tally_table grown = series_table;
	memcpy(columns, series_table.columns, S_N * sizeof(*columns));
	columns[S_N] = (struct tally_column){.name = "more", .type = TALLY_INT};
	grown.columns = columns;
	grown.n_columns = S_N + 1;
	grown.revision++;
	struct tally_batch *batch = fixture_batch(f, &grown);
	put_series(f, batch, T0 + 2 * SECOND, "c", 3, 1);
	fixture_write(f, batch);
	assert_int_equal(asked(f, &query), 3);
}

static void queries_of_all_kinds_keep_few_statements(void **state)
{
	struct fixture *f = *state;
	struct tally_filter filters[200];
	char ids[200][16];
	int64_t bytes;
	write_sample(f, T0, "id0", 1);
	for (uint32_t i = 0; i < 200; i++) {
		snprintf(ids[i], sizeof(ids[i]), "id%u", i);
		filters[i] = (struct tally_filter){
			"container_id",
			TALLY_EQUALS,
			0,
			{.text = ids[i], .len = (uint32_t)strlen(ids[i]), .set = 1}};
	}
	/* Each number of alternatives is a text of its own. */
	for (uint32_t n = 1; n <= 200; n++) {
		struct tally_query query = query_of("samples", &last, 1);
		query.filters = filters;
		query.n_filters = n;
		assert_int_equal(asked(f, &query), 1);
	}
	for (int i = 0; i < READERS_N; i++) {
		uint32_t n = prepared_on(f->store->readers.all[i].db, &bytes);
		assert_true(n <= STATEMENTS_MAX + 2 && bytes < 600 << 10);
	}
}

static void ask_source(struct fixture *f, const struct tally_query *query, const char *expected)
{
	struct rows rows;
	assert_int_equal(ask(f, query, &rows), 0);
	assert_string_equal(rows.table, expected);
	rows_free(&rows);
}

/* What a connection knows of the table is kept, but only as long as it is true. */
static void what_another_program_writes_is_known_at_once(void **state)
{
	static const struct tally_select average = {"value", TALLY_AVG, 0};
	struct fixture *f = *state;
	struct tally_query query = query_of("samples", &average, 1);
	query.from = T0;
	query.to = T0 + HOUR;
	query.bucket = HOUR;
	history_hour(f);
	for (int i = 0; i < 3; i++) {
		/* By a connection that is none of the store's. */
		fixture_sql(f, "UPDATE tally_rollups SET rolled_to = rolled_to - 86400000000000");
		for (int n = 0; n < READERS_N; n++)
			ask_source(f, &query, "samples");
		fixture_sql(f, "UPDATE tally_rollups SET rolled_to = rolled_to + 86400000000000");
		for (int n = 0; n < READERS_N; n++)
			ask_source(f, &query, "samples_1h");
	}
}

static void queries_of_almost_the_same_shape_have_statements_of_their_own(void **state)
{
	static const struct tally_select columns[][2] = {
		{{"value", TALLY_MIN, 0}, {"total", TALLY_MAX, 0}},
		{{"value", TALLY_MAX, 0}, {"total", TALLY_MIN, 0}},
		{{"total", TALLY_MIN, 0}, {"value", TALLY_MAX, 0}},
	};
	static const double expected[][2] = {{1, 20}, {2, 10}, {10, 2}};
	const struct tally_filter filters[] = {
		{"container_id", TALLY_EQUALS, 0, {.text = "a", .len = 1, .set = 1}},
		{"container_id", TALLY_DIFFERS, 0, {.text = "a", .len = 1, .set = 1}}};
	struct fixture *f = *state;
	struct tally_batch *batch = fixture_batch(f, &series_table);
	put_series(f, batch, T0, "a", 1, 10);
	put_series(f, batch, T0 + SECOND, "a", 2, 20);
	fixture_write(f, batch);
	for (int round = 0; round < 2 * READERS_N; round++) {
		for (int i = 0; i < 3; i++) {
			struct rows rows;
			struct tally_query query = query_of("samples", columns[i], 2);
			query.filters = &filters[0];
			query.n_filters = 1;
			assert_int_equal(ask(f, &query, &rows), 0);
			for (uint32_t c = 0; c < 2; c++) {
				const struct tally_cell *cell = rows_at(&rows, 0, 1 + c);
				bool real = strcmp(columns[i][c].column, "value") == 0;
				assert_true((real ? cell->f : (double)cell->i) == expected[i][c]);
			}
			rows_free(&rows);
			query.filters = &filters[1];
			assert_int_equal(asked(f, &query), 0);
		}
	}
}

static void write_sample_of(struct fixture *f, const char *host, const char *id, double value)
{
	struct tally_batch *batch = fixture_batch(f, &series_table);
	put_series(f, batch, T0, id, value, 1);
	put_text(f, batch, S_HOST, host);
	fixture_write(f, batch);
}

static void assert_order(struct fixture *f, const struct tally_query *query, const char *expected)
{
	struct rows rows;
	char found[100] = "";
	assert_int_equal(ask(f, query, &rows), 0);
	for (uint32_t i = 0; i < rows.n; i++)
		snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s%s ",
			 rows_at(&rows, i, 1)->text, rows_at(&rows, i, 2)->text);
	assert_string_equal(found, expected);
	rows_free(&rows);
}

/* Whichever index series are found by. */
static void series_of_one_id_or_of_several_come_in_the_order_of_their_groups(void **state)
{
	static const char *const groups[] = {"host", "container_id"};
	static const struct tally_select raw[] = {{"host", TALLY_RAW, 0},
						  {"container_id", TALLY_RAW, 0}};
	const struct tally_filter filters[] = {
		{"container_id", TALLY_EQUALS, 0, {.text = "b", .len = 1, .set = 1}},
		{"container_id", TALLY_EQUALS, 0, {.text = "a", .len = 1, .set = 1}}};
	struct fixture *f = *state;
	write_sample_of(f, "z", "b", 1);
	write_sample_of(f, "y", "a", 2);
	write_sample_of(f, "x", "b", 3);
	write_sample_of(f, "y", "b", 4);
	write_sample_of(f, "z", "a", 5);
	struct tally_query query = query_of("samples", &last, 1);
	query.group_by = groups;
	query.n_group_by = 2;
	query.filters = filters;
	query.n_filters = 1;
	assert_order(f, &query, "xb yb zb ");
	query.n_filters = 2;
	assert_order(f, &query, "xb ya yb za zb ");
	query = query_of("samples", raw, 2);
	query.filters = filters;
	query.n_filters = 1;
	assert_order(f, &query, "xb yb zb ");
	query.newest_first = 1;
	assert_order(f, &query, "zb yb xb ");
	query.n_filters = 2;
	assert_order(f, &query, "zb za yb ya xb ");
}

/* Two sets that take turns, with values that occur twice, that are empty, long or NULL, or that no
 * row has. */
static void many_alternatives_match_what_a_few_do(void **state)
{
	static const char *const groups[] = {"host", "container_id"};
	static const struct tally_select raw[] = {{"host", TALLY_RAW, 0},
						  {"container_id", TALLY_RAW, 0}};
	static const char *const ids_asked[] = {"no", "a",  "",  "aa", "b", "a",
						"bb", NULL, "B", "c",  "d", "e"};
	static const char *const hosts_asked[] = {"x", "y", NULL, "x ", "no", "",
						  "y", "a", "b",  "c",  "d",  "e"};
	struct tally_filter filters[24];
	struct fixture *f = *state;
	for (uint32_t i = 0; i < 24; i++) {
		const char *text = i % 2 ? hosts_asked[i / 2] : ids_asked[i / 2];
		filters[i] = (struct tally_filter){i % 2 ? "host" : "container_id",
						   TALLY_EQUALS,
						   0,
						   {.text = text,
						    .len = text ? (uint32_t)strlen(text) : 0,
						    .set = text != NULL}};
	}
	write_sample_of(f, "z", "b", 1);
	write_sample_of(f, "y", "a", 2);
	write_sample_of(f, "x", "b", 3);
	write_sample_of(f, "x", "q", 4);
	struct tally_query query = query_of("samples", &last, 1);
	query.group_by = groups;
	query.n_group_by = 2;
	query.filters = filters;
	query.n_filters = 24;
	assert_order(f, &query, "xb ya ");
	struct tally_query rows = query_of("samples", raw, 2);
	rows.filters = filters;
	rows.n_filters = 24;
	assert_order(f, &rows, "xb ya ");
	/* Bound anew by the next query of the same shape. */
	filters[2].value = (struct tally_cell){.text = "q", .len = 1, .set = 1};
	filters[10].value = filters[2].value;
	for (int i = 0; i < READERS_N; i++)
		assert_order(f, &query, "xb xq ");
}

/* As it is bound where there was no memory for it. */
static void a_set_that_is_missing_is_an_error_and_not_an_empty_one(void **state)
{
	struct fixture *f = *state;
	sqlite3_stmt *statement = NULL;
	assert_int_equal(sqlite3_prepare_v2(f->store->readers.all[0].db,
					    "SELECT tally_among('a', ?1)", -1, &statement, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_NOMEM);
	sqlite3_finalize(statement);
}

static void rows_without_tags_look_for_their_series_once(void **state)
{
	struct fixture *f = *state;
	static const struct tally_column columns[] = {{.name = "time", .type = TALLY_TIME},
						      {.name = "load", .type = TALLY_REAL}};
	static const struct tally_table machine = {.name = "machine",
						   .columns = columns,
						   .n_columns = 2,
						   .kind = TALLY_SERIES,
						   .revision = 1};
	struct tally_batch *batch = fixture_batch(f, &machine);
	for (int i = 0; i < 1000; i++)
		tally_put_int(tally_batch_row(f->ctx, batch), 0, T0 + i * SECOND);
	fixture_write(f, batch);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM machine"), 1000);
	const struct writer_table *table = f->store->writer.tables;
	while (table && strcmp(table->stored->table.name, "machine") != 0)
		table = table->next;
	assert_non_null(table);
	assert_int_equal(sqlite3_stmt_status(table->find_series, SQLITE_STMTSTATUS_RUN, 0), 1);
}

int main(void)
{
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_query_that_is_asked_again_is_not_prepared_again),
		STORE_TEST(queries_of_all_kinds_keep_few_statements),
		STORE_TEST(what_another_program_writes_is_known_at_once),
		STORE_TEST(queries_of_almost_the_same_shape_have_statements_of_their_own),
		STORE_TEST(series_of_one_id_or_of_several_come_in_the_order_of_their_groups),
		STORE_TEST(many_alternatives_match_what_a_few_do),
		STORE_TEST(a_set_that_is_missing_is_an_error_and_not_an_empty_one),
		STORE_TEST(rows_without_tags_look_for_their_series_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

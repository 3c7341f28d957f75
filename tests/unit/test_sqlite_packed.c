/*
 * Old rows in chunks: what is asked and what is written must not show whether rows are packed.  The
 * same questions are asked before and after, and answers compared to the last bit.
 */
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <sqlite3.h>

#include "sqlite_fixture.h"
#include "base/clock.h"
#include "base/hash.h"
#include "packed/packed_module.h"
#include "test.h"

enum { SERIES = 3, HOURS = 30, MAX_ASKED = 200 };
static const char *const ids[SERIES] = {"a", "b", "c"};

/* ---- Rows ------------------------------------------------------------------------- */

static uint32_t drawn;

/* The same in each run (numerical recipes). */
static uint32_t draw(uint32_t below)
{
	drawn = drawn * 1664525 + 1013904223;
	return (drawn >> 8) % below;
}

static double draw_value(void)
{
	static const double odd[] = {0.0, 1e-310, 1e308, -1.5, INFINITY, 100.0 / 3, 12.5};
	uint32_t which = draw(20);
	if (which < sizeof(odd) / sizeof(odd[0]))
		return odd[which];
	return which < 15 ? draw(1000) / 7.0 : 42.25;
}

static void put_drawn(struct fixture *f, struct tally_batch *batch, int64_t time, const char *id)
{
	static const char *const notes[] = {"", "up", "a longer note, näher beschrieben", "down"};
	static int64_t total = INT64_C(1) << 40;
	struct tally_cell *row;
	total = draw(200) ? total + draw(1 << draw(30)) : draw(100);
	put_series(f, batch, time, id, draw_value(), total);
	row = (struct tally_cell *)(uintptr_t)batch->cells + (size_t)(batch->n_rows - 1) * S_N;
	row[S_VALUE].set = draw(9) != 0;
	row[S_TOTAL].set = draw(30) != 0;
	if (draw(3))
		put_text(f, batch, S_NOTE, notes[draw(4)]);
}

/* At no even steps, with nanoseconds; a series is silent for some hours. */
static void write_drawn(struct fixture *f)
{
	drawn = 7;
	time_passes(f, T0 + HOURS * HOUR);
	for (int s = 0; s < SERIES; s++) {
		struct tally_batch *batch = fixture_batch(f, &series_table);
		int64_t time = T0 + s;
		for (; time < T0 + HOURS * HOUR; time += (10 + draw(60)) * SECOND + draw(999))
			if (s != 1 || time < T0 + 5 * HOUR || time > T0 + 9 * HOUR)
				put_drawn(f, batch, time, ids[s]);
		fixture_write(f, batch);
	}
	maintenance_at(f, T0 + HOURS * HOUR);
}

static void pack(struct fixture *f, int64_t after)
{
	backend_config.pack_after = after;
	fixture_restart(f);
	maintenance_at(f, f->latest);
}

static int64_t count(struct fixture *f, const char *sql)
{
	return fixture_sql(f, sql);
}

/* ---- Questions ---------------------------------------------------------------------- */

struct asked {
	uint32_t n;
	uint64_t answers[MAX_ASKED];
	bool again; /* compare */
};

static uint64_t hash_answer(const struct rows *rows)
{
	uint64_t hash = hash_text(rows->n, rows->table);
	for (size_t i = 0; i < (size_t)rows->n * rows->n_columns; i++) {
		const struct tally_cell *cell = &rows->cells[i];
		uint16_t type = rows->types[i % rows->n_columns];
		hash = hash_word(hash, cell->set);
		if (!cell->set)
			continue;
		if (type == TALLY_TEXT || type == TALLY_JSON)
			hash = hash_bytes(hash, cell->text, cell->len);
		else
			hash = hash_word(hash, (uint64_t)cell->i);
	}
	return hash;
}

static void keep_answer(struct asked *asked, const struct rows *rows)
{
	uint64_t hash = hash_answer(rows);
	assert_true(asked->n < MAX_ASKED);
	if (asked->again && asked->answers[asked->n] != hash)
		fail_msg("question %u: another answer, of %u rows", asked->n, rows->n);
	asked->answers[asked->n++] = hash;
}

static void ask_one(struct fixture *f, struct asked *asked, const struct tally_query *query)
{
	struct rows rows;
	if (ask(f, query, &rows) != 0)
		fail_msg("question %u: %s", asked->n, fake_host_reason(f->host));
	keep_answer(asked, &rows);
	rows_free(&rows);
}

static const struct tally_select raw[] = {{.column = "host"},
					  {.column = "container_id"},
					  {.column = "value"},
					  {.column = "total"},
					  {.column = "note"}};

/* Page by page, each from where the last one ended. */
static void ask_pages(struct fixture *f, struct asked *asked, struct tally_query query)
{
	struct tally_cell after[3];
	char texts[2][80];
	query.limit = 97;
	for (int page = 0; page < 4; page++) {
		struct rows rows;
		assert_int_equal(ask(f, &query, &rows), 0);
		keep_answer(asked, &rows);
		if (rows.n == 0) {
			rows_free(&rows);
			return;
		}
		for (uint32_t i = 0; i < 3; i++)
			after[i] = *rows_at(&rows, rows.n - 1, i);
		for (uint32_t i = 0; i < 2; i++) {
			snprintf(texts[i], sizeof(texts[i]), "%s", after[1 + i].text);
			after[1 + i].text = texts[i];
		}
		query.after = after;
		query.n_after = 3;
		rows_free(&rows);
	}
}

static void ask_raw(struct fixture *f, struct asked *asked, int64_t from, int64_t to)
{
	const struct tally_filter filters[] = {
		{.column = "container_id", .match = TALLY_EQUALS, .value = {.text = "b", .len = 1}},
		{.column = "value", .match = TALLY_GREATER, .value = {.f = 40}},
		{.column = "note", .match = TALLY_CONTAINS, .value = {.text = "NOTE", .len = 4}},
		{.column = "total", .match = TALLY_IS_NULL},
	};
	for (uint32_t newest_first = 0; newest_first < 2; newest_first++) {
		struct tally_query query = query_of("samples", raw, 5);
		query.from = from;
		query.to = to;
		query.newest_first = newest_first;
		ask_one(f, asked, &query);
		ask_pages(f, asked, query);
		for (uint32_t i = 0; i < 4; i++) {
			struct tally_filter filter = filters[i];
			filter.value.set = 1;
			query.filters = &filter;
			query.n_filters = 1;
			ask_one(f, asked, &query);
			if (i == 0)
				ask_pages(f, asked, query);
		}
	}
}

static void ask_aggregates(struct fixture *f, struct asked *asked, int64_t from, int64_t to)
{
	static const struct tally_select select[] = {
		{.column = "value", .aggregate = TALLY_AVG},
		{.column = "value", .aggregate = TALLY_MIN},
		{.column = "value", .aggregate = TALLY_MAX},
		{.column = "total", .aggregate = TALLY_SUM},
		{.column = "total", .aggregate = TALLY_RATE},
		{.column = "total", .aggregate = TALLY_COUNT},
		{.column = "note", .aggregate = TALLY_LAST},
		{.column = "time", .aggregate = TALLY_LAST},
	};
	static const char *const by[] = {"container_id"};
	static const int64_t buckets[] = {0, 20 * SECOND, 7 * MINUTE, HOUR};
	const struct tally_filter filter = {
		.column = "value", .match = TALLY_LESS, .value = {.f = 50, .set = 1}};
	for (size_t i = 0; i < sizeof(buckets) / sizeof(buckets[0]); i++) {
		struct tally_query query = query_of("samples", select, 8);
		query.from = from;
		query.to = to;
		query.bucket = buckets[i];
		query.group_by = by;
		query.n_group_by = i != 2;
		ask_one(f, asked, &query);
		query.n_select = 6; /* without texts */
		ask_one(f, asked, &query);
		query.filters = &filter;
		query.n_filters = 1;
		ask_one(f, asked, &query);
	}
	struct tally_select last[] = {{.column = "value", .aggregate = TALLY_LAST},
				      {.column = "total", .aggregate = TALLY_LAST},
				      {.column = "note", .aggregate = TALLY_LAST}};
	struct tally_query newest = query_of("samples", last, 2);
	newest.from = from;
	newest.to = to;
	newest.group_by = by;
	newest.n_group_by = 1;
	ask_one(f, asked, &newest);
	newest.n_select = 3;
	ask_one(f, asked, &newest);
}

static void ask_all(struct fixture *f, struct asked *asked, bool again)
{
	static const int64_t ranges[][2] = {{0, INT64_MAX},
					    {T0 + 3 * HOUR, T0 + 4 * HOUR},
					    {T0 + 100 * SECOND, T0 + 5 * HOUR + 17},
					    {T0 + 20 * HOUR, T0 + HOURS * HOUR},
					    {T0 + 29 * HOUR, INT64_MAX}};
	asked->n = 0;
	asked->again = again;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		ask_raw(f, asked, ranges[i][0], ranges[i][1]);
		ask_aggregates(f, asked, ranges[i][0], ranges[i][1]);
	}
}

/* ---- Tests ----------------------------------------------------------------------------- */

static void answers_do_not_show_what_is_packed(void **state)
{
	static struct asked asked;
	struct fixture *f = *state;
	write_drawn(f);
	ask_all(f, &asked, false);
	int64_t rows = count(f, "SELECT count(*) FROM samples");
	pack(f, 6 * HOUR);
	/* Of each series and hour one, a day of them; four hours of b are empty. */
	assert_int_equal(count(f, "SELECT count(*) FROM samples_chunks"), 3 * 24 - 4);
	assert_int_equal(
		count(f, "SELECT count(*) FROM samples_rows WHERE time < 1700092800000000000"), 0);
	assert_int_equal(count(f, "SELECT count(*) FROM samples"), rows);
	ask_all(f, &asked, true);
	pack(f, 1);
	ask_all(f, &asked, true);
	/* And turned off again. */
	pack(f, 0);
	ask_all(f, &asked, true);
}

static void write_row(struct fixture *f, int64_t time, const char *id, double value)
{
	struct tally_batch *batch = fixture_batch(f, &series_table);
	put_series(f, batch, time, id, value, 1);
	fixture_write(f, batch);
}

/* Two hours of a, a row each half minute. */
static void write_even(struct fixture *f)
{
	struct tally_batch *batch = fixture_batch(f, &series_table);
	time_passes(f, T0 + 2 * HOUR);
	for (int i = 0; i < 240; i++)
		put_series(f, batch, T0 + i * 30 * SECOND, "a", 1, i);
	fixture_write(f, batch);
	maintenance_at(f, T0 + 30 * HOUR);
}

static void a_row_that_comes_late_is_stored_once_and_packed_later(void **state)
{
	struct fixture *f = *state;
	write_even(f);
	pack(f, DAY);
	assert_int_equal(count(f, "SELECT count(*) FROM samples_chunks"), 2);
	write_row(f, T0 + 30 * SECOND, "a", 99);      /* which is there */
	write_row(f, T0 + 3595 * SECOND, "a", 5);     /* after the chunk's last */
	write_row(f, T0 + 3600 * SECOND - 1, "a", 7); /* the last of the hour */
	write_row(f, T0 + 31 * SECOND, "a", 3);       /* within it */
	write_row(f, T0 + 31 * SECOND, "a", 4);       /* again */
	write_row(f, T0 + 40 * SECOND, "b", 8);       /* of a series without a chunk */
	assert_int_equal(count(f, "SELECT count(*) FROM samples_rows"), 4);
	assert_int_equal(count(f, "SELECT count(*) FROM samples"), 244);
	assert_int_equal(count(f, "SELECT sum(value) FROM samples"), 240 + 5 + 7 + 3 + 8);
	maintenance_at(f, f->latest);
	assert_int_equal(count(f, "SELECT count(*) FROM samples_rows"), 0);
	assert_int_equal(count(f, "SELECT count(*) FROM samples_chunks"), 3);
	assert_int_equal(count(f, "SELECT sum(rows) FROM samples_chunks"), 244);
	assert_int_equal(count(f, "SELECT sum(value) FROM samples"), 240 + 5 + 7 + 3 + 8);
	/* Their minutes are rolled up again, of all rows. */
	assert_int_equal(count(f, "SELECT sum(rows) FROM samples_1min"), 244);
	assert_int_equal(
		count(f, "SELECT value_sum FROM samples_1min WHERE time = 1700006400000000000 "
			 "AND container_id = 'a'"),
		1 + 1 + 3);
	assert_int_equal(count(f, "SELECT sum(rows) FROM samples_1h"), 244);
}

/* A filter on a field is SQL's: the same page by the other way. */
static void ask_both_ways(struct fixture *f, struct tally_query query)
{
	struct tally_filter filters[] = {
		{.column = "container_id",
		 .match = TALLY_EQUALS,
		 .value = {.text = "a", .len = 1, .set = 1}},
		{.column = "value", .match = TALLY_NOT_NULL},
	};
	struct rows rows, by_sql;
	query.filters = filters;
	query.n_filters = 1;
	assert_int_equal(ask(f, &query, &rows), 0);
	query.n_filters = 2;
	assert_int_equal(ask(f, &query, &by_sql), 0);
	assert_int_equal(rows.n, by_sql.n);
	assert_true(hash_answer(&rows) == hash_answer(&by_sql));
	rows_free(&rows);
	rows_free(&by_sql);
}

static void a_list_of_one_series_goes_on_after_any_row(void **state)
{
	static const int64_t times[] = {-1, 0, 30, 31, 45, 3595, 3600, 7199, 100000};
	static const char *const hosts[] = {"", "h1", "zz", NULL};
	static const char *const after_ids[] = {"a", "A", "b", NULL};
	struct fixture *f = *state;
	write_even(f);
	pack(f, DAY);
	write_row(f, T0 + 31 * SECOND, "a", 3); /* beside the chunks */
	write_row(f, T0 + 3595 * SECOND, "a", 4);
	assert_int_equal(count(f, "SELECT count(*) FROM samples_rows"), 2);
	for (uint32_t i = 0; i < 2 * 9 * 4 * 4; i++) {
		const char *host = hosts[i / 18 % 4], *id = after_ids[i / 72];
		struct tally_cell after[] = {
			{.i = T0 + times[i / 2 % 9] * SECOND, .set = 1},
			{.text = host,
			 .len = host ? (uint32_t)strlen(host) : 0,
			 .set = host != NULL},
			{.text = id, .len = id ? (uint32_t)strlen(id) : 0, .set = id != NULL}};
		struct tally_query query = query_of("samples", raw, 5);
		query.newest_first = i % 2;
		query.limit = i % 3 ? 5 : 1000;
		query.after = after;
		query.n_after = 3;
		ask_both_ways(f, query);
		query.after = NULL;
		query.n_after = 0;
		query.from = after[0].i;
		ask_both_ways(f, query);
	}
}

static void a_counter_grows_from_its_packed_sample(void **state)
{
	struct fixture *f = *state;
	struct tally_batch *batch = fixture_batch(f, &series_table);
	write_even(f);
	pack(f, DAY);
	put_series(f, batch, T0 + 29 * HOUR, "a", 1, 239 + 60);
	fixture_write(f, batch);
	maintenance_at(f, f->latest + HOUR);
	assert_int_equal(count(f, "SELECT total_increase FROM samples_1min WHERE time = "
				  "1700110800000000000"),
			 60);
}

static void more_rows_than_a_chunk_has_become_several(void **state)
{
	struct fixture *f = *state;
	for (int part = 0; part < 4; part++) {
		struct tally_batch *batch = fixture_batch(f, &series_table);
		time_passes(f, T0 + HOUR);
		for (int i = 0; i < 2500; i++)
			put_series(f, batch, T0 + (part * 2500 + i) * 100 * CLOCK_MS, "a", i, i);
		fixture_write(f, batch);
	}
	maintenance_at(f, T0 + 30 * HOUR);
	pack(f, DAY);
	assert_int_equal(count(f, "SELECT count(*) FROM samples_chunks"), 3);
	assert_int_equal(count(f, "SELECT max(rows) FROM samples_chunks"), 4096);
	write_row(f, T0 + 150 * CLOCK_MS, "a", 1); /* into one that is full */
	maintenance_at(f, f->latest);
	assert_int_equal(count(f, "SELECT count(*) FROM samples_rows"), 0);
	assert_int_equal(count(f, "SELECT max(rows) FROM samples_chunks"), 4096);
	assert_int_equal(count(f, "SELECT count(DISTINCT time) FROM samples"), 10001);
	assert_int_equal(count(f, "SELECT count(*) FROM samples"), 10001);
}

static void chunks_are_deleted_whole_by_retention(void **state)
{
	struct fixture *f = *state;
	write_even(f);
	pack(f, DAY);
	maintenance_at(f, T0 + 7 * DAY + 90 * MINUTE);
	assert_int_equal(count(f, "SELECT count(*) FROM samples"), 120);
	assert_int_equal(fake_host_metric(f->host, METRIC_DELETED_OLD), 120);
	maintenance_at(f, T0 + 7 * DAY + 2 * HOUR);
	assert_int_equal(count(f, "SELECT count(*) FROM samples"), 0);
	assert_int_equal(count(f, "SELECT count(*) FROM samples_series"), 1);
	maintenance_at(f, T0 + 500 * DAY);
	assert_int_equal(count(f, "SELECT count(*) FROM samples_series"), 0);
}

static void a_full_file_loses_its_oldest_chunks(void **state)
{
	struct fixture *f = *state;
	write_drawn(f);
	pack(f, 1);
	int64_t before = count(f, "SELECT count(*) FROM samples");
	int64_t pages = count(f, "PRAGMA page_count") - count(f, "PRAGMA freelist_count");
	backend_config.max_size = pages * count(f, "PRAGMA page_size");
	fixture_restart(f);
	maintenance_at(f, f->latest);
	assert_in_range(count(f, "SELECT count(*) FROM samples"), 1, before - 1);
	assert_int_equal(fake_host_metric(f->host, METRIC_DELETED_SIZE),
			 before - count(f, "SELECT count(*) FROM samples"));
}

static void assert_refused(struct fixture *f, int64_t from, int64_t to, const char *id)
{
	static const struct tally_select select[] = {{.column = "value", .aggregate = TALLY_MAX}};
	const struct tally_filter filter = {.column = "container_id",
					    .match = TALLY_EQUALS,
					    .value = {.text = id, .len = 1, .set = 1}};
	for (int aggregated = 0; aggregated < 2; aggregated++) {
		struct tally_query query = query_of("samples", aggregated ? select : raw, 1);
		struct rows rows;
		query.bucket = aggregated ? SECOND : 0;
		query.from = from;
		query.to = to;
		query.filters = &filter;
		query.n_filters = 1;
		assert_int_equal(ask(f, &query, &rows), -EBADMSG);
		rows_free(&rows);
		assert_non_null(strstr(fake_host_reason(f->host), "table samples: the packed rows "
								  "of series 1 from "
								  "2023-11-15T00:00:00Z on are "
								  "damaged"));
	}
}

/* Also in the middle of a list. */
static void assert_list_refused(struct fixture *f)
{
	const struct tally_filter filter = {
		"container_id", TALLY_EQUALS, 0, {.text = "a", .len = 1, .set = 1}};
	for (uint32_t newest_first = 0; newest_first < 2; newest_first++) {
		struct tally_query query = query_of("samples", raw, 5);
		struct rows rows;
		query.filters = &filter;
		query.n_filters = 1;
		query.newest_first = newest_first;
		assert_int_equal(ask(f, &query, &rows), -EBADMSG);
		rows_free(&rows);
	}
}

static void damage_is_named_and_costs_only_what_it_hit(void **state)
{
	struct fixture *f = *state;
	static const struct tally_select select[] = {{.column = "value", .aggregate = TALLY_COUNT}};
	struct tally_query query = query_of("samples", select, 1);
	struct rows rows;
	write_even(f);
	pack(f, DAY);
	count(f, "UPDATE samples_chunks SET data = zeroblob(length(data)) WHERE id = 1");
	assert_refused(f, T0, T0 + HOUR, "a");
	assert_list_refused(f);
	/* Its other hour, and what is written into the one that is damaged. */
	query.from = T0 + HOUR;
	query.bucket = 2 * SECOND;
	assert_int_equal(ask(f, &query, &rows), 0);
	assert_int_equal(rows.n, 120);
	rows_free(&rows);
	write_row(f, T0 + 31 * SECOND, "a", 3);
	assert_int_equal(count(f, "SELECT count(*) FROM samples_rows"), 1);
	write_row(f, T0 + HOUR + 31 * SECOND, "a", 3);
	fake_host_set_now(f->host, f->latest);
	assert_int_equal(maintenance_run(f->store), -EBADMSG);
	assert_int_equal(count(f, "SELECT count(*) FROM samples_rows"), 1);
	assert_int_equal(count(f, "SELECT sum(rows) FROM samples_chunks"), 241);
	/* Retention needs not read it. */
	maintenance_at(f, T0 + 8 * DAY);
	assert_int_equal(count(f, "SELECT count(*) FROM samples"), 0);
}

static void a_column_that_is_added_later_is_null_in_what_is_packed(void **state)
{
	struct fixture *f = *state;
	struct tally_column columns[S_N + 1];
	struct tally_table wider = series_table;
	memcpy(columns, series_table.columns, S_N * sizeof(*columns));
	columns[S_N] = (struct tally_column){.name = "later", .type = TALLY_INT};
	wider.columns = columns;
	wider.n_columns = S_N + 1;
	wider.revision = 2;
	write_even(f);
	pack(f, DAY);
	struct tally_batch *batch = fixture_batch(f, &wider);
	put_series(f, batch, T0 + 32 * SECOND, "a", 1, 1);
	tally_put_int((struct tally_cell *)(uintptr_t)batch->cells, S_N, 17);
	fixture_write(f, batch);
	for (int packed = 0; packed < 2; packed++) {
		assert_int_equal(count(f, "SELECT count(*) FROM samples WHERE later IS NULL"), 240);
		assert_int_equal(count(f, "SELECT sum(later) FROM samples"), 17);
		maintenance_at(f, f->latest);
	}
	assert_int_equal(count(f, "SELECT count(*) FROM samples_rows"), 0);
}

static void a_program_without_the_module_is_told_so(void **state)
{
	struct fixture *f = *state;
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	write_even(f);
	pack(f, DAY);
	assert_int_equal(sqlite3_open(backend_config.path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(db, "SELECT count(*) FROM samples", -1, &statement, NULL),
		SQLITE_ERROR);
	assert_string_equal(sqlite3_errmsg(db), "no such module: " PACKED_MODULE);
	/* Its rollups are there for everybody; and once nothing is packed any more, so is the view.
	 */
	assert_int_equal(
		sqlite3_prepare_v2(db, "SELECT count(*) FROM samples_1h", -1, &statement, NULL),
		SQLITE_OK);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	pack(f, 0);
	maintenance_at(f, T0 + 8 * DAY);
	write_row(f, T0 + 8 * DAY, "a", 1);
	write_row(f, T0 + 30 * SECOND, "a", 1);
	assert_int_equal(sqlite3_open(backend_config.path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(db, "SELECT count(*) FROM samples", -1, &statement, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(statement, 0), 2);
	sqlite3_finalize(statement);
	sqlite3_close(db);
}

static void counts_of_lines_are_not_packed(void **state)
{
	static const struct tally_column columns[] = {
		{.name = "time", .type = TALLY_TIME},
		{.name = "host", .type = TALLY_TEXT, .role = TALLY_TAG},
		{.name = "level", .type = TALLY_TEXT},
		{.name = "message", .type = TALLY_TEXT},
		{.name = "sequence", .type = TALLY_INT, .role = TALLY_ORDER}};
	static const struct tally_table logs = {.name = "talk",
						.columns = columns,
						.n_columns = 5,
						.kind = TALLY_LOG,
						.revision = 1};
	struct fixture *f = *state;
	write_even(f);
	for (int i = 0; i < 2; i++) {
		struct tally_batch *batch = fixture_batch(f, &logs);
		struct tally_cell *row = tally_batch_row(f->ctx, batch);
		tally_put_int(row, 0, T0 + i * SECOND);
		tally_put_int(row, 4, i);
		fixture_write(f, batch);
		pack(f, DAY);
		assert_int_equal(count(f, "SELECT sum(lines) FROM talk_lines"), i + 1);
	}
	assert_int_equal(count(f, "SELECT count(*) FROM talk_lines"), 1);
	assert_int_equal(count(f, "SELECT count(*) FROM tally_packed"), 1);
}

/* ---- kill -9 ------------------------------------------------------------------------------ */

static _Noreturn void pack_until_killed(struct fixture *f)
{
	if (f->plugin->start(f->store) != 0)
		_exit(1);
	for (;;)
		if (maintenance_run(f->store) != 0)
			_exit(1);
}

static int64_t chunks(struct fixture *f)
{
	if (count(f, "SELECT count(*) FROM sqlite_master WHERE name = 'samples_chunks'") == 0)
		return 0;
	return count(f, "SELECT count(*) FROM samples_chunks");
}

/* Each time one transaction has gone by, and the next may be anywhere. */
static void kill_at_any_instant_loses_and_doubles_nothing(void **state)
{
	static const char checksum[] = "SELECT sum(total % 1000003) + sum(time % 1000003) FROM "
				       "samples";
	struct fixture *f = *state;
	write_drawn(f);
	int64_t rows = count(f, "SELECT count(*) FROM samples"), sum = count(f, checksum);
	backend_config.pack_after = 1;
	f->plugin->stop(f->store);
	int kills = 0;
	for (; count(f, "SELECT count(*) FROM samples_rows") > rows / 4; kills++) {
		int64_t before = chunks(f), deadline = clock_monotonic() + 60 * SECOND;
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0)
			pack_until_killed(f);
		while (chunks(f) == before && clock_monotonic() < deadline)
			sched_yield();
		int status = 0;
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && clock_monotonic() < deadline);
		assert_int_equal(count(f, "SELECT count(*) FROM samples"), rows);
		assert_int_equal(count(f, checksum), sum);
	}
	assert_true(kills > 1);
	assert_int_equal(f->plugin->start(f->store), 0);
	maintenance_at(f, f->latest);
	assert_int_equal(count(f, "SELECT count(DISTINCT time) FROM samples"), rows);
	assert_int_equal(count(f, checksum), sum);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answers_do_not_show_what_is_packed),
		TEST(a_row_that_comes_late_is_stored_once_and_packed_later),
		TEST(a_list_of_one_series_goes_on_after_any_row),
		TEST(a_counter_grows_from_its_packed_sample),
		TEST(more_rows_than_a_chunk_has_become_several),
		TEST(chunks_are_deleted_whole_by_retention),
		TEST(a_full_file_loses_its_oldest_chunks),
		TEST(damage_is_named_and_costs_only_what_it_hit),
		TEST(a_column_that_is_added_later_is_null_in_what_is_packed),
		TEST(a_program_without_the_module_is_told_so),
		TEST(counts_of_lines_are_not_packed),
		TEST(kill_at_any_instant_loses_and_doubles_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

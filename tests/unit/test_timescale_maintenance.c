/* What maintenance does over weeks, and that no order of its jobs costs what should be kept. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "timescale_fixture.h"
#include "test.h"
#include "waiting.h"

/* A row a minute from an hour after a time on, for a while. */
static void write_hours(struct fixture *f, int64_t from, int hours)
{
	struct tally_batch *batch = fixture_batch(f, &series_table);
	fake_host_set_now(f->host, from);
	for (int i = 0; i < 60 * hours; i++)
		put_series(f, batch, from + HOUR + i * MINUTE, "a", 1, i);
	fixture_write(f, batch);
}

static int64_t count(struct fixture *f, const char *table)
{
	char sql[100];
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
	return fixture_sql(f, sql);
}

static void old_rows_are_deleted_level_by_level(void **state)
{
	struct fixture *f = *state;
	write_hours(f, T0, 3);
	maintenance_at(f, T0 + 2 * DAY);
	assert_int_equal(count(f, "samples"), 180);
	assert_int_equal(count(f, "samples_1min"), 180);
	assert_int_equal(count(f, "samples_1h"), 3);
	assert_int_equal(count(f, "samples_1d"), 1);
	maintenance_at(f, T0 + 9 * DAY);
	assert_int_equal(count(f, "samples"), 0);
	assert_int_equal(count(f, "samples_1min"), 180);
	maintenance_at(f, T0 + 32 * DAY);
	assert_int_equal(count(f, "samples_1min"), 0);
	assert_int_equal(count(f, "samples_1h"), 0);
	assert_int_equal(count(f, "samples_1d"), 1);
	maintenance_at(f, T0 + 402 * DAY);
	assert_int_equal(count(f, "samples_1d"), 0);
}

static void rows_are_kept_until_they_are_rolled_up(void **state)
{
	struct fixture *f = *state;
	write_hours(f, T0, 3);
	maintenance_at(f, T0 + 9 * DAY); /* the first there is: everything at once */
	assert_int_equal(count(f, "samples"), 0);
	assert_int_equal(count(f, "samples_1min"), 180);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1d"), 180);
}

static void a_late_row_for_a_deleted_day_spoils_no_rollup(void **state)
{
	struct fixture *f = *state;
	write_hours(f, T0, 3);
	maintenance_at(f, T0 + 9 * DAY);
	/* From a daemon whose clock is far behind. */
	fake_host_set_now(f->host, T0 + DAY);
	struct tally_batch *batch = fixture_batch(f, &series_table);
	put_series(f, batch, T0 + HOUR + 30 * SECOND, "a", 1, 1);
	fixture_write(f, batch);
	assert_true(count(f, "tally.late") > 0);
	maintenance_at(f, T0 + 9 * DAY);
	assert_int_equal(count(f, "tally.late"), 0);
	assert_int_equal(count(f, "samples_1min"), 180);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1min"), 180);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1d"), 180);
}

static void a_changed_retention_is_in_force_after_a_restart(void **state)
{
	struct fixture *f = *state;
	write_hours(f, T0, 1);
	backend_config.retention_raw = 20 * DAY;
	fixture_restart(f);
	maintenance_at(f, T0 + 9 * DAY);
	assert_int_equal(count(f, "samples"), 60);
	backend_config.retention_raw = 2 * DAY;
	fixture_restart(f);
	maintenance_at(f, T0 + 9 * DAY);
	assert_int_equal(count(f, "samples"), 0);
}

static void
log_rows_are_deleted_after_retention_raw_and_states_long_after_they_are_gone(void **state)
{
	struct fixture *f = *state;
	struct tally_batch *batch = fixture_batch(f, &log_table);
	put_log(f, batch, T0, "x", 1, "m");
	fixture_write(f, batch);
	batch = fixture_batch(f, &state_table);
	for (int i = 0; i < 2; i++) {
		struct tally_cell *row = tally_batch_row(f->ctx, batch);
		tally_put_int(row, I_TIME, T0);
		if (i)
			tally_put_int(row, I_GONE, T0);
		put_text(f, batch, I_ID, i ? "gone" : "there");
	}
	fixture_write(f, batch);
	maintenance_at(f, T0 + 9 * DAY);
	assert_int_equal(count(f, "lines"), 0);
	assert_int_equal(count(f, "things"), 2);
	maintenance_at(f, T0 + 31 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT count(*) = 1 AND min(id) = 'there' FROM things"),
			 1);
}

static void write_note(struct fixture *f, const struct tally_table *table, int64_t time)
{
	struct tally_batch *batch = fixture_batch(f, table);
	put_log(f, batch, time, "x", 1, "deployed");
	fixture_write(f, batch);
}

/* Also where the table was there before the flag, and a buffer's older rows come without.  A row
 * that comes late is taken if it is to be kept. */
static void what_is_kept_long_stays_as_long_as_days(void **state)
{
	struct fixture *f = *state;
	struct tally_table plain = log_table, kept = log_table;
	plain.name = kept.name = "notes";
	kept.flags = TALLY_KEPT_LONG;
	fake_host_set_now(f->host, T0 + DAY);
	write_note(f, &plain, T0);
	write_note(f, &kept, T0 - 30 * DAY);
	write_note(f, &log_table, T0);
	fixture_restart(f);
	fake_host_set_now(f->host, T0 + DAY);
	write_note(f, &plain, T0 + HOUR);
	assert_int_equal(fixture_sql(f, "SELECT flags FROM tally.tables WHERE name = 'notes'"), 1);
	maintenance_at(f, T0 + 20 * DAY);
	assert_int_equal(count(f, "lines"), 0);
	assert_int_equal(count(f, "notes"), 3);
	maintenance_at(f, T0 + 435 * DAY);
	assert_int_equal(count(f, "notes"), 0);
}

/* Whenever marks are taken, somebody marks a minute again. */
static void infinite_watermarks_do_not_block_other_tables(void **state)
{
	struct fixture *f = *state;
	write_hours(f, T0, 3);
	fixture_sql(f, "CREATE FUNCTION tally.again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
		       "INSERT INTO tally.late VALUES ('samples', to_timestamp(1700010000), "
		       "'other') ON CONFLICT DO NOTHING; RETURN NULL; END $$");
	fixture_sql(f, "CREATE TRIGGER again AFTER DELETE ON tally.late FOR EACH STATEMENT EXECUTE "
		       "FUNCTION tally.again()");
	maintenance_at(f, T0 + 2 * DAY);
	assert_int_equal(count(f, "tally.late"), 1);
	assert_int_equal(count(f, "samples_1min"), 180);
	assert_int_equal(count(f, "samples_1d"), 1);
	maintenance_at(f, T0 + 9 * DAY);
	assert_int_equal(count(f, "samples"), 0);
}

/* As a server that is too slow for more than 20 minutes of rollups in one transaction. */
static void make_slow(struct fixture *f)
{
	fixture_sql(f,
		    "CREATE FUNCTION tally.slow() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE "
		    "n int := 1 + coalesce(nullif(current_setting('test.n', true), ''), '0')::int; "
		    "BEGIN IF n > 20 THEN RAISE EXCEPTION 'slow' USING ERRCODE = '57014'; END "
		    "IF; PERFORM set_config('test.n', n::text, true); RETURN NEW; END $$");
	fixture_sql(f, "CREATE TRIGGER slow BEFORE INSERT ON tally.samples_1min_rows FOR EACH ROW "
		       "EXECUTE FUNCTION tally.slow()");
}

static void a_step_that_takes_too_long_is_retried_in_smaller_steps(void **state)
{
	struct fixture *f = *state;
	write_hours(f, T0, 1);
	make_slow(f);
	maintenance_at(f, T0 + 2 * DAY);
	assert_non_null(strstr(fake_host_log(f->host, TALLY_NOTICE), "32 minutes in one step"));
	assert_int_equal(count(f, "samples_1min"), 60);
	/* And so is what came late. */
	struct tally_batch *batch = fixture_batch(f, &series_table);
	for (int i = 0; i < 60; i++)
		put_series(f, batch, T0 + HOUR + i * MINUTE + SECOND, "a", 1, i);
	fixture_write(f, batch);
	maintenance_at(f, T0 + 2 * DAY);
	assert_int_equal(count(f, "tally.late"), 0);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1min"), 120);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1d"), 120);
}

/* As pg_dump does, and questions that take long. */
static void a_long_read_is_not_interrupted_repeatedly(void **state)
{
	struct fixture *f = *state;
	if (getenv("TALLYD_TEST_ONE_BACKEND"))
		skip(); /* nobody is in anybody's way there */
	struct pg_connection other = {.ctx = f->ctx, .timeout = 10 * SECOND, .interrupt_fd = -1};
	write_hours(f, T0, 3);
	assert_int_equal(pg_open(&other, backend_config.conninfo,
				 "begin; lock table tally.samples_rows in access share mode"),
			 0);
	int64_t now = tally_monotonic(f->ctx);
	fake_host_set_monotonic(f->host, now);
	maintenance_at(f, T0 + 9 * DAY);
	assert_non_null(strstr(fake_host_log(f->host, TALLY_NOTICE), "trying again in 30 s"));
	const struct step_size *step_size =
		step_size_find(&f->store->maintenance.step_sizes, "samples");
	for (int i = 0; i < 6; i++) {
		int64_t until = step_size->until;
		fake_host_set_monotonic(f->host, until - 1);
		maintenance_at(f, T0 + 9 * DAY);
		assert_int_equal(step_size->until, until); /* it was not tried */
		fake_host_set_monotonic(f->host, until);
		maintenance_at(f, T0 + 9 * DAY);
		assert_int_equal(step_size->until,
				 until + (i < 4 ? (60 << i) * SECOND : 480 * SECOND));
	}
	assert_int_equal(step_size->lock_timeout, 2000);
	assert_int_equal(count(f, "samples"), 180);
	pg_close(&other);
	for (int tries = 0; step_size->until; tries++) {
		assert_true(tries < 10); /* until the server noticed */
		fake_host_set_monotonic(f->host, step_size->until);
		maintenance_at(f, T0 + 9 * DAY);
	}
	assert_int_equal(count(f, "samples"), 0);
	assert_int_equal(step_size->lock_timeout, 250);
}

/* Two of three samples are missing: growth goes from one that is there to the next. */
static void counters_go_on_over_samples_that_are_missing(void **state)
{
	struct fixture *f = *state;
	write_hours(f, T0, 3);
	fixture_sql(f, "UPDATE tally.samples_rows SET total = NULL WHERE total % 3 <> 0");
	maintenance_at(f, T0 + 2 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT sum(total_increase) FROM samples_1min"), 177);
	assert_int_equal(fixture_sql(f, "SELECT sum(total_span) FROM samples_1d"), 177 * 60);
}

/* Nobody notes such rows, so it takes a word. */
static void rows_that_came_by_sql_are_rolled_up_when_asked(void **state)
{
	struct fixture *f = *state;
	char *words[] = {(char *)(uintptr_t) "refresh", (char *)(uintptr_t) "2023-11-15T01:00:00Z",
			 (char *)(uintptr_t) "2023-11-15T02:00:00Z"};
	struct tally_command command = {.size = sizeof(command), .argc = 3, .argv = words};
	write_hours(f, T0, 3);
	maintenance_at(f, T0 + 2 * DAY);
	fixture_sql(f, "INSERT INTO tally.samples_rows (_series, time, value) SELECT _series, "
		       "to_timestamp(1700010030), 5 FROM tally.samples_series");
	maintenance_at(f, T0 + 2 * DAY + MINUTE);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1d"), 180);
	assert_int_equal(f->plugin->command(f->ctx, &backend_config, &command), 0);
	maintenance_at(f, T0 + 2 * DAY + 2 * MINUTE);
	static const char *const levels[] = {"1min", "5min", "1h", "1d"};
	for (int i = 0; i < 4; i++) {
		char sql[60];
		snprintf(sql, sizeof(sql), "SELECT sum(rows) FROM samples_%s", levels[i]);
		assert_int_equal(fixture_sql(f, sql), 181);
	}
	words[2] = (char *)(uintptr_t) "tomorrow";
	assert_int_equal(f->plugin->command(f->ctx, &backend_config, &command), -EINVAL);
	assert_non_null(strstr(fake_host_reason(f->host), "\"tomorrow\" is not a time like"));
}

static const struct tally_column said_columns[] = {
	{.name = "time", .type = TALLY_TIME},
	{.name = "host", .type = TALLY_TEXT, .role = TALLY_TAG},
	{.name = "level", .type = TALLY_TEXT},
	{.name = "message", .type = TALLY_TEXT},
};
static const struct tally_table said_table = {
	.name = "said", .columns = said_columns, .n_columns = 4, .kind = TALLY_LOG, .revision = 1};

static uint32_t count_said(struct fixture *f, const char *text)
{
	static const struct tally_select select[] = {{"message", TALLY_RAW, 0}};
	const struct tally_filter filter = {
		.column = "message",
		.match = TALLY_CONTAINS,
		.value = {.text = text, .len = (uint32_t)strlen(text), .set = 1}};
	struct tally_query query = query_of("said", select, 1);
	struct rows rows;
	query.filters = &filter;
	query.n_filters = 1;
	assert_int_equal(ask(f, &query, &rows), 0);
	uint32_t n = rows.n;
	rows_free(&rows);
	return n;
}

static void lines_that_came_by_sql_are_found_when_asked_for(void **state)
{
	struct fixture *f = *state;
	char *words[] = {(char *)(uintptr_t) "refresh", (char *)(uintptr_t) "2023-11-15T00:00:00Z",
			 (char *)(uintptr_t) "2023-11-15T01:00:00Z"};
	struct tally_command command = {.size = sizeof(command), .argc = 3, .argv = words};
	struct tally_batch *batch = fixture_batch(f, &said_table);
	time_passes(f, T0 + HOUR);
	tally_put_int(tally_batch_row(f->ctx, batch), 0, T0);
	put_text(f, batch, 1, "h1");
	fixture_write(f, batch);
	fixture_sql(f, "INSERT INTO tally.said_rows (_series, time, _nanos, message) SELECT "
		       "_series, to_timestamp(1700006400 + i * 0.1), 0, 'line ' || i FROM "
		       "tally.said_series, generate_series(1, 9000) i");
	maintenance_at(f, T0 + HOUR);
	assert_true(fixture_sql(f, "SELECT count(*) FROM tally.text WHERE slice = -1") > 1);
	assert_int_equal(count_said(f, "LINE 899"), 11);
	fixture_sql(f, "INSERT INTO tally.said_rows (_series, time, _nanos, message) SELECT "
		       "_series, to_timestamp(1700006500), 1, 'xyzzy' FROM tally.said_series");
	assert_int_equal(f->plugin->command(f->ctx, &backend_config, &command), 0);
	assert_int_equal(count_said(f, "Xyzzy"), 1);
	maintenance_at(f, T0 + HOUR + MINUTE);
	assert_int_equal(count_said(f, "Xyzzy"), 1);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM tally.late"), 0);
}

/* A step costs something however little it takes on: that must not keep it from taking more. */
static void steps_grow_again_when_the_server_is_no_longer_slow(void **state)
{
	struct step_size *all = NULL, *step_size = step_size_find(&all, "samples");
	(void)state;
	assert_non_null(step_size);
	for (int i = 0; i < 20; i++)
		step_size_took(step_size, SECOND, true);
	assert_int_equal(step_size->span, MINUTE);
	for (int i = 0; i < 20; i++)
		step_size_took(step_size, SECOND / 5 + step_size->span / 3600, true);
	assert_true(step_size->span >= 4 * MINUTE);
	step_size_free(&all);
}

static bool compresses(struct fixture *f)
{
	return f->store->server.mode == SERVER_TSL;
}

static void old_chunks_are_compressed_and_still_answer_and_take_late_rows(void **state)
{
	struct fixture *f = *state;
	if (!compresses(f))
		skip();
	write_hours(f, T0, 3);
	maintenance_at(f, T0 + 3 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM timescaledb_information.chunks WHERE "
					"hypertable_name = 'samples_rows' AND is_compressed"),
			 1);
	assert_int_equal(count(f, "samples"), 180);
	struct tally_batch *batch = fixture_batch(f, &series_table);
	put_series(f, batch, T0 + HOUR, "a", 9, 9); /* there already */
	put_series(f, batch, T0 + HOUR + 30 * SECOND, "a", 9, 9);
	fixture_write(f, batch);
	assert_int_equal(count(f, "samples"), 181);
	maintenance_at(f, T0 + 3 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1min"), 181);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1d"), 181);
}

/* Of the database itself; its clock is years ahead of ours, so everything is old to it. */
static int64_t add_policy(struct fixture *f)
{
	return fixture_sql(f,
			   "SELECT add_compression_policy('tally.samples_rows', INTERVAL '1 day', "
			   "schedule_interval => INTERVAL '1 s', initial_start => now())");
}

static void rows_deleted_by_others_spoil_no_rollup(void **state)
{
	struct fixture *f = *state;
	write_hours(f, T0, 3);
	struct tally_batch *batch = fixture_batch(f, &series_table);
	put_series(f, batch, T0 + HOUR + SECOND, "a", 1, 1);
	fixture_write(f, batch);
	maintenance_at(f, T0 + 2 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1min"), 181);
	fixture_sql(f, "DELETE FROM tally.samples_rows");
	batch = fixture_batch(f, &series_table);
	put_series(f, batch, T0 + HOUR + 30 * SECOND, "a", 1, 1);
	fixture_write(f, batch);
	maintenance_at(f, T0 + 2 * DAY);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1min"), 181);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1d"), 181);
}

static void policies_of_the_database_are_reported(void **state)
{
	struct fixture *f = *state;
	if (!compresses(f))
		skip();
	write_hours(f, T0, 3);
	maintenance_at(f, T0);
	assert_int_equal(fake_host_metric(f->host, METRIC_POLICIES), 0);
	(void)add_policy(f);
	maintenance_at(f, T0);
	assert_int_equal(fake_host_metric(f->host, METRIC_POLICIES), 1);
}

static void write_some_way(struct fixture *f, struct tally_batch *batch)
{
	uint8_t verdict = TALLY_RETRY;
	f->sequence++;
	for (int tries = 0; verdict == TALLY_RETRY && tries < 100; tries++)
		(void)fixture_try(f, batch, f->sequence, &verdict);
	assert_int_equal(verdict, TALLY_DONE);
	tally_batch_drop(f->ctx, batch);
}

static void write_hour_and_a_late_row(struct fixture *f, int i)
{
	struct tally_batch *batch = fixture_batch(f, &series_table);
	int64_t from = T0 + (3 + i) * HOUR;
	fake_host_set_now(f->host, from + HOUR);
	for (int j = 0; j < 60; j++)
		put_series(f, batch, from + j * MINUTE, "a", 1, j);
	put_series(f, batch, T0 + HOUR + i * SECOND + SECOND / 2, "a", 1, 1);
	write_some_way(f, batch);
}

struct runner {
	pthread_t thread;
	atomic_bool stop;
	int64_t job;
	int runs;
};

/* As the server's own workers do, whether it has any to spare or not. */
static void *run_policy(void *arg)
{
	struct runner *runner = arg;
	char call[40];
	snprintf(call, sizeof(call), "call run_job(%" PRId64 ")", runner->job);
	PGconn *conn = PQconnectdb(backend_config.conninfo);
	while (!atomic_load(&runner->stop)) {
		PGresult *result = PQexec(conn, call);
		runner->runs += PQresultStatus(result) == PGRES_COMMAND_OK;
		PQclear(result);
	}
	PQfinish(conn);
	return NULL;
}

/* It compresses the day that is being written, over and over, while we do, too. */
static void a_policy_that_runs_meanwhile_costs_no_row(void **state)
{
	struct runner runner = {.runs = 0};
	struct fixture *f = *state;
	static const char *const levels[] = {"samples", "samples_1min", "samples_1h", "samples_1d"};
	if (!compresses(f) || getenv("TALLYD_TEST_ONE_BACKEND"))
		skip();
	write_hours(f, T0, 1);
	runner.job = add_policy(f);
	assert_int_equal(pthread_create(&runner.thread, NULL, run_policy, &runner), 0);
	for (int i = 0; i < 60; i++) {
		write_hour_and_a_late_row(f, i);
		if (i % 5 == 0)
			(void)maintenance_run(f->store); /* may have to wait for the next round */
	}
	atomic_store(&runner.stop, true);
	pthread_join(runner.thread, NULL);
	assert_true(runner.runs > 0);
	maintenance_at(f, T0 + 4 * DAY);
	assert_int_equal(count(f, levels[0]), 60 + 60 * 61);
	for (int level = 1; level < 4; level++) {
		char sql[60];
		snprintf(sql, sizeof(sql), "SELECT sum(rows) FROM %s", levels[level]);
		assert_int_equal(fixture_sql(f, sql), 60 + 60 * 61);
	}
}

/* ---- Rows that are late, and not committed yet ---- */

static void write_late(struct fixture *f, int second)
{
	struct tally_batch *batch = fixture_batch(f, &series_table);
	put_series(f, batch, T0 + HOUR + 5 * MINUTE + second * SECOND, "a", 1, second);
	fixture_write(f, batch);
}

static void *write_another(void *arg)
{
	write_late(arg, 2);
	return NULL;
}

/* Whoever commits rows waits for a lock that the test has. */
static PGconn *hold_commits(struct fixture *f)
{
	PGconn *conn = PQconnectdb(backend_config.conninfo);
	PQclear(PQexec(conn, "select pg_advisory_lock(4711)"));
	fixture_sql(f, "create function tally.hold() returns trigger language plpgsql as 'begin "
		       "perform pg_advisory_xact_lock_shared(4711); return null; end'; create "
		       "constraint trigger hold after insert on tally.samples_rows deferrable "
		       "initially deferred for each row execute function tally.hold()");
	return conn;
}

/* A minute is marked as late by a first row.  While a second one of the same writer waits to be
 * committed, maintenance takes the mark: the second one must be rolled up, too. */
static void a_late_row_is_rolled_up_whenever_it_is_committed(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;
	if (f->store->server.mode != SERVER_PLAIN)
		skip(); /* hypertables have no constraint triggers */
	write_hours(f, T0, 1);
	maintenance_at(f, T0 + 4 * HOUR);
	write_late(f, 1);
	PGconn *conn = hold_commits(f);
	assert_int_equal(pthread_create(&thread, NULL, write_another, f), 0);
	WAIT_UNTIL(fixture_sql(f,
			       "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT "
			       "granted AND classid = 0 AND objid = 4711") == 1);
	(void)maintenance_run(f->store);
	PQfinish(conn);
	pthread_join(thread, NULL);
	maintenance_at(f, T0 + 4 * HOUR);
	assert_int_equal(count(f, "samples"), 62);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1min"), 62);
}

/* No round can roll up a minute of many rows any more. */
static void spoil_rollups(struct fixture *f)
{
	fixture_sql(f,
		    "ALTER TABLE tally.samples_1min_rows ADD CONSTRAINT spoilt CHECK (rows < 9)");
	struct tally_batch *batch = fixture_batch(f, &series_table);
	for (int i = 0; i < 10; i++)
		put_series(f, batch, T0 + 5 * HOUR + i * SECOND, "a", 1, i);
	fake_host_set_now(f->host, T0 + 5 * HOUR + MINUTE);
	fixture_write(f, batch);
}

static int maintenance_fails_at(struct fixture *f, int64_t now)
{
	fake_host_set_now(f->host, now);
	return maintenance_run(f->store);
}

static void the_lag_grows_while_maintenance_fails(void **state)
{
	struct fixture *f = *state;
	write_hours(f, T0, 1);
	maintenance_at(f, T0 + 4 * HOUR);
	uint64_t before = fake_host_metric(f->host, METRIC_ROLLUP_LAG);
	uint64_t succeeded = fake_host_metric(f->host, METRIC_UPKEEP_SUCCESS);
	assert_in_range(before, MINUTE, 3 * MINUTE);
	spoil_rollups(f);
	for (int hours = 8; hours < 10; hours++) {
		assert_true(maintenance_fails_at(f, T0 + hours * HOUR) < 0);
		assert_non_null(strstr(fake_host_reason(f->host), "table samples"));
		assert_true(fake_host_metric(f->host, METRIC_ROLLUP_LAG) >=
			    (uint64_t)((hours - 6) * HOUR));
	}
	assert_int_equal(fake_host_metric(f->host, METRIC_UPKEEP_SUCCESS), succeeded);
	fixture_sql(f, "ALTER TABLE tally.samples_1min_rows DROP CONSTRAINT spoilt");
	maintenance_at(f, T0 + 10 * HOUR);
	assert_in_range(fake_host_metric(f->host, METRIC_ROLLUP_LAG), MINUTE, 3 * MINUTE);
}

static void the_lag_grows_while_the_database_is_away(void **state)
{
	struct fixture *f = *state;
	write_hours(f, T0, 1);
	maintenance_at(f, T0 + 4 * HOUR);
	const char *conninfo = backend_config.conninfo;
	backend_config.conninfo = "host=/nowhere";
	pg_close(&f->store->maintenance.pg);
	fake_host_set_monotonic(f->host, tally_monotonic(f->ctx) + 2 * HOUR);
	assert_true(maintenance_fails_at(f, T0 + 6 * HOUR) < 0);
	assert_int_equal(fake_host_metric(f->host, METRIC_LEADER), 0);
	assert_true(fake_host_metric(f->host, METRIC_ROLLUP_LAG) >= (uint64_t)(2 * HOUR));
	backend_config.conninfo = conninfo;
	maintenance_at(f, T0 + 6 * HOUR);
	assert_int_equal(fake_host_metric(f->host, METRIC_LEADER), 1);
}

static void only_the_leader_maintains(void **state)
{
	struct fixture *f = *state;
	if (getenv("TALLYD_TEST_ONE_BACKEND"))
		skip(); /* locks are everybody's there */
	struct pg_connection other = {.ctx = f->ctx, .timeout = 10 * SECOND, .interrupt_fd = -1};
	write_hours(f, T0, 1);
	assert_int_equal(
		pg_open(&other, backend_config.conninfo, "select pg_advisory_lock(1952541804, 2)"),
		0);
	fake_host_set_now(f->host, T0 + DAY);
	assert_int_equal(maintenance_run(f->store), 1);
	assert_int_equal(fake_host_metric(f->host, METRIC_LEADER), 0);
	assert_int_equal(fake_host_metric(f->host, METRIC_ROLLUP_LAG), 0);
	assert_int_equal(count(f, "samples_1min"), 0);
	pg_close(&other);
	for (int tries = 0; maintenance_run(f->store) != 0; tries++)
		assert_true(tries < 1000); /* until the server noticed */
	assert_int_equal(count(f, "samples_1min"), 60);
	assert_int_equal(maintenance_run(f->store), 0);
	assert_int_equal(
		fixture_sql(
			f,
			"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = "
			"1952541804 AND database = (SELECT oid FROM pg_database WHERE "
			"datname = current_database())"),
		1);
}

/* Tries the leader's lock over a connection of its own, which ends with that. */
static bool another_could_lead(struct fixture *f)
{
	return fixture_sql(f, "SELECT pg_try_advisory_lock(1952541804, 2)") == 1;
}

static void a_leader_that_fails_lets_another_lead(void **state)
{
	struct fixture *f = *state;
	if (!backend_several())
		skip();
	write_hours(f, T0, 1);
	for (int i = 0; i < 3; i++)
		maintenance_at(f, T0 + 4 * HOUR);
	assert_int_equal(fake_host_metric(f->host, METRIC_LEADER), 1);
	assert_false(another_could_lead(f));
	spoil_rollups(f);
	assert_true(maintenance_fails_at(f, T0 + 8 * HOUR) < 0);
	assert_int_equal(fake_host_metric(f->host, METRIC_LEADER), 0);
	assert_true(another_could_lead(f));
	fixture_sql(f, "ALTER TABLE tally.samples_1min_rows DROP CONSTRAINT spoilt");
	/* Until the server noticed that the one above has ended. */
	fake_host_set_now(f->host, T0 + 8 * HOUR);
	for (int tries = 0; maintenance_run(f->store) != 0; tries++)
		assert_true(tries < 1000);
	assert_int_equal(fake_host_metric(f->host, METRIC_LEADER), 1);
}

/* Otherwise it would wait for the lock, ten minutes long. */
static void stopping_does_not_wait_for_a_statement_of_the_maintenance(void **state)
{
	struct fixture *f = *state;
	struct pg_connection other = {.ctx = f->ctx, .timeout = 10 * SECOND, .interrupt_fd = -1};
	if (!backend_several())
		skip();
	write_hours(f, T0, 1);
	backend_config.maintenance = true;
	fixture_restart(f);
	assert_int_equal(pg_open(&other, backend_config.conninfo,
				 "begin; lock table tally.clock in access exclusive mode"),
			 0);
	worker_wake(&f->store->maintenance.task.worker);
	WAIT_UNTIL(fixture_sql(f, "SELECT count(*) FROM pg_stat_activity WHERE application_name = "
				  "'tallyd upkeep' AND wait_event_type = 'Lock' AND datname = "
				  "current_database()") == 1);
	int64_t failed = fake_host_metric(f->host, METRIC_UPKEEP_ERRORS);
	f->plugin->stop(f->store);
	assert_int_equal(PQtransactionStatus(other.conn), PQTRANS_INTRANS);
	assert_int_equal(fake_host_metric(f->host, METRIC_UPKEEP_ERRORS), failed);
	WAIT_UNTIL(fixture_sql(f, "SELECT count(*) FROM pg_stat_activity WHERE application_name = "
				  "'tallyd upkeep' AND datname = current_database()") == 0);
	pg_close(&other);
	backend_config.maintenance = false;
	assert_int_equal(f->plugin->start(f->store), 0);
	maintenance_at(f, T0 + 2 * DAY);
	assert_int_equal(count(f, "samples_1min"), 60);
}

int main(void)
{
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		STORE_TEST(old_rows_are_deleted_level_by_level),
		STORE_TEST(rows_are_kept_until_they_are_rolled_up),
		STORE_TEST(a_late_row_for_a_deleted_day_spoils_no_rollup),
		STORE_TEST(a_changed_retention_is_in_force_after_a_restart),
		STORE_TEST(what_is_kept_long_stays_as_long_as_days),
		STORE_TEST(stopping_does_not_wait_for_a_statement_of_the_maintenance),
		STORE_TEST(
			log_rows_are_deleted_after_retention_raw_and_states_long_after_they_are_gone),
		STORE_TEST(old_chunks_are_compressed_and_still_answer_and_take_late_rows),
		STORE_TEST(infinite_watermarks_do_not_block_other_tables),
		STORE_TEST(a_step_that_takes_too_long_is_retried_in_smaller_steps),
		STORE_TEST(a_long_read_is_not_interrupted_repeatedly),
		cmocka_unit_test(steps_grow_again_when_the_server_is_no_longer_slow),
		STORE_TEST(rows_deleted_by_others_spoil_no_rollup),
		STORE_TEST(counters_go_on_over_samples_that_are_missing),
		STORE_TEST(rows_that_came_by_sql_are_rolled_up_when_asked),
		STORE_TEST(lines_that_came_by_sql_are_found_when_asked_for),
		STORE_TEST(policies_of_the_database_are_reported),
		STORE_TEST(a_policy_that_runs_meanwhile_costs_no_row),
		STORE_TEST(a_late_row_is_rolled_up_whenever_it_is_committed),
		STORE_TEST(the_lag_grows_while_maintenance_fails),
		STORE_TEST(the_lag_grows_while_the_database_is_away),
		STORE_TEST(only_the_leader_maintains),
		STORE_TEST(a_leader_that_fails_lets_another_lead),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

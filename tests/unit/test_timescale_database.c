/* Migrations, refused rows, partitions and transactions: what only a database server has. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "timescale_fixture.h"
#include "test.h"

static void an_edited_migration_is_noticed(void **state)
{
	struct fixture *f = *state;
	f->plugin->stop(f->store);
	fixture_sql(f, "UPDATE tally.migrations SET checksum = 'x' WHERE version = 1");
	assert_int_equal(f->plugin->start(f->store), -EPROTO);
	assert_non_null(strstr(fake_host_reason(f->host), "0001_catalog"));
	fixture_sql(f, "DELETE FROM tally.migrations");
	fixture_sql(f, "INSERT INTO tally.migrations VALUES (99, 'x', 'x', now())");
	assert_int_equal(f->plugin->start(f->store), -EPROTO);
	assert_non_null(strstr(fake_host_reason(f->host), "newer tallyd"));
	fixture_sql(f, "DROP SCHEMA tally CASCADE");
	assert_int_equal(f->plugin->start(f->store), 0);
}

static void a_migration_without_its_record_is_refused(void **state)
{
	struct fixture *f = *state;
	f->plugin->stop(f->store);
	fixture_sql(f, "DELETE FROM tally.migrations WHERE version = 2");
	assert_int_equal(f->plugin->start(f->store), -EPROTO);
	assert_non_null(strstr(fake_host_reason(f->host),
			       "records 0003_side_by_side, but not 0002_functions before it"));
	fixture_sql(f, "DROP SCHEMA tally CASCADE");
	assert_int_equal(f->plugin->start(f->store), 0);
}

static void the_holder_of_the_migration_lock_is_named(void **state)
{
	struct fixture *f = *state;
	struct pg_connection other = {.ctx = f->ctx, .timeout = 10 * SECOND, .interrupt_fd = -1};
	char expected[60];
	if (!backend_several())
		skip();
	f->plugin->stop(f->store);
	fixture_sql(f, "DROP SCHEMA tally CASCADE");
	assert_int_equal(pg_open(&other, backend_config.conninfo,
				 "set application_name = 'slow one'; select "
				 "pg_advisory_lock(1952541804, 0)"),
			 0);
	snprintf(expected, sizeof(expected), "process %d (slow one", PQbackendPID(other.conn));
	backend_config.timeout = SECOND;
	assert_int_equal(f->plugin->start(f->store), -EAGAIN);
	assert_non_null(strstr(fake_host_reason(f->host), expected));
	pg_close(&other);
	backend_config.timeout = 20 * SECOND;
	assert_int_equal(f->plugin->start(f->store), 0);
}

static void with_migrate_check_nothing_is_changed_and_missing_migrations_are_reported(void **state)
{
	struct fixture *f = *state;
	f->plugin->stop(f->store);
	backend_config.migrate = MIGRATE_CHECK;
	fixture_sql(f, "DROP SCHEMA tally CASCADE");
	assert_int_equal(f->plugin->start(f->store), -EPROTO);
	assert_non_null(strstr(fake_host_reason(f->host), "tallyd db migrate"));
	assert_int_equal(
		fixture_sql(f, "SELECT count(*) FROM pg_namespace WHERE nspname = 'tally'"), 0);
	backend_config.migrate = MIGRATE_AUTO;
	assert_int_equal(f->plugin->start(f->store), 0);
	fixture_restart(f);
	backend_config.migrate = MIGRATE_CHECK;
	fixture_restart(f);
	assert_int_equal(f->plugin->output->prepare(f->store, &log_table), -ENOENT);
	backend_config.migrate = MIGRATE_AUTO;
	fixture_restart(f);
	assert_int_equal(f->plugin->output->prepare(f->store, &log_table), 0);
}

static void rows_that_the_database_refuses_become_dead_letters(void **state)
{
	struct fixture *f = *state;
	char path[200], line[600] = "";
	struct tally_batch *batch = fixture_batch(f, &log_table);
	for (int i = 0; i < 100; i++) {
		put_log(f, batch, T0 + i * SECOND, "x", i, i == 41 ? "bad \xff byte" : "good");
		if (i == 77) {
			struct tally_cell *row =
				(struct tally_cell *)(uintptr_t)batch->cells + (size_t)i * L_N;
			tally_put_text_borrowed(row, L_MESSAGE, "a\0b", 3);
		}
	}
	fixture_write(f, batch);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM lines"), 98);
	assert_int_equal(fake_host_rejected(f->host), 2);
	snprintf(path, sizeof(path), "%s/%s.rejected.ndjson", f->folder, f->ctx->name);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	assert_non_null(strstr(line, "\"table\":\"lines\""));
	assert_non_null(strstr(line, "22021"));
	assert_non_null(strstr(line, "\"sequence\":41"));
	assert_non_null(fgets(line, sizeof(line), file));
	assert_null(fgets(line, sizeof(line), file));
	fclose(file);
}

static void a_tag_that_the_database_refuses_costs_only_its_rows(void **state)
{
	struct fixture *f = *state;
	struct tally_batch *batch = fixture_batch(f, &series_table);
	put_series(f, batch, T0, "good", 1, 1);
	put_series(f, batch, T0, "bad\xfe", 1, 1);
	put_series(f, batch, T0, "fine", 1, 1);
	fixture_write(f, batch);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples"), 2);
	assert_int_equal(fake_host_rejected(f->host), 1);
}

static void rows_of_other_days_get_their_partitions(void **state)
{
	struct fixture *f = *state;
	struct tally_batch *batch = fixture_batch(f, &series_table);
	for (int day = -6; day <= 0; day++)
		put_series(f, batch, T0 + day * DAY, "a", 1, 1);
	put_series(f, batch, T0 - 8 * DAY, "a", 1, 1);
	put_series(f, batch, T0 + 2 * DAY, "a", 1, 1);
	fixture_write(f, batch);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples"), 7);
	assert_int_equal(fake_host_rejected(f->host), 2);
}

/* Is it a range that make_partitions() refuses? */
static bool partitions_are_refused(struct fixture *f, const char *from, const char *to)
{
	char sql[300];
	snprintf(sql, sizeof(sql), "select tally.make_partitions('samples_rows', %s, %s)", from,
		 to);
	struct pg_connection pg = {.ctx = f->ctx, .timeout = 10 * SECOND, .interrupt_fd = -1};
	assert_int_equal(pg_open(&pg, backend_config.conninfo, "begin"), 0);
	int r = pg_exec(&pg, sql);
	bool refused = r < 0 && strcmp(pg.sqlstate, "22023") == 0;
	if (r < 0 && !refused)
		fail_msg("%s", fake_host_reason(f->host));
	pg_rollback(&pg);
	pg_close(&pg);
	return refused;
}

static void partitions_are_created_for_the_days_ahead(void **state)
{
	struct fixture *f = *state;
	struct tally_batch *batch = fixture_batch(f, &series_table);
	put_series(f, batch, T0, "a", 1, 1);
	fixture_write(f, batch);
	assert_true(partitions_are_refused(f, "'-infinity'", "now()"));
	assert_true(partitions_are_refused(f, "now()", "'infinity'"));
	assert_true(partitions_are_refused(f, "'-infinity'", "'-infinity'"));
	assert_true(partitions_are_refused(f, "'9999-01-01'", "'9999-01-01'"));
	assert_true(partitions_are_refused(f, "now() - interval '401 days'", "now()"));
	if (f->store->server.mode != SERVER_PLAIN)
		return; /* it has no native partitions */
	assert_false(partitions_are_refused(f, "now() - interval '40 days'", "now()"));
	assert_false(partitions_are_refused(f, "now() - interval '10001 days'",
					    "now() - interval '10001 days'"));
}

static void one_transaction_holds_all_entries_of_a_write(void **state)
{
	struct fixture *f = *state;
	struct tally_batch *batches[4] = {
		fixture_batch(f, &series_table), fixture_batch(f, &log_table),
		fixture_batch(f, &series_table), fixture_batch(f, &state_table)};
	struct tally_entry entries[4];
	uint8_t verdicts[4] = {0};
	struct tally_batch *first = fixture_batch(f, &state_table); /* careful after a start */
	fixture_write(f, first);
	put_series(f, batches[0], T0, "a", 1, 1);
	put_log(f, batches[1], T0, "x", 1, "m");
	put_series(f, batches[2], T0 + SECOND, "a", 1, 1);
	tally_put_int(tally_batch_row(f->ctx, batches[3]), I_TIME, T0);
	for (uint64_t i = 0; i < 4; i++)
		entries[i] = (struct tally_entry){batches[i], i + 2, "w", NULL};
	assert_int_equal(f->plugin->output->write(f->store, entries, 4, verdicts), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(verdicts[i], TALLY_DONE);
	assert_int_equal(
		fixture_sql(f, "SELECT count(DISTINCT xmin::text) FROM (SELECT xmin FROM "
			       "tally.lines_rows UNION ALL SELECT xmin FROM "
			       "tally.things_rows UNION ALL SELECT xmin FROM tally.ledger) x"),
		1);
	assert_int_equal(fixture_sql(f, "SELECT sequence FROM tally.ledger"), 5);
	/* Some again, as after a lost answer, with a new one. */
	entries[0].sequence = 4;
	entries[1].sequence = 5;
	entries[2].sequence = 6;
	assert_int_equal(f->plugin->output->write(f->store, entries, 3, verdicts), 0);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples"), 2);
	assert_int_equal(fixture_sql(f, "SELECT sequence FROM tally.ledger"), 6);
	for (int i = 0; i < 4; i++)
		tally_batch_drop(f->ctx, batches[i]);
}

static void assert_setting(struct pg_connection *pg, const char *name, const char *value)
{
	char sql[100], text[60];
	snprintf(sql, sizeof(sql), "select current_setting('%s')", name);
	assert_int_equal(pg_query_text(pg, sql, text, sizeof(text)), 0);
	assert_string_equal(text, value);
}

static void assert_noticed(struct pg_connection *pg)
{
	assert_setting(pg, "tcp_keepalives_idle", "30");
	assert_setting(pg, "tcp_keepalives_interval", "10");
	assert_setting(pg, "tcp_keepalives_count", "3");
	assert_setting(pg, "client_connection_check_interval", "10s");
}

/* What a client that vanished holds is free again soon. */
static void the_server_soon_notices_a_client_that_vanished(void **state)
{
	struct fixture *f = *state;
	struct reader *reader;
	char conninfo[1000];
	if (getenv("TALLYD_TEST_ONE_BACKEND"))
		skip(); /* it has no sockets of its own */
	const char *local = strstr(backend_config.conninfo, "host=/");
	snprintf(conninfo, sizeof(conninfo), "%s%s", backend_config.conninfo,
		 local ? " host=127.0.0.1" : "");
	backend_config.conninfo = conninfo;
	fixture_sql(f,
		    "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET "
		    "default_transaction_isolation = serializable', current_database()); END $$");
	fixture_restart(f);
	maintenance_at(f, T0);
	fixture_sql(f, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET "
		       "default_transaction_isolation', current_database()); END $$");
	assert_noticed(&f->store->maintenance.pg);
	assert_setting(&f->store->maintenance.pg, "default_transaction_isolation",
		       "read committed");
	assert_setting(&f->store->maintenance.pg, "idle_in_transaction_session_timeout", "1min");
	assert_noticed(&f->store->parallel.threads[0].writer.pg);
	assert_int_equal(
		readers_take(&f->store->readers, tally_monotonic(f->ctx) + 60 * SECOND, &reader),
		0);
	assert_noticed(&reader->pg);
	assert_setting(&reader->pg, "idle_in_transaction_session_timeout", "1min");
	assert_setting(&reader->pg, "default_transaction_isolation", "read committed");
	readers_give_back(&f->store->readers, reader);
}

/* As `tallyd alerts test` does it, beside a daemon or before there is one. */
static void to_read_only_is_to_change_nothing(void **state)
{
	struct fixture *f = *state;
	const struct tally_select select = {.column = "value", .aggregate = TALLY_RAW};
	struct tally_query query = query_of("samples", &select, 1);
	query.limit = 1000;
	struct rows rows;
	history_hour(f);
	f->plugin->stop(f->store);
	backend_config.maintenance = true;
	fixture_sql(f, "DROP VIEW public.samples");
	assert_int_equal(f->plugin->store->start_reading(f->store), 0);
	assert_false(f->store->maintenance.task.running);
	assert_int_equal(ask(f, &query, &rows), 0);
	assert_int_equal(rows.n, 360);
	rows_free(&rows);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM pg_views WHERE schemaname = 'public' "
					"AND viewname = 'samples'"),
			 0);
	f->plugin->stop(f->store);

	fixture_sql(f, "DROP SCHEMA tally CASCADE");
	assert_int_equal(f->plugin->store->start_reading(f->store), -EPROTO);
	assert_non_null(strstr(fake_host_reason(f->host), "run tallyd db migrate"));
	assert_int_equal(
		fixture_sql(f, "SELECT count(*) FROM pg_namespace WHERE nspname = 'tally'"), 0);
	backend_config.maintenance = false;
	assert_int_equal(f->plugin->start(f->store), 0);
}

int main(void)
{
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		STORE_TEST(an_edited_migration_is_noticed),
		STORE_TEST(a_migration_without_its_record_is_refused),
		STORE_TEST(the_holder_of_the_migration_lock_is_named),
		STORE_TEST(
			with_migrate_check_nothing_is_changed_and_missing_migrations_are_reported),
		STORE_TEST(rows_that_the_database_refuses_become_dead_letters),
		STORE_TEST(a_tag_that_the_database_refuses_costs_only_its_rows),
		STORE_TEST(rows_of_other_days_get_their_partitions),
		STORE_TEST(partitions_are_created_for_the_days_ahead),
		STORE_TEST(the_server_soon_notices_a_client_that_vanished),
		STORE_TEST(one_transaction_holds_all_entries_of_a_write),
		STORE_TEST(to_read_only_is_to_change_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Several connections that write at once: who writes what, and that the ledger knows every entry
 * whichever of them wrote it. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "timescale_fixture.h"
#include "test.h"

enum { ROWS = 2 * SHARD_ROWS_MIN, MANY = 2 * SHARDS_PER_THREAD };

static void open_writers(struct fixture *f, int64_t n)
{
	backend_config.connections = n;
	fixture_restart(f);
}

/* Rows from second to second, of a thing of their own. */
static struct tally_batch *samples(struct fixture *f, const char *id, int rows)
{
	struct tally_batch *batch = fixture_batch(f, &series_table);
	for (int i = 0; i < rows; i++)
		put_series(f, batch, T0 + i * SECOND / 10, id, 1, i);
	return batch;
}

static void write_all(struct fixture *f, struct tally_batch **batches, uint32_t n, uint64_t first)
{
	struct tally_entry entries[MANY];
	uint8_t verdicts[MANY] = {0};
	for (uint32_t i = 0; i < n; i++)
		entries[i] = (struct tally_entry){batches[i], first + i, "w", NULL};
	if (f->plugin->output->write(f->store, entries, n, verdicts) != 0)
		fail_msg("write: %s", fake_host_reason(f->host));
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(verdicts[i], TALLY_DONE);
		tally_batch_drop(f->ctx, batches[i]);
	}
}

static void write_several(struct fixture *f, const char *id, uint64_t first, uint32_t n, int rows)
{
	struct tally_batch *batches[MANY];
	for (uint32_t i = 0; i < n; i++) {
		char name[20];
		snprintf(name, sizeof(name), "%s%u", id, i);
		batches[i] = samples(f, name, rows);
	}
	write_all(f, batches, n, first);
}

static void write_four(struct fixture *f, const char *id, uint64_t first)
{
	write_several(f, id, first, 4, ROWS);
}

/* That wrote the things whose name begins with b. */
static int64_t transactions(struct fixture *f)
{
	return fixture_sql(f, "SELECT count(DISTINCT r.xmin::text) FROM tally.samples_rows r JOIN "
			      "tally.samples_series s USING (_series) WHERE s.container_id LIKE "
			      "'b%'");
}

static void a_write_is_sharded_over_the_connections(void **state)
{
	struct fixture *f = *state;
	open_writers(f, 3);
	write_four(f, "a", 1); /* the first ones go by steps, which look like transactions */
	write_four(f, "b", 5);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples"), 8 * ROWS);
	assert_int_equal(transactions(f), 3);
}

/* So that none of them waits for a slower one but at the end. */
static void a_large_write_is_more_transactions_than_there_are_connections(void **state)
{
	struct fixture *f = *state;
	open_writers(f, 2);
	write_four(f, "a", 1);
	write_several(f, "b", 5, 2 * SHARDS_ENOUGH, SHARD_ROWS_FULL);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples"),
			 4 * ROWS + 2 * SHARDS_ENOUGH * SHARD_ROWS_FULL);
	assert_int_equal(transactions(f), 2 * SHARDS_ENOUGH);
}

/* What each takes besides its rows is not paid more often than the connections need. */
static void a_larger_one_is_not_more_but_larger_transactions(void **state)
{
	struct fixture *f = *state;
	open_writers(f, 2);
	write_four(f, "a", 1);
	write_several(f, "b", 5, MANY, SHARD_ROWS_FULL);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples"),
			 4 * ROWS + MANY * SHARD_ROWS_FULL);
	assert_int_equal(transactions(f), 2 * SHARDS_ENOUGH);
	assert_int_equal(MANY * SHARD_ROWS_FULL, 2 * SHARDS_ENOUGH * SHARD_ROWS_LARGE);
	write_several(f, "bb", 5 + MANY, MANY, 2 * SHARD_ROWS_FULL);
	assert_int_equal(transactions(f), 3 * 2 * SHARDS_ENOUGH);
}

static void a_small_write_stays_one_transaction(void **state)
{
	struct fixture *f = *state;
	struct tally_batch *batches[2] = {samples(f, "b1", 5), samples(f, "b2", 5)};
	open_writers(f, 4);
	write_four(f, "a", 1);
	write_all(f, batches, 2, 5);
	assert_int_equal(transactions(f), 1);
	assert_int_equal(fixture_sql(f, "SELECT sequence FROM tally.ledger"), 6);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM tally.ledger_ahead"), 0);
}

/* As after a crash of the daemon, before its buffer noted what was acknowledged; and its operator
 * changed the number meanwhile. */
static void entries_written_before_are_recognized_with_any_number_of_connections(void **state)
{
	struct fixture *f = *state;
	static const int64_t connections[] = {2, 3, 1, 16};
	open_writers(f, 2);
	write_four(f, "a", 1);
	write_four(f, "b", 5);
	for (int i = 0; i < 4; i++) {
		open_writers(f, connections[i]);
		write_four(f, "other", 1);
		write_four(f, "other", 5);
		assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples"), 8 * ROWS);
	}
	write_four(f, "c", 9);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples"), 12 * ROWS);
}

static void the_ledger_does_not_grow(void **state)
{
	struct fixture *f = *state;
	open_writers(f, 2);
	for (uint64_t i = 0; i < 5; i++)
		write_four(f, "a", 1 + 4 * i);
	assert_int_equal(fixture_sql(f, "SELECT sequence FROM tally.ledger"), 16);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM tally.ledger_ahead"), 4);
	open_writers(f, 1);
	write_four(f, "b", 21);
	assert_int_equal(fixture_sql(f, "SELECT sequence FROM tally.ledger"), 24);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM tally.ledger_ahead"), 0);
}

/* Nor what a transaction reads of it, with what was deleted since the last vacuum. */
static void the_ledger_does_not_slow_down(void **state)
{
	struct fixture *f = *state;
	fixture_sql(f, "ALTER TABLE tally.ledger_ahead SET (autovacuum_enabled = off)");
	fixture_sql(f, "DO $$ BEGIN FOR i IN 1..5000 LOOP PERFORM tally.ledger_note('w', i - 1, "
		       "ARRAY[i]); COMMIT; END LOOP; END $$");
	int64_t pages = fixture_sql(
		f, "CREATE FUNCTION pg_temp.pages(i int) RETURNS text LANGUAGE plpgsql AS $$ "
		   "DECLARE plan json; BEGIN EXECUTE format('EXPLAIN (ANALYZE, BUFFERS, FORMAT "
		   "JSON) SELECT tally.ledger_note(''w'', %s, ARRAY[%s])', i - 1, i) INTO plan; "
		   "RETURN plan -> 0 -> 'Plan' ->> 'Shared Hit Blocks'; END $$; SELECT "
		   "pg_temp.pages(5001); SELECT pg_temp.pages(5002)");
	assert_in_range(pages, 1, 40);
}

/* Of rows with one time the last one written stands. */
static void rows_of_a_state_keep_their_order(void **state)
{
	struct fixture *f = *state;
	static const char *const states[] = {"created", "running", "paused", "exited"};
	struct tally_batch *batches[8];
	open_writers(f, 3);
	for (int i = 0; i < 4; i++) {
		batches[2 * i] = samples(f, states[i], ROWS);
		batches[2 * i + 1] = fixture_batch(f, &state_table);
		tally_put_int(tally_batch_row(f->ctx, batches[2 * i + 1]), I_TIME, T0);
		put_text(f, batches[2 * i + 1], I_STATE, states[i]);
	}
	write_all(f, batches, 8, 1);
	assert_int_equal(
		fixture_sql(f, "SELECT count(*) = 1 AND min(state) = 'exited' FROM things"), 1);
}

static void a_rejected_row_does_not_fail_other_connections(void **state)
{
	struct fixture *f = *state;
	struct tally_batch *batches[2] = {samples(f, "a", ROWS), samples(f, "b", ROWS)};
	static const char bad[] = {'\xff', '\0'};
	open_writers(f, 2);
	put_series(f, batches[1], T0, "c", 1, 1);
	put_text(f, batches[1], S_NOTE, bad);
	write_all(f, batches, 2, 1);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples"), 2 * ROWS);
	assert_int_equal(fake_host_rejected(f->host), 1);
}

static void rejected_rows_of_every_transaction_are_reported(void **state)
{
	struct fixture *f = *state;
	struct tally_batch *batches[MANY];
	open_writers(f, 2);
	for (int i = 0; i < MANY; i++) {
		batches[i] = samples(f, "a", SHARD_ROWS_FULL);
		put_series(f, batches[i], T0 + 30 * DAY, "too far ahead", 1, 1);
	}
	write_all(f, batches, MANY, 1);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples"), SHARD_ROWS_FULL);
	assert_int_equal(fake_host_rejected(f->host), MANY);
}

/* What one connection has looked up may be replaced by what another has just added. */
static void a_table_may_grow_while_several_write_it(void **state)
{
	struct fixture *f = *state;
	enum { TABLES = 12, BATCHES = 9 };
	struct tally_column columns[S_N + 1];
	memcpy(columns, series_table.columns, S_N * sizeof(columns[0]));
	columns[S_N] = (struct tally_column){.name = "extra", .type = TALLY_INT};
	open_writers(f, 3);
	for (int t = 0; t < TABLES; t++) {
		char name[20];
		snprintf(name, sizeof(name), "growing%d", t);
		struct tally_table old = series_table, grown = series_table;
		old.name = grown.name = name;
		grown.columns = columns;
		grown.n_columns = S_N + 1;
		grown.revision = 2;
		struct tally_batch *batches[BATCHES];
		for (int i = 0; i < BATCHES; i++) {
			batches[i] = fixture_batch(f, i % 3 == 2 ? &grown : &old);
			for (int row = 0; row < SHARD_ROWS_MIN; row++)
				put_series(f, batches[i], T0 + (i * SHARD_ROWS_MIN + row) * SECOND,
					   i % 2 ? "a" : "b", 1, 1);
		}
		write_all(f, batches, BATCHES, 1 + (uint64_t)(t * BATCHES));
	}
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM growing0"), BATCHES * SHARD_ROWS_MIN);
}

int main(void)
{
#define PARALLEL_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		PARALLEL_TEST(a_write_is_sharded_over_the_connections),
		PARALLEL_TEST(a_large_write_is_more_transactions_than_there_are_connections),
		PARALLEL_TEST(a_larger_one_is_not_more_but_larger_transactions),
		PARALLEL_TEST(a_small_write_stays_one_transaction),
		PARALLEL_TEST(entries_written_before_are_recognized_with_any_number_of_connections),
		PARALLEL_TEST(the_ledger_does_not_grow),
		PARALLEL_TEST(the_ledger_does_not_slow_down),
		PARALLEL_TEST(rows_of_a_state_keep_their_order),
		PARALLEL_TEST(a_rejected_row_does_not_fail_other_connections),
		PARALLEL_TEST(rejected_rows_of_every_transaction_are_reported),
		PARALLEL_TEST(a_table_may_grow_while_several_write_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

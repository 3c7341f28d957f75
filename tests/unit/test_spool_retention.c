/*
 * A store that was set back, and a spool that keeps what was written for a while: what is missing
 * is told, offered again where it is kept, and counted as lost where it is not.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "spool_fixture.h"
#include "test.h"

static const int64_t hour = INT64_C(3600000000000);

static void attach(int64_t keep, enum journal_on_full on_full, int64_t capacity)
{
	struct error error;
	t.keep = keep;
	spool_test_open_journal(&t, capacity, on_full);
	if (journal_attach(t.journal, "o", NULL, &t.output, &error) < 0)
		fail_msg("%s", error.text);
}

/* What the store says it has, as far as `sequence`. */
static struct journal_missing compare(uint64_t sequence)
{
	const struct tally_ledger ledger = {.sequence = sequence};
	struct journal_missing missing;
	assert_int_equal(journal_compare(t.output, &ledger, &missing), 0);
	return missing;
}

static void push(int from, int until)
{
	for (int i = from; i < until; i++)
		assert_int_equal(spool_test_push_journal(&t, 10, (int64_t)10 * i, 100), 0);
}

static int sum(const char *name)
{
	return (int)pipeline_sum(t.metrics, name, "output=\"o\"", NULL);
}

static void what_a_store_has_lost_is_offered_again_while_it_is_kept(void **state)
{
	struct tally_entry entries[JOURNAL_TAKE_MAX];
	(void)state;
	attach(hour, JOURNAL_BLOCK, 16 * MIB);
	push(0, 10);
	assert_int_equal(pipeline_consume(t.output), 100);
	assert_int_equal(spool_test_usage(&t).entries, 0);
	assert_false(compare(10).behind);
	push(10, 11);
	struct journal_missing missing = compare(6);
	assert_true(missing.behind && !missing.unknown);
	assert_int_equal(missing.rows, 40);
	assert_int_equal(missing.offered, 40);
	assert_int_equal(missing.lost, 0);
	assert_true(missing.first > 0 && missing.last >= missing.first);
	assert_int_equal(journal_waiting(t.output), 50);
	assert_int_equal(journal_fetch(t.output, JOURNAL_NOW, entries), 1);
	assert_int_equal(entries[0].sequence, 7);
	pipeline_ack(t.output, 1, 1);
	assert_int_equal(pipeline_consume(t.output), 40);
	assert_int_equal(sum("tallyd_rows_offered_again_total"), 40);
	assert_int_equal(sum("tallyd_rows_lost_total"), 0);
	assert_int_equal(sum("tallyd_rows_routed_total"), 150);
	pipeline_check_balance(t.metrics, "o");
	assert_false(compare(11).behind);
}

static void what_is_not_kept_is_counted_as_lost(void **state)
{
	(void)state;
	attach(0, JOURNAL_BLOCK, 16 * MIB);
	push(0, 10);
	pipeline_consume(t.output);
	struct journal_missing missing = compare(6);
	assert_int_equal(missing.rows, 40);
	assert_int_equal(missing.lost, 40);
	assert_int_equal(missing.offered, 0);
	assert_int_equal(sum("tallyd_rows_lost_total"), 40);
	assert_int_equal(sum("tallyd_rows_stored_total"), 100);
	pipeline_check_balance(t.metrics, "o");
	assert_false(compare(6).behind); /* once */
	push(10, 12);
	assert_int_equal(pipeline_consume(t.output), 20);
	assert_false(compare(12).behind);
}

static void it_is_noticed_after_a_restart_too(void **state)
{
	(void)state;
	attach(hour, JOURNAL_BLOCK, 16 * MIB);
	push(0, 10);
	pipeline_consume(t.output);
	spool_test_close(&t);
	attach(hour, JOURNAL_BLOCK, 16 * MIB);
	assert_int_equal(journal_waiting(t.output), 0);
	struct journal_missing missing = compare(0);
	assert_int_equal(missing.rows, 100);
	assert_int_equal(missing.offered, 100);
	assert_int_equal(pipeline_consume(t.output), 100);
	pipeline_check_balance(t.metrics, "o");
}

static void what_the_store_has_ahead_is_not_missing(void **state)
{
	const struct tally_ledger ledger = {.sequence = 6, .n_ahead = 3, .ahead = {7, 8, 10}};
	struct journal_missing missing;
	(void)state;
	attach(hour, JOURNAL_BLOCK, 16 * MIB);
	push(0, 10);
	pipeline_consume(t.output);
	assert_int_equal(journal_compare(t.output, &ledger, &missing), 0);
	assert_int_equal(missing.rows, 10);
	pipeline_consume(t.output);
	pipeline_check_balance(t.metrics, "o");
}

static void another_output_is_not_set_back_with_it(void **state)
{
	struct journal_reader *other;
	struct error error;
	(void)state;
	attach(hour, JOURNAL_BLOCK, 16 * MIB);
	assert_int_equal(journal_attach(t.journal, "p", NULL, &other, &error), 0);
	push(0, 10);
	pipeline_consume(t.output);
	pipeline_consume(other);
	compare(3);
	assert_int_equal(journal_waiting(other), 0);
	assert_int_equal(pipeline_consume(t.output), 70);
	push(10, 11);
	assert_int_equal(pipeline_consume(other), 10);
	pipeline_check_balance(t.metrics, "p");
	journal_detach(other);
}

static void what_is_kept_makes_room_for_what_is_new(void **state)
{
	(void)state;
	attach(hour, JOURNAL_DROP_NEWEST, 2 * MIB);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(spool_test_push_journal(&t, 10, (int64_t)10 * i, 5000), 0);
		pipeline_consume(t.output);
	}
	assert_int_equal(sum("tallyd_rows_dropped_total"), 0);
	assert_true(spool_test_usage(&t).bytes <= spool_test_usage(&t).capacity / 2 + 65536);
	for (int i = 0; i < 25; i++)
		assert_int_equal(spool_test_push_journal(&t, 10, (int64_t)10 * i, 5000), 0);
	assert_int_equal(sum("tallyd_rows_dropped_total"), 0);
	struct journal_missing missing = compare(50);
	assert_int_equal(missing.rows, 500);
	assert_int_equal(missing.lost + missing.offered, 500);
	pipeline_consume(t.output);
	pipeline_check_balance(t.metrics, "o");
}

static void a_new_output_is_not_given_what_is_only_kept(void **state)
{
	struct journal_reader *other;
	struct error error;
	(void)state;
	attach(hour, JOURNAL_BLOCK, 16 * MIB);
	push(0, 10);
	pipeline_consume(t.output);
	assert_int_equal(journal_attach(t.journal, "p", NULL, &other, &error), 0);
	assert_int_equal(journal_waiting(other), 0);
	journal_detach(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SPOOL_TEST(what_a_store_has_lost_is_offered_again_while_it_is_kept),
		SPOOL_TEST(what_is_not_kept_is_counted_as_lost),
		SPOOL_TEST(it_is_noticed_after_a_restart_too),
		SPOOL_TEST(what_the_store_has_ahead_is_not_missing),
		SPOOL_TEST(another_output_is_not_set_back_with_it),
		SPOOL_TEST(what_is_kept_makes_room_for_what_is_new),
		SPOOL_TEST(a_new_output_is_not_given_what_is_only_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

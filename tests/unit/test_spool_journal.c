/* A spool when all goes well: what is pushed is read, acknowledged, kept over restarts, and let go.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool_fixture.h"
#include "test.h"

static const char *position(void)
{
	const char *text = NULL;
	int r = spool_calls->position(t.self, "source", &text);
	assert_true(r == 0 || r == -ENOENT);
	return r == 0 ? text : "none";
}

static void ack(uint32_t reader, uint64_t sequence)
{
	assert_int_equal(spool_calls->ack(t.self, reader, sequence), 0);
}

static char *writer(uint32_t reader)
{
	struct tally_entry entry;
	uint32_t n;
	assert_int_equal(spool_calls->fetch(t.self, reader, true, 1, &entry, 1, &n), 0);
	assert_int_equal(n, 1);
	return strdup(entry.producer);
}

static void what_is_pushed_is_read_in_order_and_gone_when_acked(void **state)
{
	(void)state;
	spool_test_open(&t, 16 * MIB);
	uint32_t reader = spool_test_reader(&t, "o", 0);
	assert_int_equal(spool_test_push(&t, 10, 0, NULL), 1);
	assert_int_equal(spool_test_push(&t, 5, 10, NULL), 2);
	assert_int_equal(spool_test_usage(&t).rows, 15);
	uint64_t last = spool_test_expect(&t, reader, false, 0, 15);
	assert_int_equal(last, 2);
	spool_test_expect(&t, reader, false, 15, 15); /* given once … */
	spool_test_expect(&t, reader, true, 0, 15);   /* … unless asked for again */
	ack(reader, 1);
	spool_test_expect(&t, reader, true, 10, 15);
	ack(reader, last);
	assert_int_equal(spool_test_usage(&t).entries, 0);
	assert_int_equal(spool_test_usage(&t).rows, 0);
}

static void fetch_keeps_to_both_limits(void **state)
{
	struct tally_entry entries[8];
	uint32_t n;
	(void)state;
	spool_test_open(&t, 16 * MIB);
	uint32_t reader = spool_test_reader(&t, "o", 0);
	for (int i = 0; i < 8; i++)
		spool_test_push(&t, 10, 10 * i, NULL);
	assert_int_equal(spool_calls->fetch(t.self, reader, true, 1000, entries, 3, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(spool_calls->fetch(t.self, reader, true, 15, entries, 8, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(spool_calls->fetch(t.self, reader, true, 0, entries, 8, &n), 0);
	assert_int_equal(n, 0);
}

static void a_restart_goes_on_where_it_was(void **state)
{
	(void)state;
	spool_test_open(&t, 16 * MIB);
	uint32_t reader = spool_test_reader(&t, "o", 0);
	for (int i = 0; i < 5; i++)
		spool_test_push(&t, 10, 10 * i, i == 4 ? "p4" : "p");
	ack(reader, 2);
	char *before = writer(reader);
	spool_test_close(&t);
	assert_int_equal(spool_test_file_size(&t, "-wal"), -1);
	spool_test_open(&t, 16 * MIB);
	assert_int_equal(spool_test_usage(&t).rows, 30);
	reader = spool_test_reader(&t, "o", 30);
	char *after = writer(reader);
	assert_string_equal(before, after);
	assert_string_equal(position(), "p4");
	assert_int_equal(spool_test_expect(&t, reader, true, 20, 50), 5);
	assert_int_equal(spool_test_push(&t, 1, 50, NULL), 6);
	free(before);
	free(after);
}

static void sequences_go_on_after_everything_was_acked(void **state)
{
	(void)state;
	spool_test_open(&t, 16 * MIB);
	uint32_t reader = spool_test_reader(&t, "o", 0);
	spool_test_push(&t, 1, 0, NULL);
	spool_test_push(&t, 1, 0, NULL);
	ack(reader, 2);
	for (int i = 0; i < 3; i++) {
		spool_test_close(&t);
		spool_test_open(&t, 16 * MIB);
	}
	assert_int_equal(spool_test_push(&t, 1, 0, NULL), 3);
	spool_test_reader(&t, "o", 1);
	assert_int_equal(spool_calls->forget_reader(t.self, "o"), 0);
	assert_int_equal(spool_test_usage(&t).entries, 0);
	spool_test_close(&t);
	spool_test_open(&t, 16 * MIB);
	assert_int_equal(spool_test_push(&t, 1, 0, NULL), 4);
}

static void a_new_file_has_another_writer(void **state)
{
	(void)state;
	spool_test_open(&t, 16 * MIB);
	uint32_t reader = spool_test_reader(&t, "o", 0);
	spool_test_push(&t, 1, 0, NULL);
	char *before = writer(reader);
	spool_test_close(&t);
	spool_test_remove(&t);
	spool_test_open(&t, 16 * MIB);
	reader = spool_test_reader(&t, "o", 0);
	spool_test_push(&t, 1, 0, NULL);
	char *after = writer(reader);
	assert_string_not_equal(before, after);
	free(before);
	free(after);
}

static void a_position_comes_with_its_rows(void **state)
{
	(void)state;
	spool_test_open(&t, 16 * MIB);
	assert_string_equal(position(), "none");
	spool_test_push(&t, 1, 0, "first");
	assert_string_equal(position(), "first");
	spool_test_push(&t, 1, 1, NULL);
	assert_string_equal(position(), "first");
	spool_test_push(&t, 1, 2, "second");
	assert_string_equal(position(), "second");
}

static void of_too_many_sources_the_oldest_is_forgotten(void **state)
{
	char source[32];
	const char *text;
	uint64_t sequence;
	struct tally_batch *batch = spool_test_batch(1, 0, 0);
	(void)state;
	spool_test_open(&t, 16 * MIB);
	for (int i = 0; i < 4100; i++) {
		snprintf(source, sizeof(source), "%d", i);
		assert_int_equal(spool_calls->push(t.self, batch, source, "here", &sequence), 0);
	}
	batch_drop(batch);
	assert_int_equal(spool_calls->position(t.self, "3", &text), -ENOENT);
	assert_int_equal(spool_calls->position(t.self, "4", &text), 0);
	assert_int_equal(spool_calls->position(t.self, "4099", &text), 0);
}

static void an_entry_goes_when_the_last_reader_has_acked_it(void **state)
{
	(void)state;
	spool_test_open(&t, 16 * MIB);
	uint32_t fast = spool_test_reader(&t, "fast", 0), slow = spool_test_reader(&t, "slow", 0);
	for (int i = 0; i < 4; i++)
		spool_test_push(&t, 10, 10 * i, NULL);
	ack(fast, 4);
	assert_int_equal(spool_test_usage(&t).entries, 4);
	ack(slow, 3);
	assert_int_equal(spool_test_usage(&t).entries, 1);
	spool_test_close(&t);
	spool_test_open(&t, 16 * MIB);
	spool_test_reader(&t, "fast", 0);
	slow = spool_test_reader(&t, "slow", 10);
	spool_test_expect(&t, slow, true, 30, 40);
	assert_int_equal(spool_calls->forget_reader(t.self, "slow"), 0);
	assert_int_equal(spool_test_usage(&t).entries, 0);
}

static void a_reader_that_nobody_opens_again_holds_nothing(void **state)
{
	(void)state;
	spool_test_open_journal(&t, 16 * MIB, JOURNAL_BLOCK);
	struct journal_reader *a, *b;
	struct error error;
	assert_int_equal(journal_attach(t.journal, "a", NULL, &a, &error), 0);
	assert_int_equal(journal_attach(t.journal, "b", NULL, &b, &error), 0);
	assert_int_equal(spool_test_push_journal(&t, 10, 0, 0), 0);
	pipeline_consume(a);
	assert_int_equal(spool_test_usage(&t).rows, 10);
	journal_detach(a);
	journal_detach(b);
	spool_test_close(&t);
	spool_test_open_journal(&t, 16 * MIB, JOURNAL_BLOCK);
	assert_int_equal(journal_attach(t.journal, "a", NULL, &a, &error), 0);
	assert_int_equal(spool_test_usage(&t).rows, 10); /* b may still come … */
	assert_int_equal(spool_test_push_journal(&t, 10, 10, 0), 0);
	assert_int_equal(spool_test_usage(&t).rows, 10); /* … until rows come */
	assert_non_null(strstr(fake_host_log(t.host, TALLY_WARNING), "b no longer reads"));
	assert_int_equal(pipeline_consume(a), 10);
	journal_detach(a);
}

static void the_counts_are_right_after_a_restart(void **state)
{
	struct journal_reader *reader;
	struct error error;
	const char *only_b[] = {"b", NULL};
	(void)state;
	spool_test_open_journal(&t, 16 * MIB, JOURNAL_BLOCK);
	assert_int_equal(journal_attach(t.journal, "o", NULL, &reader, &error), 0);
	for (int i = 0; i < 300; i++)
		assert_int_equal(spool_test_push_journal(&t, 2, 2 * i, 0), 0);
	journal_detach(reader);
	spool_test_close(&t);
	spool_test_open_journal(&t, 16 * MIB, JOURNAL_BLOCK);
	assert_int_equal(journal_attach(t.journal, "o", NULL, &reader, &error), 0);
	assert_int_equal(journal_waiting(reader), 600);
	pipeline_check_balance(t.metrics, "o");
	assert_int_equal(pipeline_consume(reader), 600);
	pipeline_check_balance(t.metrics, "o");
	assert_int_equal(spool_test_push_journal(&t, 2, 0, 0), 0);
	journal_detach(reader);
	assert_int_equal(journal_attach(t.journal, "o", only_b, &reader, &error), 0);
	assert_int_equal(journal_waiting(reader), 0);
	pipeline_check_balance(t.metrics, "o");
	assert_int_equal(spool_test_usage(&t).entries, 0);
	journal_detach(reader);
}

/* Entries that are read for an output that does not want them must not pile up in memory. */
static void much_that_is_unwanted_is_passed_over_in_bounded_memory(void **state)
{
	struct journal_reader *all, *some;
	struct error error;
	const char *only_b[] = {"b", NULL};
	(void)state;
	spool_test_open_journal(&t, 256 * MIB, JOURNAL_BLOCK);
	assert_int_equal(journal_attach(t.journal, "some", only_b, &some, &error), 0);
	assert_int_equal(journal_attach(t.journal, "all", NULL, &all, &error), 0);
	const struct journal_origin origin = {0};
	struct tally_batch *b = pipeline_batch(&pipeline_b, 1, 7, 0);
	assert_int_equal(journal_push(t.journal, b, &origin), 0);
	for (int i = 0; i < 60; i++) /* 60 MiB once decoded */
		assert_int_equal(spool_test_push_journal(&t, 16, 16 * i, 65536), 0);
	assert_int_equal(journal_push(t.journal, b, &origin), 0);
	batch_drop(b);
	assert_int_equal(journal_waiting(some), 2);
	assert_int_equal(pipeline_consume(some), 2);
	pipeline_check_balance(t.metrics, "some");
	assert_int_equal(pipeline_consume(all), 962);
	pipeline_check_balance(t.metrics, "all");
	assert_int_equal(spool_test_usage(&t).entries, 0);
	journal_detach(some);
	journal_detach(all);
}

static void an_old_backlog_is_decoded_as_it_was(void **state)
{
	struct tally_entry entries[64];
	uint32_t n;
	(void)state;
	spool_test_open(&t, 256 * MIB);
	uint32_t reader = spool_test_reader(&t, "o", 0);
	for (int i = 0; i < 40; i++) /* more than memory keeps */
		assert_true(spool_test_push(&t, 1000, 1000 * i, "p") > 0);
	spool_test_expect(&t, reader, true, 0, 40000);
	assert_int_equal(spool_calls->fetch(t.self, reader, true, 1, entries, 64, &n), 0);
	const struct tally_batch *batch = entries[0].batch;
	assert_int_equal(batch->cells[2].len, 100);
	assert_memory_equal(batch->cells[2].text, "xxxx", 4);
	assert_int_equal(batch->table->kind, TALLY_LOG);
}

static void the_folder_and_the_file_are_private(void **state)
{
	char folder[128];
	struct stat file;
	(void)state;
	spool_test_open(&t, 16 * MIB);
	spool_test_push(&t, 1, 0, NULL);
	snprintf(folder, sizeof(folder), "%s/in", t.folder);
	assert_int_equal(stat(folder, &file), 0);
	assert_int_equal(file.st_mode & 07777, 0700);
	assert_int_equal(stat(t.path, &file), 0);
	assert_int_equal(file.st_mode & 07777, 0600);
	char wal[160];
	snprintf(wal, sizeof(wal), "%s-wal", t.path);
	assert_int_equal(stat(wal, &file), 0);
	assert_int_equal(file.st_mode & 07777, 0600);
}

static void a_folder_may_be_a_link(void **state)
{
	char real[128], link[128];
	(void)state;
	snprintf(real, sizeof(real), "%s/real", t.folder);
	snprintf(link, sizeof(link), "%s/in", t.folder);
	assert_int_equal(mkdir(real, 0700), 0);
	assert_int_equal(symlink(real, link), 0);
	spool_test_open(&t, 16 * MIB);
	assert_int_equal(spool_test_push(&t, 1, 0, NULL), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SPOOL_TEST(what_is_pushed_is_read_in_order_and_gone_when_acked),
		SPOOL_TEST(fetch_keeps_to_both_limits),
		SPOOL_TEST(a_restart_goes_on_where_it_was),
		SPOOL_TEST(sequences_go_on_after_everything_was_acked),
		SPOOL_TEST(a_new_file_has_another_writer),
		SPOOL_TEST(a_position_comes_with_its_rows),
		SPOOL_TEST(of_too_many_sources_the_oldest_is_forgotten),
		SPOOL_TEST(an_entry_goes_when_the_last_reader_has_acked_it),
		SPOOL_TEST(a_reader_that_nobody_opens_again_holds_nothing),
		SPOOL_TEST(the_counts_are_right_after_a_restart),
		SPOOL_TEST(much_that_is_unwanted_is_passed_over_in_bounded_memory),
		SPOOL_TEST(an_old_backlog_is_decoded_as_it_was),
		SPOOL_TEST(the_folder_and_the_file_are_private),
		SPOOL_TEST(a_folder_may_be_a_link),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

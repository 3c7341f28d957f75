/* The memory buffer alone, by the contract that plugin.h gives for buffers. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <tallyd/buffer.h>

#include "pipeline/batch.h"
#include "fake_host.h"
#include "test.h"

const struct tally_plugin *tally_plugin(void);

static const struct tally_column columns[] = {{.name = "time", .type = TALLY_TIME}};
static const struct tally_table table = {
	.name = "t", .columns = columns, .n_columns = 1, .kind = TALLY_SERIES};

static struct fake_host *host;
static const struct tally_buffer *calls;
static void *self;
static struct tally_entry entries[16];
static uint32_t n;

static int start(void **state)
{
	const int64_t capacity = 64 * 1024;
	(void)state;
	host = fake_host_create("buffer.batch");
	calls = tally_plugin()->buffer;
	return tally_plugin()->create(fake_host_ctx(host), &capacity, &self);
}

static int stop(void **state)
{
	(void)state;
	tally_plugin()->destroy(self);
	fake_host_destroy(host);
	return 0;
}

static int push_rows(uint32_t rows, uint64_t *ret_sequence)
{
	struct tally_batch *batch = batch_create(&table);
	for (uint32_t i = 0; i < rows; i++)
		batch_row(batch);
	int r = calls->push(self, batch, NULL, NULL, ret_sequence);
	batch_drop(batch);
	return r;
}

static uint64_t push(void)
{
	uint64_t sequence = 0;
	assert_int_equal(push_rows(1, &sequence), 0);
	return sequence;
}

static uint32_t open_reader(const char *name, uint64_t rows)
{
	uint32_t reader;
	uint64_t found;
	assert_int_equal(calls->open_reader(self, name, &reader, &found), 0);
	assert_int_equal(found, rows);
	return reader;
}

static uint64_t n_entries(void)
{
	struct tally_usage usage;
	calls->usage(self, &usage);
	return usage.entries;
}

static void it_is_not_durable(void **state)
{
	(void)state;
	assert_int_equal(calls->durable, 0);
	assert_string_equal(tally_plugin()->name, "batch");
}

static void sequences_count_from_one(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 5; i++)
		assert_int_equal(push(), i);
}

static void entries_wait_for_the_first_reader(void **state)
{
	(void)state;
	push();
	push();
	uint32_t reader = open_reader("o", 2);
	assert_int_equal(calls->fetch(self, reader, false, 100, entries, 16, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(entries[0].sequence, 1);
	assert_int_equal(entries[1].sequence, 2);
}

static void fetching_goes_on_or_begins_again(void **state)
{
	uint32_t reader = open_reader("o", 0);
	(void)state;
	for (int i = 0; i < 6; i++)
		push();
	calls->fetch(self, reader, false, 2, entries, 16, &n);
	assert_int_equal(n, 2);
	calls->fetch(self, reader, false, 100, entries, 3, &n);
	assert_int_equal(n, 3);
	assert_int_equal(entries[0].sequence, 3);
	calls->ack(self, reader, 1);
	calls->fetch(self, reader, true, 100, entries, 16, &n);
	assert_int_equal(n, 5);
	assert_int_equal(entries[0].sequence, 2);
	calls->fetch(self, reader, false, 100, entries, 16, &n);
	assert_int_equal(n, 0);
	push();
	calls->fetch(self, reader, false, 100, entries, 16, &n);
	assert_int_equal(n, 1);
	assert_int_equal(entries[0].sequence, 7);
}

static void a_reader_is_known_by_its_name(void **state)
{
	uint32_t reader = open_reader("o", 0);
	(void)state;
	push();
	push();
	calls->ack(self, reader, 1);
	assert_int_equal(open_reader("o", 1), reader);
	assert_int_not_equal(open_reader("p", 1), reader); /* begins with the oldest there is */
}

static void an_entry_goes_when_the_last_reader_has_acked_it(void **state)
{
	uint32_t a = open_reader("a", 0), b = open_reader("b", 0);
	(void)state;
	push();
	push();
	push();
	calls->ack(self, a, 3);
	assert_int_equal(n_entries(), 3);
	calls->ack(self, b, 2);
	assert_int_equal(n_entries(), 1);
	calls->ack(self, b, 1); /* never goes back */
	calls->ack(self, b, 3);
	assert_int_equal(n_entries(), 0);
}

static void settling_past_what_was_given_skips_it(void **state)
{
	uint32_t reader = open_reader("o", 0);
	(void)state;
	push();
	push();
	calls->ack(self, reader, 1);
	calls->fetch(self, reader, false, 100, entries, 16, &n);
	assert_int_equal(n, 1);
	assert_int_equal(entries[0].sequence, 2);
}

static void a_forgotten_reader_is_waited_for_no_more(void **state)
{
	uint32_t a = open_reader("a", 0);
	(void)state;
	open_reader("b", 0);
	push();
	push();
	calls->ack(self, a, 1);
	assert_int_equal(n_entries(), 2);
	assert_int_equal(calls->forget_reader(self, "b"), 0);
	assert_int_equal(n_entries(), 1);
	assert_int_equal(calls->forget_reader(self, "b"), -ENOENT);
	push();
	uint32_t c = open_reader("c", 2);
	calls->fetch(self, c, false, 100, entries, 16, &n);
	assert_int_equal(n, 2);
	calls->forget_reader(self, "a");
	calls->forget_reader(self, "c");
	assert_int_equal(n_entries(), 0);
}

static void dropping_takes_the_oldest_that_nobody_has_on_loan(void **state)
{
	uint32_t a = open_reader("a", 0), b = open_reader("b", 0);
	struct tally_entry dropped;
	(void)state;
	for (int i = 0; i < 6; i++)
		push();
	calls->fetch(self, a, false, 2, entries, 16, &n); /* 1 and 2 */
	calls->ack(self, b, 3);
	calls->fetch(self, b, false, 1, entries, 16, &n); /* 4 */
	static const uint64_t order[] = {3, 5, 6};
	for (int i = 0; i < 3; i++) {
		assert_int_equal(calls->drop_oldest(self, 0, &dropped), 0);
		assert_int_equal(dropped.sequence, order[i]);
		batch_drop(dropped.batch);
	}
	assert_int_equal(calls->drop_oldest(self, 0, &dropped), -ENOENT);
	calls->fetch(self, a, true, 0, entries, 0, &n); /* gives back what it has on loan */
	assert_int_equal(calls->drop_oldest(self, 1, &dropped), 0);
	assert_int_equal(dropped.sequence, 2);
	batch_drop(dropped.batch);
	calls->fetch(self, a, false, 100, entries, 16, &n);
	assert_int_equal(n, 2);
	assert_int_equal(entries[0].sequence, 1);
	assert_int_equal(entries[1].sequence, 4);
}

static void it_is_full_at_its_capacity(void **state)
{
	struct tally_usage usage;
	uint64_t sequence;
	int r;
	(void)state;
	do
		r = push_rows(100, &sequence);
	while (r == 0);
	assert_int_equal(r, -ENOSPC);
	calls->usage(self, &usage);
	assert_true(usage.bytes <= usage.capacity);
	assert_true(usage.bytes > usage.capacity * 9 / 10);
	assert_int_equal(usage.rows, 100 * usage.entries);
	assert_int_equal(push_rows(10000, &sequence), -EMSGSIZE);
	const int64_t more = 1024 * 1024;
	assert_int_equal(tally_plugin()->reconfigure(self, &more), 0);
	assert_int_equal(push_rows(10000, &sequence), 0);
}

static void each_run_writes_under_a_name_of_its_own(void **state)
{
	const int64_t capacity = 64 * 1024;
	void *other;
	(void)state;
	push();
	calls->fetch(self, open_reader("o", 1), false, 1, entries, 1, &n);
	const char *writer = entries[0].producer;
	assert_non_null(strstr(writer, "test-writer/buffer.batch/"));
	assert_int_equal(tally_plugin()->create(fake_host_ctx(host), &capacity, &other), 0);
	void *first = self;
	self = other;
	push();
	calls->fetch(self, open_reader("o", 1), false, 1, entries, 1, &n);
	assert_string_not_equal(entries[0].producer, writer);
	tally_plugin()->destroy(other);
	self = first;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_not_durable),
		TEST(sequences_count_from_one),
		TEST(entries_wait_for_the_first_reader),
		TEST(fetching_goes_on_or_begins_again),
		TEST(a_reader_is_known_by_its_name),
		TEST(an_entry_goes_when_the_last_reader_has_acked_it),
		TEST(settling_past_what_was_given_skips_it),
		TEST(a_forgotten_reader_is_waited_for_no_more),
		TEST(dropping_takes_the_oldest_that_nobody_has_on_loan),
		TEST(it_is_full_at_its_capacity),
		TEST(each_run_writes_under_a_name_of_its_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

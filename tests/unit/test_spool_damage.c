/*
 * A spool whose file is damaged while it is in use, or between two lives: pages zeroed, overwritten
 * or cut off, one at a time.  Whatever it was, in the end each row was delivered once, or counted
 * once as lost, or comes again; and the file is whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spool_fixture.h"
#include "test.h"

enum { ENTRIES = 30, ROWS = 10, TEXT = 10000, PAGE = 4096 };

static uint8_t seen[2 * ENTRIES * ROWS];

static int push(int i)
{
	char position[16];
	struct tally_batch *batch = spool_test_batch(ROWS, (int64_t)i * ROWS, TEXT);
	snprintf(position, sizeof(position), "p%d", i);
	const struct journal_origin origin = {.source = "source", .position = position};
	int r = journal_push(t.journal, batch, &origin);
	batch_drop(batch);
	return r;
}

static void attach(void)
{
	struct error error;
	struct journal_missing none;
	spool_test_open_journal(&t, 64 * MIB, JOURNAL_BLOCK);
	if (journal_attach(t.journal, "o", NULL, &t.output, &error) < 0)
		fail_msg("%s", error.text);
	assert_int_equal(journal_compare(t.output, NULL, &none), 0);
}

static void leave(void)
{
	spool_test_close(&t);
}

/* ENTRIES wait, more than memory holds; the first are done with, so that there are free pages. */
static void fill(void)
{
	struct tally_entry entries[JOURNAL_TAKE_MAX];
	memset(seen, 0, sizeof(seen));
	attach();
	for (int i = 0; i < ENTRIES; i++)
		assert_int_equal(push(i), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(journal_fetch(t.output, JOURNAL_NOW, entries), 1);
		for (int r = 0; r < ROWS; r++)
			seen[pipeline_first(entries[0].batch) + r]++;
		pipeline_ack(t.output, 1, 1);
	}
	leave();
}

/* Each row is what was pushed. */
static void take_in(const struct tally_batch *batch)
{
	assert_string_equal(batch->table->name, "a");
	for (uint32_t r = 0; r < batch->n_rows; r++) {
		const struct tally_cell *row = &batch->cells[(size_t)r * 3];
		assert_true(row[0].set && row[1].set && row[2].set);
		assert_true(row[1].i >= 0 && row[1].i < 2 * ENTRIES * ROWS);
		assert_int_equal(row[2].len, TEXT);
		seen[row[1].i]++;
	}
}

static void consume(void)
{
	struct tally_entry entries[JOURNAL_TAKE_MAX];
	int n;
	while ((n = journal_fetch(t.output, JOURNAL_NOW, entries)) > 0) {
		for (int i = 0; i < n; i++)
			take_in(entries[i].batch);
		pipeline_ack(t.output, (uint32_t)n, (uint32_t)n);
	}
	assert_int_equal(n, 0);
}

static int missing(int until)
{
	int n = 0;
	for (int i = 0; i < until * ROWS; i++) {
		assert_true(seen[i] <= 1);
		n += seen[i] == 0;
	}
	return n;
}

static void write_page(int64_t at, int byte, size_t len)
{
	unsigned char bytes[PAGE];
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = byte < 0 ? (unsigned char)(i * 2654435761u >> 13) : (unsigned char)byte;
	int fd = open(t.path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, at), (ssize_t)len);
	close(fd);
}

static int64_t number(const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *statement;
	assert_int_equal(sqlite3_open(t.path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	int64_t found = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return found;
}

/* Nothing is wrong any more, in this life and the next. */
static void whole_again(void)
{
	leave();
	attach(); /* what nobody touched is found now */
	leave();
	int corrupt = spool_test_files(&t, "corrupt");
	fake_host_forget(t.host);
	attach();
	assert_int_equal(spool_test_files(&t, "corrupt"), corrupt);
	assert_string_equal(fake_host_log(t.host, TALLY_WARNING), "");
	assert_int_equal(push(ENTRIES + 1), 0);
	consume();
	assert_int_equal(seen[(ENTRIES + 1) * ROWS], 1);
	leave();
	assert_int_equal(number("SELECT count(*) FROM entry"), 0);
}

/* What was damaged while in use is counted; the rest comes, and what is pushed since. */
static void proven_in_use(void)
{
	assert_int_equal(push(ENTRIES), 0);
	consume();
	assert_int_equal(journal_waiting(t.output), 0);
	double lost =
		pipeline_sum(t.metrics, "tallyd_rows_dropped_total", "reason=\"damaged\"", NULL);
	assert_int_equal(missing(ENTRIES + 1), (int)lost);
	pipeline_check_balance(t.metrics, "o");
	whole_again();
	spool_test_remove(&t);
}

/* ---- While it is in use -------------------------------------------------------- */

static void a_page_zeroed_in_use_costs_what_was_in_it_and_is_counted(void **state)
{
	(void)state;
	fill();
	int64_t pages = spool_test_file_size(&t, "") / PAGE;
	spool_test_remove(&t);
	for (int64_t page = 1; page < pages; page += page < 6 ? 1 : 397) {
		fill();
		attach();
		write_page(page * PAGE, 0, PAGE);
		proven_in_use();
	}
}

static void a_page_of_anything_in_use_costs_what_was_in_it_and_is_counted(void **state)
{
	(void)state;
	for (int64_t page = 1; page < 900; page += page < 6 ? 1 : 401) {
		fill();
		attach();
		write_page(page * PAGE, -1, PAGE);
		proven_in_use();
	}
}

static void a_damaged_freelist_is_mended_while_it_runs(void **state)
{
	unsigned char trunk[4];
	(void)state;
	for (int byte = -1; byte < 256; byte += 128) {
		fill();
		assert_true(number("PRAGMA freelist_count") > 0); /* and its log is in the file */
		int fd = open(t.path, O_RDONLY);
		assert_int_equal(pread(fd, trunk, 4, 32), 4);
		close(fd);
		int64_t page = trunk[2] << 8 | trunk[3];
		attach();
		assert_true(page > 1);
		write_page((page - 1) * PAGE, byte, PAGE);
		proven_in_use();
	}
}

static void the_root_of_a_table_may_go(void **state)
{
	static const char *const tables[] = {"entry", "reader", "position", "spool"};
	char sql[100];
	(void)state;
	for (int i = 0; i < 4; i++) {
		fill();
		snprintf(sql, sizeof(sql), "SELECT rootpage FROM sqlite_schema WHERE name = '%s'",
			 tables[i]);
		int64_t page = number(sql);
		attach();
		write_page((page - 1) * PAGE, 0, PAGE);
		proven_in_use();
	}
}

static void truncated_in_use_it_goes_on(void **state)
{
	(void)state;
	for (int part = 1; part < 8; part += 2) {
		fill();
		attach();
		assert_int_equal(truncate(t.path, spool_test_file_size(&t, "") * part / 8), 0);
		proven_in_use();
	}
}

static void its_log_may_be_overwritten_in_use(void **state)
{
	char wal[160];
	unsigned char garbage[PAGE * 16];
	(void)state;
	fill();
	attach();
	assert_int_equal(push(ENTRIES), 0);
	snprintf(wal, sizeof(wal), "%s-wal", t.path);
	memset(garbage, 0xa5, sizeof(garbage));
	int fd = open(wal, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, garbage, sizeof(garbage), 32), (ssize_t)sizeof(garbage));
	close(fd);
	consume();
	assert_int_equal(journal_waiting(t.output), 0);
	pipeline_check_balance(t.metrics, "o");
	assert_int_equal(missing(ENTRIES + 1),
			 (int)pipeline_sum(t.metrics, "tallyd_rows_dropped_total",
					   "reason=\"damaged\"", NULL));
	whole_again();
}

/* ---- Between two lives --------------------------------------------------------- */

/* What is missing is not counted, its input reads it again from behind what was saved. */
static void proven_at_start(void)
{
	char position[32] = "";
	attach();
	int r = journal_resume(t.journal, "source", position, sizeof(position));
	consume();
	assert_int_equal(journal_waiting(t.output), 0);
	pipeline_check_balance(t.metrics, "o");
	assert_int_equal(pipeline_sum(t.metrics, "tallyd_rows_dropped_total", NULL, NULL), 0);
	int from = 0;
	if (r == 0 && position[0])
		from = (int)strtol(position + 1, NULL, 10) + 1;
	else if (r < 0)
		from = ENTRIES;
	for (int i = from; i < ENTRIES + 1; i++)
		assert_int_equal(push(i), 0);
	consume();
	assert_int_equal(missing(ENTRIES + 1), 0);
	assert_int_equal(journal_resume(t.journal, "source", position, sizeof(position)), -ENOENT);
	whole_again();
	spool_test_remove(&t);
}

static void a_file_damaged_between_two_lives_costs_nothing_that_can_be_read_again(void **state)
{
	(void)state;
	for (int64_t page = 0; page < 900; page += page < 4 ? 1 : 283) {
		fill();
		write_page(page * PAGE, page % 2 ? 0 : -1, page ? PAGE : 100);
		proven_at_start();
	}
	for (int part = 0; part < 8; part += 2) {
		fill();
		assert_int_equal(truncate(t.path, spool_test_file_size(&t, "") * part / 8), 0);
		proven_at_start();
	}
	fill();
	assert_int_equal(remove(t.path), 0);
	proven_at_start();
}

static void where_an_input_begins_again_outlives_further_restarts(void **state)
{
	char position[32];
	(void)state;
	fill();
	assert_int_equal(truncate(t.path, 300), 0);
	for (int i = 0; i < 3; i++) {
		attach();
		assert_int_equal(journal_resume(t.journal, "source", position, sizeof(position)),
				 0);
		assert_string_equal(position, "p3");
		leave();
	}
}

/* Each time it has brought something since, of which a part waits. */
static void an_input_begins_again_as_often_as_its_spool_is_damaged(void **state)
{
	struct tally_entry entries[JOURNAL_TAKE_MAX];
	char position[32], expected[32];
	(void)state;
	fill();
	for (int i = 4; i < 8; i++) {
		assert_int_equal(truncate(t.path, 300), 0);
		attach();
		snprintf(expected, sizeof(expected), "p%d", i - 1);
		assert_int_equal(journal_resume(t.journal, "source", position, sizeof(position)),
				 0);
		assert_string_equal(position, expected);
		for (int p = i; p < i + 3; p++)
			assert_int_equal(push(p), 0);
		assert_int_equal(journal_fetch(t.output, JOURNAL_NOW, entries), 1);
		pipeline_ack(t.output, 1, 1);
		leave();
	}
}

static void rows_that_nobody_can_read_again_are_counted_as_lost(void **state)
{
	const struct journal_origin nowhere = {0};
	(void)state;
	attach();
	for (int i = 0; i < 5; i++) {
		struct tally_batch *batch = spool_test_batch(ROWS, 0, 10);
		assert_int_equal(journal_push(t.journal, batch, &nowhere), 0);
		batch_drop(batch);
	}
	leave();
	assert_int_equal(truncate(t.path, 300), 0);
	attach();
	assert_int_equal(journal_waiting(t.output), 0);
	assert_int_equal(pipeline_sum(t.metrics, "tallyd_rows_routed_total", NULL, NULL), 50);
	assert_int_equal(
		pipeline_sum(t.metrics, "tallyd_rows_dropped_total", "reason=\"damaged\"", NULL),
		50);
	pipeline_check_balance(t.metrics, "o");
	leave();
	attach(); /* once */
	assert_int_equal(pipeline_sum(t.metrics, "tallyd_rows_dropped_total", NULL, NULL), 0);
	leave();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SPOOL_TEST(a_page_zeroed_in_use_costs_what_was_in_it_and_is_counted),
		SPOOL_TEST(a_page_of_anything_in_use_costs_what_was_in_it_and_is_counted),
		SPOOL_TEST(a_damaged_freelist_is_mended_while_it_runs),
		SPOOL_TEST(the_root_of_a_table_may_go),
		SPOOL_TEST(truncated_in_use_it_goes_on),
		SPOOL_TEST(its_log_may_be_overwritten_in_use),
		SPOOL_TEST(a_file_damaged_between_two_lives_costs_nothing_that_can_be_read_again),
		SPOOL_TEST(where_an_input_begins_again_outlives_further_restarts),
		SPOOL_TEST(an_input_begins_again_as_often_as_its_spool_is_damaged),
		SPOOL_TEST(rows_that_nobody_can_read_again_are_counted_as_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

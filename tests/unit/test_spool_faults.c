/* What goes wrong with a spool: real files cut short and overwritten, two daemons on one. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spool_fixture.h"
#include "test.h"

/* A spool with 300 rows in 30 entries for "o", closed. */
static const char *fill_position = "p";

static void fill(void)
{
	spool_test_open(&t, 16 * MIB);
	spool_test_reader(&t, "o", 0);
	for (int i = 0; i < 30; i++)
		assert_int_equal(spool_test_push(&t, 10, 10 * i, fill_position), i + 1);
	spool_test_close(&t);
}

static void write_at(const char *suffix, off_t at, const void *bytes, size_t len)
{
	char path[160];
	snprintf(path, sizeof(path), "%s%s", t.path, suffix);
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, at), (ssize_t)len);
	close(fd);
}

static void run_sql(const char *sql)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open(t.path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Begun anew, the old one beside it, and told. */
static void expect_set_aside(const char *why, const char *loss)
{
	fake_host_forget(t.host);
	spool_test_open(&t, 16 * MIB);
	assert_int_equal(spool_test_usage(&t).entries, 0);
	assert_true(spool_test_files(&t, "spool.corrupt-") >= 1);
	const char *log = fake_host_log(t.host, TALLY_ERROR);
	if (!strstr(log, why) || !strstr(log, loss) || !strstr(log, "spool.corrupt-"))
		fail_msg("%s", log);
	uint32_t reader = spool_test_reader(&t, "o", 0);
	assert_true(spool_test_push(&t, 10, 0, NULL) > 0);
	spool_test_expect(&t, reader, true, 0, 10);
	spool_test_close(&t);
	spool_test_open(&t, 16 * MIB);
	spool_test_reader(&t, "o", 10);
}

/* ---- Files that cannot be used ------------------------------------------------ */

static void garbage_is_set_aside(void **state)
{
	char garbage[8192];
	(void)state;
	spool_test_open(&t, 16 * MIB);
	spool_test_close(&t);
	memset(garbage, 'g', sizeof(garbage));
	write_at("", 0, garbage, sizeof(garbage));
	expect_set_aside("not a database", "0 rows in 0 batches are lost");
}

static void a_file_shorter_than_a_page_is_set_aside(void **state)
{
	(void)state;
	fill();
	assert_int_equal(truncate(t.path, 700), 0);
	expect_set_aside(t.path, "300 rows in 30 batches are read again");
}

static void without_a_manifest_it_is_told_that_nothing_is_known(void **state)
{
	char manifest[160];
	(void)state;
	fill();
	snprintf(manifest, sizeof(manifest), "%s.manifest", t.path);
	assert_int_equal(remove(manifest), 0);
	assert_int_equal(truncate(t.path, 700), 0);
	expect_set_aside(t.path, "not known");
}

static void a_file_cut_anywhere_never_stops_the_daemon(void **state)
{
	(void)state;
	for (off_t size = 4096 * 2; size > 0; size -= 1237) {
		fill();
		assert_int_equal(truncate(t.path, size), 0);
		spool_test_open(&t, 16 * MIB);
		assert_int_equal(spool_test_usage(&t).entries, 0);
		spool_test_close(&t);
		spool_test_remove(&t);
	}
}

static void another_database_is_set_aside_whole(void **state)
{
	(void)state;
	fill();
	remove(t.path);
	run_sql("CREATE TABLE precious (n); INSERT INTO precious VALUES (1)");
	expect_set_aside("not a spool", "300 rows in 30 batches are read again");
}

static void a_newer_format_is_set_aside(void **state)
{
	(void)state;
	fill();
	run_sql("PRAGMA user_version = 2");
	expect_set_aside("newer version", "300 rows in 30 batches are read again");
}

static void a_folder_in_its_place_is_told_and_left_alone(void **state)
{
	(void)state;
	fill();
	remove(t.path);
	assert_int_equal(mkdir(t.path, 0700), 0);
	assert_int_equal(spool_test_try(&t, 16 * MIB, SPOOL_TEST_FULL), -EISDIR);
	assert_int_equal(rmdir(t.path), 0);
}

/* ---- The log beside the file -------------------------------------------------- */

/* Pushes and acknowledges, then leaves as by kill -9. */
static void push_and_die(int n)
{
	int status;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		spool_test_open(&t, 16 * MIB);
		spool_test_reader(&t, "o", 0);
		for (int i = 0; i < n; i++)
			if (spool_test_push(&t, 10, 10 * i, "p") < 0)
				_exit(1);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Where the log ends that counts: behind it are frames of an earlier round, and room that was never
 * used.  SQLite's file format: a header of 32 bytes with a salt, frames of 24 + 4096 with the same.
 */
static int64_t log_end(void)
{
	char path[160], salt[8], frame[24];
	int64_t end = 32;
	snprintf(path, sizeof(path), "%s-wal", t.path);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, salt, sizeof(salt), 16), sizeof(salt));
	while (pread(fd, frame, sizeof(frame), end) == sizeof(frame) &&
	       memcmp(frame + 8, salt, sizeof(salt)) == 0)
		end += (int64_t)sizeof(frame) + 4096;
	close(fd);
	return end;
}

static void a_torn_tail_costs_only_what_was_torn(void **state)
{
	char wal[160];
	(void)state;
	push_and_die(30);
	snprintf(wal, sizeof(wal), "%s-wal", t.path);
	assert_true(log_end() > 32 + 24 + 4096);
	assert_int_equal(truncate(wal, log_end() - 1000), 0);
	spool_test_open(&t, 16 * MIB);
	uint32_t reader = spool_test_reader(&t, "o", 290);
	spool_test_expect(&t, reader, true, 0, 290);
	assert_int_equal(spool_test_files(&t, "corrupt"), 0);
}

static void garbage_at_the_tail_costs_only_what_it_covers(void **state)
{
	(void)state;
	push_and_die(30);
	write_at("-wal", log_end() - 3000, "garbage", 7);
	spool_test_open(&t, 16 * MIB);
	spool_test_expect(&t, spool_test_reader(&t, "o", 290), true, 0, 290);
}

static void a_file_truncated_to_nothing_beside_its_log_is_told(void **state)
{
	(void)state;
	push_and_die(30);
	assert_int_equal(truncate(t.path, 0), 0);
	expect_set_aside("truncated to nothing", "300 rows in 30 batches are read again");
}

static void after_another_boot_no_sequence_comes_again(void **state)
{
	(void)state;
	push_and_die(3);
	run_sql("UPDATE spool SET boot = 'an earlier one'");
	spool_test_open(&t, 16 * MIB);
	uint32_t reader = spool_test_reader(&t, "o", 30);
	int64_t sequence = spool_test_push(&t, 10, 30, NULL);
	assert_true(sequence > 1LL << 32);
	assert_int_equal(spool_test_expect(&t, reader, true, 0, 40), sequence);
	spool_test_close(&t);
	spool_test_open(&t, 16 * MIB);
	assert_int_equal(spool_test_push(&t, 10, 30, NULL), sequence + 1);
}

/* ---- A damaged entry ---------------------------------------------------------- */

static void a_damaged_entry_is_dropped_and_counted_and_the_rest_delivered(void **state)
{
	struct error error;
	(void)state;
	fill_position = NULL; /* nobody can read it again */
	fill();
	fill_position = "p";
	run_sql("UPDATE entry SET batch = zeroblob(length(batch)) WHERE sequence IN (1, 7, 8, 30)");
	spool_test_open_journal(&t, 16 * MIB, JOURNAL_BLOCK);
	assert_int_equal(journal_attach(t.journal, "o", NULL, &t.output, &error), 0);
	assert_int_equal(journal_waiting(t.output), 260);
	assert_int_equal(pipeline_consume(t.output), 260);
	assert_int_equal(journal_waiting(t.output), 0);
	assert_int_equal(pipeline_sum(t.metrics, "tallyd_rows_dropped_total", "reason=\"damaged\"",
				      "table=\"a\""),
			 40);
	pipeline_check_balance(t.metrics, "o");
	assert_non_null(
		strstr(fake_host_log(t.host, TALLY_ERROR), "40 rows in 4 batches are lost"));
	assert_int_equal(spool_test_usage(&t).entries, 0);
}

/* ---- Two daemons -------------------------------------------------------------- */

static void a_second_daemon_is_told_and_touches_nothing(void **state)
{
	int ready[2], done[2], status;
	char byte;
	(void)state;
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(done), 0);
	pid_t pid = fork();
	if (pid == 0) {
		spool_test_open(&t, 16 * MIB);
		bool good = spool_test_push(&t, 10, 0, NULL) == 1 && write(ready[1], "r", 1) == 1 &&
			    read(done[0], &byte, 1) == 1 && spool_test_push(&t, 10, 10, NULL) == 2;
		spool_test_close(&t);
		_exit(good ? 0 : 1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(spool_test_try(&t, 16 * MIB, SPOOL_TEST_FULL), -EBUSY);
	assert_non_null(strstr(fake_host_reason(t.host), "in use by another process"));
	assert_int_equal(write(done[1], "d", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	spool_test_open(&t, 16 * MIB);
	assert_int_equal(spool_test_usage(&t).rows, 20);
	assert_int_equal(spool_test_files(&t, "corrupt"), 0);
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(done[i]);
	}
}

static void two_sections_with_one_path_are_told(void **state)
{
	(void)state;
	spool_test_open(&t, 16 * MIB);
	void *first = t.self;
	assert_int_equal(spool_test_try(&t, 16 * MIB, SPOOL_TEST_FULL), -EBUSY);
	t.self = first;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SPOOL_TEST(garbage_is_set_aside),
		SPOOL_TEST(a_file_shorter_than_a_page_is_set_aside),
		SPOOL_TEST(without_a_manifest_it_is_told_that_nothing_is_known),
		SPOOL_TEST(a_file_cut_anywhere_never_stops_the_daemon),
		SPOOL_TEST(another_database_is_set_aside_whole),
		SPOOL_TEST(a_newer_format_is_set_aside),
		SPOOL_TEST(a_folder_in_its_place_is_told_and_left_alone),
		SPOOL_TEST(a_torn_tail_costs_only_what_was_torn),
		SPOOL_TEST(garbage_at_the_tail_costs_only_what_it_covers),
		SPOOL_TEST(a_file_truncated_to_nothing_beside_its_log_is_told),
		SPOOL_TEST(after_another_boot_no_sequence_comes_again),
		SPOOL_TEST(a_damaged_entry_is_dropped_and_counted_and_the_rest_delivered),
		SPOOL_TEST(a_second_daemon_is_told_and_touches_nothing),
		SPOOL_TEST(two_sections_with_one_path_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

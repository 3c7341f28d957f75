/* What goes wrong with a spool: real files cut short and overwritten, a real disk that is full. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spool_fixture.h"

#include <cmocka.h>

enum { MIB = 1 << 20 };

static struct spool_test t;

static int begin(void **state)
{
	(void)state;
	spool_test_begin(&t);
	return 0;
}

static int end(void **state)
{
	(void)state;
	spool_test_end(&t);
	return 0;
}

/* A spool with 300 rows in 30 entries for "o", closed. */
static void fill(void)
{
	spool_test_open(&t, 16 * MIB);
	spool_test_reader(&t, "o", 0);
	for (int i = 0; i < 30; i++)
		assert_int_equal(spool_test_push(&t, 10, 10 * i, "p"), i + 1);
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
	assert_int_equal(spool_test_push(&t, 10, 0, NULL), 1);
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
	expect_set_aside("not a database", "not known");
}

static void a_file_shorter_than_a_page_is_set_aside(void **state)
{
	(void)state;
	fill();
	assert_int_equal(truncate(t.path, 700), 0);
	expect_set_aside(t.path, "not known");
}

static void a_truncated_file_is_set_aside_and_its_rows_are_told(void **state)
{
	(void)state;
	fill();
	assert_int_equal(truncate(t.path, spool_test_file_size(&t, "") - 4096), 0);
	expect_set_aside("spool: ", " in it ");
}

static void a_file_cut_anywhere_never_stops_the_daemon(void **state)
{
	(void)state;
	for (off_t size = 4096 * 2; size > 0; size -= 1237) {
		remove(t.path);
		fill();
		assert_int_equal(truncate(t.path, size), 0);
		spool_test_open(&t, 16 * MIB);
		assert_int_equal(spool_test_usage(&t).entries, 0);
		spool_test_close(&t);
	}
}

static void another_database_is_set_aside_whole(void **state)
{
	(void)state;
	fill();
	remove(t.path);
	run_sql("CREATE TABLE precious (n); INSERT INTO precious VALUES (1)");
	expect_set_aside("not a spool", "not known");
}

static void a_newer_format_is_set_aside(void **state)
{
	(void)state;
	fill();
	run_sql("PRAGMA user_version = 2");
	expect_set_aside("newer version", "300 rows in 30 batches");
}

static void a_file_that_was_not_closed_is_read_in_full(void **state)
{
	char garbage[4096];
	(void)state;
	fill();
	memset(garbage, 'g', sizeof(garbage));
	write_at("", spool_test_file_size(&t, "") - 4096, garbage, sizeof(garbage));
	run_sql("UPDATE spool SET boot = 'an earlier one'");
	expect_set_aside(t.path, " in it ");
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

/* Pushes and settles, then leaves as by kill -9. */
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

static void a_torn_tail_costs_only_what_was_torn(void **state)
{
	char wal[160];
	(void)state;
	push_and_die(30);
	snprintf(wal, sizeof(wal), "%s-wal", t.path);
	int64_t size = spool_test_file_size(&t, "-wal");
	assert_true(size > 0);
	assert_int_equal(truncate(wal, size - 1000), 0);
	spool_test_open(&t, 16 * MIB);
	uint32_t reader = spool_test_reader(&t, "o", 290);
	spool_test_expect(&t, reader, true, 0, 290);
	assert_int_equal(spool_test_files(&t, "corrupt"), 0);
}

static void garbage_at_the_tail_costs_only_what_it_covers(void **state)
{
	(void)state;
	push_and_die(30);
	write_at("-wal", spool_test_file_size(&t, "-wal") - 3000, "garbage", 7);
	spool_test_open(&t, 16 * MIB);
	spool_test_expect(&t, spool_test_reader(&t, "o", 290), true, 0, 290);
}

static void a_file_truncated_to_nothing_beside_its_log_is_told(void **state)
{
	(void)state;
	push_and_die(30);
	assert_int_equal(truncate(t.path, 0), 0);
	expect_set_aside("truncated to nothing", "not known");
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
	struct journal_reader *reader;
	struct error error;
	(void)state;
	fill();
	run_sql("UPDATE entry SET batch = zeroblob(length(batch)) WHERE sequence IN (1, 7, 8, 30)");
	spool_test_open_journal(&t, 16 * MIB, JOURNAL_BLOCK);
	assert_int_equal(journal_attach(t.journal, "o", NULL, &reader, &error), 0);
	assert_int_equal(journal_waiting(reader), 300);
	assert_int_equal(pipeline_consume(reader), 260);
	assert_int_equal(journal_waiting(reader), 0);
	assert_int_equal(pipeline_sum(t.metrics, "tallyd_rows_dropped_total", "reason=\"damaged\"",
				      "table=\"a\""),
			 40);
	pipeline_check_balance(t.metrics, "o");
	assert_non_null(strstr(fake_host_log(t.host, TALLY_ERROR), "entry 7 is damaged"));
	assert_int_equal(spool_test_usage(&t).entries, 0);
	journal_detach(reader);
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

/* ---- Full --------------------------------------------------------------------- */

static int64_t on_disk(void)
{
	int64_t wal = spool_test_file_size(&t, "-wal");
	return spool_test_file_size(&t, "") + (wal > 0 ? wal : 0);
}

static void it_never_takes_more_of_the_disk_than_its_capacity(void **state)
{
	(void)state;
	spool_test_open(&t, 2 * MIB);
	uint32_t reader = spool_test_reader(&t, "o", 0);
	int64_t next = 0, oldest = 0, r, settled = 0, largest = 0;
	for (int round = 0; round < 6; round++) {
		uint32_t rows = 20 + 137 * (uint32_t)round;
		while ((r = spool_test_push(&t, rows, next, "p")) > 0) {
			next += rows;
			settled = r;
			assert_true(on_disk() <= 2 * MIB);
		}
		assert_int_equal(r, -ENOSPC);
		if (on_disk() > largest)
			largest = on_disk();
		assert_true(largest > MIB);
		spool_test_expect(&t, reader, true, oldest, next);
		oldest = next;
		assert_int_equal(spool_calls->settle(t.self, reader, (uint64_t)settled), 0);
		assert_true(on_disk() <= 2 * MIB);
	}
	assert_int_equal(spool_test_usage(&t).entries, 0);
	assert_int_equal(spool_test_push(&t, 10000, 0, NULL), -EMSGSIZE);
}

static void a_full_spool_drops_the_oldest_if_told_so(void **state)
{
	struct journal_reader *reader;
	struct error error;
	(void)state;
	spool_test_open_journal(&t, MIB, JOURNAL_DROP_OLDEST);
	assert_int_equal(journal_attach(t.journal, "o", NULL, &reader, &error), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(spool_test_push_journal(&t, 10, 10 * i, 2000), 0);
	double dropped = pipeline_sum(t.metrics, "tallyd_rows_dropped_total", "buffer_full", NULL);
	assert_true(dropped >= 600);
	pipeline_check_balance(t.metrics, "o");
	struct tally_entry entries[JOURNAL_TAKE_MAX];
	assert_true(journal_take(reader, JOURNAL_NOW, entries) > 0);
	assert_int_equal(pipeline_first(entries[0].batch), dropped);
	pipeline_settle(reader, 1, 1);
	assert_int_equal(pipeline_consume(reader), 990 - dropped);
	pipeline_check_balance(t.metrics, "o");
	journal_detach(reader);
}

static void what_can_never_fit_is_dropped_as_too_large(void **state)
{
	struct journal_reader *reader;
	struct error error;
	(void)state;
	spool_test_open_journal(&t, MIB, JOURNAL_BLOCK);
	assert_int_equal(journal_attach(t.journal, "o", NULL, &reader, &error), 0);
	assert_int_equal(spool_test_push_journal(&t, 10, 0, 100000), 0);
	assert_int_equal(pipeline_sum(t.metrics, "tallyd_rows_dropped_total", "too_large", NULL),
			 10);
	pipeline_check_balance(t.metrics, "o");
	journal_detach(reader);
}

/* A file system of 2 MiB; false: this user may not mount. */
static bool small_disk(char *folder, size_t size)
{
	snprintf(folder, size, "%s/in", t.folder);
	assert_int_equal(mkdir(folder, 0700), 0);
	return mount("tallyd-test", folder, "tmpfs", 0, "size=2m") == 0;
}

static void fill_disk(const char *path)
{
	static const char zeroes[4096];
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	setvbuf(file, NULL, _IONBF, 0);
	while (fwrite(zeroes, 1, sizeof(zeroes), file) == sizeof(zeroes))
		;
	fclose(file);
}

static void a_full_disk_is_told_and_gone_on_from_when_there_is_room(void **state)
{
	char folder[128], ballast[160];
	int64_t next = 0, r;
	(void)state;
	if (!small_disk(folder, sizeof(folder)))
		skip();
	snprintf(ballast, sizeof(ballast), "%s/ballast", folder);
	spool_test_open(&t, 64 * MIB);
	uint32_t reader = spool_test_reader(&t, "o", 0);
	for (; next < 1000; next += 10)
		assert_true(spool_test_push(&t, 10, next, "p") > 0);
	fill_disk(ballast);
	while ((r = spool_test_push(&t, 10, next, "p")) > 0)
		next += 10;
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(spool_test_push(&t, 10, next, "p"), -ENOSPC);
	assert_non_null(strstr(fake_host_log(t.host, TALLY_ERROR), "no room in the file system"));
	spool_test_expect(&t, reader, true, 0, next);
	assert_int_equal(unlink(ballast), 0);
	int64_t last = spool_test_push(&t, 10, next, "p");
	assert_true(last > 0);
	next += 10;
	spool_test_expect(&t, reader, true, 0, next);
	assert_non_null(strstr(fake_host_log(t.host, TALLY_NOTICE), "room again"));
	fill_disk(ballast); /* and once more, over a restart */
	spool_test_close(&t);
	assert_int_equal(unlink(ballast), 0);
	spool_test_open(&t, 64 * MIB);
	reader = spool_test_reader(&t, "o", (uint64_t)next);
	spool_test_expect(&t, reader, true, 0, next);
	assert_int_equal(spool_calls->settle(t.self, reader, (uint64_t)last), 0);
	assert_int_equal(spool_test_files(&t, "corrupt"), 0);
	spool_test_close(&t);
	assert_int_equal(umount2(folder, MNT_DETACH), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(garbage_is_set_aside),
		TEST(a_file_shorter_than_a_page_is_set_aside),
		TEST(a_truncated_file_is_set_aside_and_its_rows_are_told),
		TEST(a_file_cut_anywhere_never_stops_the_daemon),
		TEST(another_database_is_set_aside_whole),
		TEST(a_newer_format_is_set_aside),
		TEST(a_file_that_was_not_closed_is_read_in_full),
		TEST(a_folder_in_its_place_is_told_and_left_alone),
		TEST(a_torn_tail_costs_only_what_was_torn),
		TEST(garbage_at_the_tail_costs_only_what_it_covers),
		TEST(a_file_truncated_to_nothing_beside_its_log_is_told),
		TEST(after_another_boot_no_sequence_comes_again),
		TEST(a_damaged_entry_is_dropped_and_counted_and_the_rest_delivered),
		TEST(a_second_daemon_is_told_and_touches_nothing),
		TEST(two_sections_with_one_path_are_told),
		TEST(it_never_takes_more_of_the_disk_than_its_capacity),
		TEST(a_full_spool_drops_the_oldest_if_told_so),
		TEST(what_can_never_fit_is_dropped_as_too_large),
		TEST(a_full_disk_is_told_and_gone_on_from_when_there_is_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

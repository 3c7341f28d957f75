/* A spool that is full, and a real disk that is. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool_fixture.h"
#include "test.h"

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
	int64_t next = 0, oldest = 0, r, acked = 0, largest = 0;
	for (int round = 0; round < 6; round++) {
		uint32_t rows = 20 + 137 * (uint32_t)round;
		while ((r = spool_test_push(&t, rows, next, "p")) > 0) {
			next += rows;
			acked = r;
			assert_true(on_disk() <= 2 * MIB);
		}
		assert_int_equal(r, -ENOSPC);
		if (on_disk() > largest)
			largest = on_disk();
		assert_true(largest > MIB);
		spool_test_expect(&t, reader, true, oldest, next);
		oldest = next;
		assert_int_equal(spool_calls->ack(t.self, reader, (uint64_t)acked), 0);
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
	assert_true(journal_fetch(reader, JOURNAL_NOW, entries) > 0);
	assert_int_equal(pipeline_first(entries[0].batch), dropped);
	pipeline_ack(reader, 1, 1);
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
	assert_int_equal(spool_calls->ack(t.self, reader, (uint64_t)last), 0);
	assert_int_equal(spool_test_files(&t, "corrupt"), 0);
	spool_test_close(&t);
	assert_int_equal(umount2(folder, MNT_DETACH), 0);
}

static void a_disk_that_the_spool_filled_by_itself_empties_again(void **state)
{
	char folder[128];
	int64_t next = 0, r;
	(void)state;
	if (!small_disk(folder, sizeof(folder)))
		skip();
	spool_test_open(&t, 64 * MIB);
	uint32_t reader = spool_test_reader(&t, "o", 0);
	int64_t read = 0;
	for (int round = 0; round < 3; round++) {
		while ((r = spool_test_push(&t, 10, next, "p")) > 0)
			next += 10;
		assert_int_equal(r, -ENOSPC);
		while (read < next) {
			struct tally_entry entry;
			uint32_t n;
			assert_int_equal(
				spool_calls->fetch(t.self, reader, false, 1, &entry, 1, &n), 0);
			assert_int_equal(n, 1);
			assert_int_equal(pipeline_first(entry.batch), read);
			read += 10;
			assert_int_equal(spool_calls->ack(t.self, reader, entry.sequence), 0);
			if (read % 100 == 0 && round < 2 && spool_test_push(&t, 10, next, "p") > 0)
				next += 10;
		}
	}
	spool_test_close(&t);
	assert_int_equal(umount2(folder, MNT_DETACH), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SPOOL_TEST(a_disk_that_the_spool_filled_by_itself_empties_again),
		SPOOL_TEST(it_never_takes_more_of_the_disk_than_its_capacity),
		SPOOL_TEST(a_full_spool_drops_the_oldest_if_told_so),
		SPOOL_TEST(what_can_never_fit_is_dropped_as_too_large),
		SPOOL_TEST(a_full_disk_is_told_and_gone_on_from_when_there_is_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A spool's file that somebody takes away while it is in use: all that waits is there again. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "spool_fixture.h"
#include "test.h"

enum { TAKEN_AWAY, MISSING };

static void name_of(const char *suffix, char ret[200])
{
	snprintf(ret, 200, "%s%s", t.path, suffix);
}

/* 50 rows, of which the first 10 are acknowledged. */
static uint32_t fill(void)
{
	struct tally_entry entry;
	uint32_t n;
	spool_test_open(&t, 16 * MIB);
	uint32_t reader = spool_test_reader(&t, "o", 0);
	for (int i = 0; i < 5; i++)
		assert_true(spool_test_push(&t, 10, 10 * i, "p") > 0);
	assert_int_equal(spool_calls->fetch(t.self, reader, false, 10, &entry, 1, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(spool_calls->ack(t.self, reader, entry.sequence), 0);
	return reader;
}

static void expect_all_there(uint32_t reader, const char *what)
{
	const char *position;
	if (!strstr(fake_host_log(t.host, TALLY_ERROR), what) ||
	    !strstr(fake_host_log(t.host, TALLY_ERROR), "40 rows in 4 batches waiting"))
		fail_msg("%s is not told:\n%s", what, fake_host_log(t.host, TALLY_ERROR));
	assert_int_equal(fake_host_metric(t.host, TAKEN_AWAY), 1);
	assert_int_equal(fake_host_metric(t.host, MISSING), 0);
	spool_test_expect(&t, reader, true, 10, 60);
	/* As a start after a kill would find it. */
	spool_test_close(&t);
	spool_test_open(&t, 16 * MIB);
	reader = spool_test_reader(&t, "o", 50);
	spool_test_expect(&t, reader, false, 10, 60);
	assert_int_equal(spool_calls->position(t.self, "source", &position), 0);
	assert_string_equal(position, "q");
	assert_int_equal(spool_test_files(&t, ".new"), 0);
}

static void one_that_was_removed_is_put_back_with_all_that_waits(void **state)
{
	uint32_t reader = fill();
	(void)state;
	assert_int_equal(unlink(t.path), 0);
	int64_t sequence = spool_test_push(&t, 10, 50, "q");
	assert_int_equal(sequence, 6);
	expect_all_there(reader, "was removed while it was in use");
}

static void with_its_log_too(void **state)
{
	char wal[200];
	uint32_t reader = fill();
	(void)state;
	name_of("-wal", wal);
	assert_int_equal(unlink(t.path), 0);
	assert_int_equal(unlink(wal), 0);
	assert_int_equal(spool_test_push(&t, 10, 50, "q"), 6);
	expect_all_there(reader, "was removed while it was in use");
}

static void its_log_alone(void **state)
{
	char wal[200];
	uint32_t reader = fill();
	(void)state;
	name_of("-wal", wal);
	assert_int_equal(unlink(wal), 0);
	assert_int_equal(spool_test_push(&t, 10, 50, "q"), 6);
	expect_all_there(reader, "-wal was removed while it was in use");
}

static void another_file_in_its_place_is_kept_beside(void **state)
{
	char other[200];
	uint32_t reader = fill();
	(void)state;
	name_of(".other", other);
	int fd = open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "mine", 4), 4);
	close(fd);
	assert_int_equal(rename(other, t.path), 0);
	assert_int_equal(spool_test_push(&t, 10, 50, "q"), 6);
	assert_int_equal(spool_test_files(&t, ".found-"), 1);
	expect_all_there(reader, "was replaced while it was in use");
}

static void settling_notices_it_too(void **state)
{
	uint32_t reader = fill();
	(void)state;
	assert_int_equal(unlink(t.path), 0);
	assert_int_equal(spool_calls->ack(t.self, reader, 2), 0);
	assert_int_equal(access(t.path, F_OK), 0);
	spool_test_close(&t);
	spool_test_open(&t, 16 * MIB);
	spool_test_expect(&t, spool_test_reader(&t, "o", 30), false, 20, 50);
}

static void while_it_cannot_be_put_back_it_is_as_if_it_were_full(void **state)
{
	char moved[100];
	uint32_t reader = fill();
	(void)state;
	snprintf(moved, sizeof(moved), "%s.moved", t.folder);
	assert_int_equal(rename(t.folder, moved), 0);
	fake_host_set_monotonic(t.host, 1000000000);
	for (int i = 0; i < 3; i++)
		assert_int_equal(spool_test_push(&t, 10, 50, "q"), -ENOSPC);
	assert_int_equal(fake_host_metric(t.host, MISSING), 1);
	spool_test_expect(&t, reader, true, 10, 50);
	assert_int_equal(rename(moved, t.folder), 0);
	assert_int_equal(spool_test_push(&t, 10, 50, "q"), -ENOSPC); /* not tried each time */
	fake_host_set_monotonic(t.host, 3000000000);
	assert_int_equal(spool_test_push(&t, 10, 50, "q"), 6);
	assert_int_equal(fake_host_metric(t.host, TAKEN_AWAY), 1);
	assert_int_equal(fake_host_metric(t.host, MISSING), 0);
	spool_test_expect(&t, reader, true, 10, 60);
}

static void entries_on_loan_stay_what_they_are(void **state)
{
	struct tally_entry entries[3];
	uint32_t n, reader = fill();
	char writer[256];
	(void)state;
	assert_int_equal(spool_calls->fetch(t.self, reader, true, 30, entries, 3, &n), 0);
	assert_int_equal(n, 3);
	snprintf(writer, sizeof(writer), "%s", entries[0].producer);
	assert_int_equal(unlink(t.path), 0);
	assert_int_equal(spool_test_push(&t, 10, 50, "q"), 6);
	for (uint32_t i = 0; i < n; i++) {
		assert_string_equal(entries[i].producer, writer);
		assert_int_equal(pipeline_first(entries[i].batch), 10 + 10 * i);
	}
	expect_all_there(reader, "was removed while it was in use");
}

static void its_folder_is_made_again(void **state)
{
	char wal[200], folder[100];
	uint32_t reader = fill();
	(void)state;
	name_of("-wal", wal);
	snprintf(folder, sizeof(folder), "%s/in", t.folder);
	assert_int_equal(unlink(t.path), 0);
	assert_int_equal(unlink(wal), 0);
	name_of(".manifest", wal);
	assert_int_equal(unlink(wal), 0);
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(spool_test_push(&t, 10, 50, "q"), 6);
	expect_all_there(reader, "was removed while it was in use");
}

static void one_that_is_empty_at_the_start_is_told(void **state)
{
	(void)state;
	fill();
	spool_test_close(&t);
	assert_int_equal(truncate(t.path, 0), 0);
	fake_host_forget(t.host);
	spool_test_open(&t, 16 * MIB);
	assert_non_null(strstr(fake_host_log(t.host, TALLY_ERROR), "is empty, 0 bytes"));
	spool_test_close(&t);
	fake_host_forget(t.host);
	spool_test_open(&t, 16 * MIB);
	assert_null(strstr(fake_host_log(t.host, TALLY_ERROR), "is empty"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SPOOL_TEST(one_that_was_removed_is_put_back_with_all_that_waits),
		SPOOL_TEST(with_its_log_too),
		SPOOL_TEST(its_log_alone),
		SPOOL_TEST(another_file_in_its_place_is_kept_beside),
		SPOOL_TEST(settling_notices_it_too),
		SPOOL_TEST(while_it_cannot_be_put_back_it_is_as_if_it_were_full),
		SPOOL_TEST(entries_on_loan_stay_what_they_are),
		SPOOL_TEST(its_folder_is_made_again),
		SPOOL_TEST(one_that_is_empty_at_the_start_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

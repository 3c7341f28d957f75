/*
 * kill -9 of a process that pushes and acknowledges, at random instants.  What it was told is safe
 * it notes in a pipe, which outlives it; afterwards the spool must hold each of these rows once,
 * the position of the last, and nothing that was acknowledged.  One push, or one acknowledgement,
 * may have been under way: then it is there whole or not at all.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "spool_fixture.h"
#include "test.h"

enum { KILLS = 40, CAPACITY = 16 << 20 };

/* As the child knows it: numbers below `pushed` are in the spool, below `acknowledged` done with.
 */
struct known {
	int64_t pushed, acked;
};

static void note(int fd, struct known known)
{
	if (write(fd, &known, sizeof(known)) != sizeof(known))
		_exit(2);
}

static int64_t push_some(int64_t first)
{
	char position[32];
	uint32_t rows = 1 + (uint32_t)(first * 7 % 90);
	snprintf(position, sizeof(position), "%" PRId64, first + rows);
	if (spool_test_push(&t, rows, first, position) < 0)
		_exit(3);
	return first + rows;
}

/* Acknowledges one entry, the oldest; returns the number after its last row. */
static int64_t ack_one(uint32_t reader, int64_t acked)
{
	struct tally_entry entry;
	uint32_t n;
	if (spool_calls->fetch(t.self, reader, true, 1, &entry, 1, &n) < 0)
		_exit(4);
	if (n == 0)
		return acked;
	if (pipeline_first(entry.batch) != acked)
		_exit(5);
	int64_t after = acked + entry.batch->n_rows;
	if (spool_calls->ack(t.self, reader, entry.sequence) < 0)
		_exit(6);
	return after;
}

static void child(int fd, struct known known, enum spool_test_sync sync)
{
	uint32_t reader;
	uint64_t rows;
	if (spool_test_try(&t, CAPACITY, sync) < 0 ||
	    spool_calls->open_reader(t.self, "o", &reader, &rows) < 0)
		_exit(1);
	for (unsigned i = 0;; i++) {
		known.pushed = push_some(known.pushed);
		note(fd, known);
		if (known.pushed - known.acked > 2000 || i % 3 == 0)
			known.acked = ack_one(reader, known.acked);
		note(fd, known);
	}
}

static void wait_a_random_while(void)
{
	uint32_t random;
	assert_int_equal(getrandom(&random, sizeof(random), 0), sizeof(random));
	struct timespec time = {.tv_nsec = 1000000 + random % 60000000};
	nanosleep(&time, NULL);
}

static struct known run_and_kill(struct known known, enum spool_test_sync sync)
{
	int pipes[2], status;
	struct known next;
	assert_int_equal(pipe(pipes), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(pipes[0]);
		child(pipes[1], known, sync);
	}
	close(pipes[1]);
	wait_a_random_while();
	bool killed = false;
	/* Not before it has begun; what it noted until it died is still to be read then. */
	while (read(pipes[0], &next, sizeof(next)) == sizeof(next)) {
		known = next;
		if (!killed)
			kill(pid, SIGKILL);
		killed = true;
	}
	close(pipes[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFSIGNALED(status))
		fail_msg("the child ended with %d", WEXITSTATUS(status));
	return known;
}

/* What is in the spool now; checks that it is one unbroken run of numbers. */
static struct known look(void)
{
	struct tally_entry entries[64];
	const char *position = NULL;
	uint32_t n, reader;
	uint64_t rows;
	assert_int_equal(spool_calls->open_reader(t.self, "o", &reader, &rows), 0);
	struct known found = {-1, -1};
	while (spool_calls->fetch(t.self, reader, false, UINT32_MAX, entries, 64, &n) == 0 && n)
		for (uint32_t i = 0; i < n; i++) {
			int64_t first = pipeline_first(entries[i].batch);
			if (found.acked < 0)
				found.acked = found.pushed = first;
			assert_int_equal(first, found.pushed);
			found.pushed += entries[i].batch->n_rows;
		}
	int r = spool_calls->position(t.self, "source", &position);
	int64_t resume = r == 0 ? strtoll(position, NULL, 10) : 0;
	if (found.acked < 0)
		found = (struct known){resume, resume};
	assert_int_equal(resume, found.pushed);
	assert_int_equal(rows, found.pushed - found.acked);
	return found;
}

static void kill_at_random_instants(enum spool_test_sync sync)
{
	struct known known = {0, 0};
	for (int i = 0; i < KILLS; i++) {
		known = run_and_kill(known, sync);
		spool_test_open(&t, CAPACITY);
		struct known found = look();
		assert_true(found.pushed >= known.pushed);      /* nothing that was safe is lost */
		assert_true(found.pushed <= known.pushed + 90); /* at most one more */
		assert_true(found.acked >= known.acked);        /* nothing comes again */
		assert_true(found.acked <= known.acked + 90);
		assert_int_equal(spool_test_files(&t, "corrupt"), 0);
		spool_test_close(&t);
		known = found;
	}
	assert_true(known.pushed > 1000);
}

static void kill_9_loses_and_repeats_nothing_with_sync_normal(void **state)
{
	(void)state;
	kill_at_random_instants(SPOOL_TEST_NORMAL);
}

static void kill_9_loses_and_repeats_nothing_with_sync_full(void **state)
{
	(void)state;
	kill_at_random_instants(SPOOL_TEST_FULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SPOOL_TEST(kill_9_loses_and_repeats_nothing_with_sync_normal),
		SPOOL_TEST(kill_9_loses_and_repeats_nothing_with_sync_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

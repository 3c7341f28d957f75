/* A spool in a folder of its own, to be opened again and again as a daemon would. */
#ifndef TALLYD_TESTS_SPOOL_FIXTURE_H
#define TALLYD_TESTS_SPOOL_FIXTURE_H

#include "pipeline_fixture.h"

enum { MIB = 1 << 20 };

enum spool_test_sync { SPOOL_TEST_FULL, SPOOL_TEST_NORMAL };

struct spool_test {
	struct fake_host *host;
	char folder[64], path[128];
	void *self;   /* NULL: closed */
	int64_t keep; /* option of the next open */
	struct metrics *metrics;
	struct journal *journal;       /* NULL: used without one */
	struct journal_reader *output; /* detached when it is closed; NULL: none */
};

extern const struct tally_buffer *spool_calls;

/* Of the tests below SPOOL_TEST(). */
extern struct spool_test t;

#define SPOOL_TEST(f) cmocka_unit_test_setup_teardown(f, spool_test_setup, spool_test_teardown)
int spool_test_setup(void **state);
int spool_test_teardown(void **state); /* closes it, removes the folder */

/* As start() says. */
int spool_test_try(struct spool_test *test, int64_t capacity, enum spool_test_sync sync);
void spool_test_open(struct spool_test *test, int64_t capacity);
void spool_test_open_journal(struct spool_test *test, int64_t capacity,
			     enum journal_on_full on_full);
void spool_test_close(struct spool_test *test);
void spool_test_remove(const struct spool_test *test); /* the file and its manifest */

/* Numbers from `first` on; text: bytes in the third column of each row. */
struct tally_batch *spool_test_batch(uint32_t rows, int64_t first, uint32_t text);
/* Returns the sequence, or -errno. */
int64_t spool_test_push(struct spool_test *test, uint32_t rows, int64_t first,
			const char *position);
int spool_test_push_journal(struct spool_test *test, uint32_t rows, int64_t first, uint32_t text);
uint32_t spool_test_reader(struct spool_test *test, const char *name, uint64_t rows);
/* Takes all there is and checks that its rows are the numbers [first, end). */
uint64_t spool_test_expect(struct spool_test *test, uint32_t reader, bool rewind, int64_t first,
			   int64_t end);
struct tally_usage spool_test_usage(const struct spool_test *test);
int64_t spool_test_file_size(const struct spool_test *test, const char *suffix);
/* How many files of the folder have this in their names. */
int spool_test_files(const struct spool_test *test, const char *part);

#endif

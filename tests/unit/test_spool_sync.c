/* What a spool has on the disk when a push returns. */
#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "spool_fixture.h"
#include "test.h"

/* All of SQLite's files go through here: which has been written to since it was flushed? */
static sqlite3_io_methods watched;
static const sqlite3_io_methods *plain;
static sqlite3_file *unflushed;

static int watched_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 at)
{
	unflushed = file;
	return plain->xWrite(file, bytes, n, at);
}

static int watched_sync(sqlite3_file *file, int flags)
{
	int code = plain->xSync(file, flags);
	if (file == unflushed)
		unflushed = NULL;
	return code;
}

static int (*plain_open)(sqlite3_vfs *, const char *, sqlite3_file *, int, int *);

static int watched_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
			int *ret_flags)
{
	int code = plain_open(vfs, name, file, flags, ret_flags);
	if (code != SQLITE_OK || !(flags & SQLITE_OPEN_WAL))
		return code;
	plain = file->pMethods;
	watched = *plain;
	watched.xWrite = watched_write;
	watched.xSync = watched_sync;
	file->pMethods = &watched;
	return code;
}

static void with_sync_full_each_push_has_been_flushed_when_it_returns(void **state)
{
	static const enum spool_test_sync modes[] = {SPOOL_TEST_FULL, SPOOL_TEST_NORMAL};
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	(void)state;
	plain_open = vfs->xOpen;
	vfs->xOpen = watched_open;
	for (int m = 0; m < 2; m++) {
		int waited = 0;
		assert_int_equal(spool_test_try(&t, 16 * MIB, modes[m]), 0);
		uint32_t reader = spool_test_reader(&t, "o", 0);
		for (int i = 0; i < 50; i++) {
			int64_t sequence = spool_test_push(&t, 10, 10 * i, "p");
			assert_true(sequence > 0);
			waited += unflushed == NULL;
			assert_int_equal(spool_calls->ack(t.self, reader, (uint64_t)sequence), 0);
			assert_non_null(unflushed); /* cursors go along with the next push */
		}
		if (modes[m] == SPOOL_TEST_FULL)
			assert_int_equal(waited, 50);
		else
			assert_true(waited < 5);
		spool_test_close(&t);
	}
	vfs->xOpen = plain_open;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SPOOL_TEST(with_sync_full_each_push_has_been_flushed_when_it_returns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

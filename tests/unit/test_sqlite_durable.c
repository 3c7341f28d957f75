/* What of the store is on the disk when a write is answered. */
#include <stddef.h>
#include <stdint.h>

#include "sqlite_fixture.h"
#include "test.h"

/* All logs of SQLite go through here: which has been written to since it was flushed? */
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

static int watched_setup(void **state)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	plain_open = vfs->xOpen;
	vfs->xOpen = watched_open;
	return fixture_setup(state);
}

static int watched_teardown(void **state)
{
	int r = fixture_teardown(state);
	sqlite3_vfs_find(NULL)->xOpen = plain_open;
	return r;
}

static void write_one(struct fixture *f, int64_t second)
{
	struct tally_batch *batch = fixture_batch(f, &series_table);
	put_series(f, batch, T0 + second * SECOND, "a", 1, 1);
	fixture_write(f, batch);
}

static void a_write_is_flushed_only_when_its_source_forgets_the_rows(void **state)
{
	struct fixture *f = *state;
	for (int second = 0; second < 20; second++) {
		bool must = second % 2 == 0;
		fake_host_set_must_flush(f->host, must);
		write_one(f, second);
		assert_true(must == (unflushed == NULL));
	}
}

static void with_synchronous_full_everything_is_flushed(void **state)
{
	struct fixture *f = *state;
	backend_config.synchronous = 1;
	fixture_restart(f);
	write_one(f, 0);
	assert_null(unflushed);
}

int main(void)
{
#define FLUSH_TEST(test) cmocka_unit_test_setup_teardown(test, watched_setup, watched_teardown)
	const struct CMUnitTest tests[] = {
		FLUSH_TEST(a_write_is_flushed_only_when_its_source_forgets_the_rows),
		FLUSH_TEST(with_synchronous_full_everything_is_flushed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

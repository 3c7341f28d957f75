/* What of the store is on the disk when a write is answered. */
#include <stddef.h>
#include <stdint.h>

#include "flush_watch.h"
#include "sqlite_fixture.h"
#include "test.h"

static int watched_setup(void **state)
{
	flush_watch_start();
	return fixture_setup(state);
}

static int watched_teardown(void **state)
{
	int r = fixture_teardown(state);
	flush_watch_stop();
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
		assert_true(must == flush_watch_flushed());
	}
}

static void with_synchronous_full_everything_is_flushed(void **state)
{
	struct fixture *f = *state;
	backend_config.synchronous = 1;
	fixture_restart(f);
	write_one(f, 0);
	assert_true(flush_watch_flushed());
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

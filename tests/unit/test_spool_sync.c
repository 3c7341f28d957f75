/* What a spool has on the disk when a push returns. */
#include <stddef.h>
#include <stdint.h>

#include "flush_watch.h"
#include "spool_fixture.h"
#include "test.h"

static void with_sync_full_each_push_has_been_flushed_when_it_returns(void **state)
{
	static const enum spool_test_sync modes[] = {SPOOL_TEST_FULL, SPOOL_TEST_NORMAL};
	(void)state;
	flush_watch_start();
	for (int m = 0; m < 2; m++) {
		int waited = 0;
		assert_int_equal(spool_test_try(&t, 16 * MIB, modes[m]), 0);
		uint32_t reader = spool_test_reader(&t, "o", 0);
		for (int i = 0; i < 50; i++) {
			int64_t sequence = spool_test_push(&t, 10, 10 * i, "p");
			assert_true(sequence > 0);
			waited += flush_watch_flushed();
			assert_int_equal(spool_calls->ack(t.self, reader, (uint64_t)sequence), 0);
			assert_false(
				flush_watch_flushed()); /* cursors go along with the next push */
		}
		if (modes[m] == SPOOL_TEST_FULL)
			assert_int_equal(waited, 50);
		else
			assert_true(waited < 5);
		spool_test_close(&t);
	}
	flush_watch_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SPOOL_TEST(with_sync_full_each_push_has_been_flushed_when_it_returns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

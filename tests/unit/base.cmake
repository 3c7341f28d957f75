tallyd_unit_test(condition SOURCES unit/test_condition.c)
tallyd_unit_test(worker SOURCES unit/test_worker.c)
tallyd_unit_test(hash SOURCES unit/test_hash.c)
tallyd_unit_test(backoff SOURCES unit/test_backoff.c)

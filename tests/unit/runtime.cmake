tallyd_unit_test(log SOURCES unit/test_log.c)

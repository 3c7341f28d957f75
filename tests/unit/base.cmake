tallyd_unit_test(condition SOURCES unit/test_condition.c)

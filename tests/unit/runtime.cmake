tallyd_unit_test(log SOURCES unit/test_log.c)
tallyd_unit_test(capability SOURCES unit/test_capability.c)
tallyd_unit_test(instance SOURCES unit/test_instance.c)

tallyd_unit_test(exec_text SOURCES unit/test_exec_text.c LIBRARIES exec_objects)

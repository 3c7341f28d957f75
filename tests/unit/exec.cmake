tallyd_unit_test(exec_text SOURCES unit/test_exec_text.c LIBRARIES exec_objects)
tallyd_unit_test(exec_rows SOURCES unit/test_exec_rows.c LIBRARIES exec_objects)

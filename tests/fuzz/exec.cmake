tallyd_fuzz_target(exec_row SOURCES fuzz/fuzz_exec_row.c LIBRARIES exec_objects)

add_executable(bench_query bench/query.c)
target_link_libraries(bench_query PRIVATE tallyd_flags timescale_objects tallyd_test_support
	tallyd_plugins_common ${CMAKE_DL_LIBS} m -Wl,--wrap=server_time_read)

add_executable(bench_spool bench/spool.c bench/line.c)
target_link_libraries(bench_spool PRIVATE tallyd_flags tallyd_test_support PkgConfig::SQLITE
	${CMAKE_DL_LIBS})
add_dependencies(bench_spool batch spool sqlite)

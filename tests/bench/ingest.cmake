add_executable(bench_ingest bench/ingest.c)
target_include_directories(bench_ingest PRIVATE ${PROJECT_SOURCE_DIR}/plugins/output/timescale)
target_link_libraries(bench_ingest PRIVATE tallyd_flags tallyd_test_support
	tallyd_plugins_common PkgConfig::LIBPQ ${CMAKE_DL_LIBS})

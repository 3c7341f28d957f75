add_executable(bench_api bench/api.c unit/http_fixture.c)
target_link_libraries(bench_api PRIVATE tallyd_flags http_api_objects tallyd_test_support)

add_executable(bench_pipeline bench/pipeline.c bench/line.c)
target_link_libraries(bench_pipeline PRIVATE tallyd_flags batch_objects tallyd_test_support)

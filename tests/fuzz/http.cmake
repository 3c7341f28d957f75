tallyd_fuzz_target(http_query SOURCES fuzz/fuzz_http_query.c LIBRARIES http_api_objects)
tallyd_fuzz_target(json_writer SOURCES fuzz/fuzz_json_writer.c)

tallyd_fuzz_target(http_query SOURCES fuzz/fuzz_http_query.c LIBRARIES http_api_objects)
tallyd_fuzz_target(json_writer SOURCES fuzz/fuzz_json_writer.c)
tallyd_fuzz_target(http_row SOURCES fuzz/fuzz_http_row.c LIBRARIES http_api_objects)

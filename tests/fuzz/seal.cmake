tallyd_fuzz_target(http_seal SOURCES fuzz/fuzz_http_seal.c LIBRARIES http_api_objects)

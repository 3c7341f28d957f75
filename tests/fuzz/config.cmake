tallyd_fuzz_target(config SOURCES fuzz/fuzz_config.c)

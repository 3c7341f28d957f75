tallyd_fuzz_target(batch_codec SOURCES fuzz/fuzz_batch_codec.c)

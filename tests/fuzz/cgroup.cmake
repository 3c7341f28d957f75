tallyd_fuzz_target(cgroup SOURCES fuzz/fuzz_cgroup.c LIBRARIES docker_stats_objects)

# The floors that `scripts/bench collect` holds a poll against; run by hand, not by ctest.
add_executable(bench_collect_floor bench/collect_floor.c)
target_link_libraries(bench_collect_floor PRIVATE tallyd_flags)
add_executable(bench_cgroup_floor bench/cgroup_floor.c)
target_link_libraries(bench_cgroup_floor PRIVATE tallyd_flags)

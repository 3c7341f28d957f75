add_executable(bench_sqlite_floor bench/sqlite_floor.c)
target_link_libraries(bench_sqlite_floor PRIVATE tallyd_flags PkgConfig::SQLITE)

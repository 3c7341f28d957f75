add_executable(bench_json bench/json.c)
target_link_libraries(bench_json PRIVATE tallyd_flags tallyd_plugins_common tallyd_core
	PkgConfig::JANSSON)

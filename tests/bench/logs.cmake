# The floor and the output that `scripts/bench logs` uses; run by hand, not by ctest.  The floor also
# runs in containers, so it is linked statically.
add_executable(bench_logs_floor bench/logs_floor.c)
target_link_libraries(bench_logs_floor PRIVATE tallyd_flags)
if(NOT TALLYD_SANITIZE)
	target_link_options(bench_logs_floor PRIVATE -static)
endif()
add_library(bench_plugin_discard MODULE ${PROJECT_SOURCE_DIR}/tests/bench/logs_discard.c)
target_link_libraries(bench_plugin_discard PRIVATE tallyd_flags)
target_link_options(bench_plugin_discard PRIVATE -Wl,-z,now)
set_target_properties(bench_plugin_discard PROPERTIES PREFIX "" OUTPUT_NAME discard
	LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/plugins)

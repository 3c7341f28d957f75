# Programs whose instructions `scripts/bench instructions` counts; `count` builds all they need.
add_library(bench_counted STATIC bench/counted.c bench/line.c)
target_include_directories(bench_counted PUBLIC bench)
target_link_libraries(bench_counted PUBLIC tallyd_flags tallyd_test_support ${CMAKE_DL_LIBS})
add_custom_target(count)
add_dependencies(count batch spool sqlite docker_stats docker_status docker_logs)

function(tallyd_counted name)
	cmake_parse_arguments(COUNTED "" "" "SOURCES;LIBRARIES" ${ARGN})
	add_executable(count_${name} bench/count_${name}.c ${COUNTED_SOURCES})
	target_link_libraries(count_${name} PRIVATE ${COUNTED_LIBRARIES} bench_counted)
	target_compile_definitions(count_${name} PRIVATE
		TEST_DATA_DIR="${PROJECT_SOURCE_DIR}/tests/data")
	add_dependencies(count count_${name})
endfunction()

tallyd_counted(pipeline)
tallyd_counted(timescale LIBRARIES timescale_objects)
tallyd_counted(sqlite LIBRARIES sqlite_objects)
tallyd_counted(logs LIBRARIES docker_logs_objects)
tallyd_counted(stats LIBRARIES docker_stats_objects)
tallyd_counted(http SOURCES unit/http_fixture.c LIBRARIES http_api_objects)

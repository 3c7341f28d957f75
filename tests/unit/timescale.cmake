# Each runs against a PostgreSQL of its own, or the one that TALLYD_TEST_TIMESCALE names.
add_library(timescale_fixture OBJECT unit/timescale_fixture.c)
target_link_libraries(timescale_fixture PRIVATE tallyd_test_support timescale_objects)
target_include_directories(timescale_fixture PUBLIC unit)

foreach(area IN ITEMS write query aggregate)
	add_executable(test_timescale_${area} unit/test_timescale_${area}.c)
	target_link_libraries(test_timescale_${area} PRIVATE tallyd_flags timescale_fixture
		timescale_objects tallyd_test_support tallyd_plugins_common m)
	add_test(NAME unit_timescale_${area}
		COMMAND ${PROJECT_SOURCE_DIR}/tests/support/pg.py $<TARGET_FILE:test_timescale_${area}>)
	set_tests_properties(unit_timescale_${area} PROPERTIES LABELS unit TIMEOUT 300)
endforeach()

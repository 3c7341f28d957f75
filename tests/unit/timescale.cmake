# The same tests on a PostgreSQL of their own and on TimescaleDB (see tests/support/pg.py).
add_library(timescale_fixture OBJECT unit/timescale_fixture.c)
target_link_libraries(timescale_fixture PRIVATE tallyd_test_support timescale_objects)
target_include_directories(timescale_fixture PUBLIC unit)
set(PG ${PROJECT_SOURCE_DIR}/tests/support/pg.py)

function(tallyd_timescale_test area)
	add_executable(test_timescale_${area} unit/test_timescale_${area}.c)
	target_link_libraries(test_timescale_${area} PRIVATE tallyd_flags timescale_fixture
		timescale_objects tallyd_test_support tallyd_plugins_common m)
	add_test(NAME unit_timescale_${area} COMMAND ${PG} $<TARGET_FILE:test_timescale_${area}>)
	set_tests_properties(unit_timescale_${area} PROPERTIES LABELS unit TIMEOUT 300)
endfunction()

foreach(area IN ITEMS write query aggregate upkeep)
	tallyd_timescale_test(${area})
	add_test(NAME unit_timescale_${area}_tsl
		COMMAND ${PG} --timescaledb $<TARGET_FILE:test_timescale_${area}>)
	# One after the other: each fetches the package if it is not there yet.
	set_tests_properties(unit_timescale_${area}_tsl PROPERTIES LABELS unit TIMEOUT 600
		RESOURCE_LOCK timescaledb_package)
endforeach()
tallyd_timescale_test(cut) # needs several connections at once

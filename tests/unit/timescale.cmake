# The same tests on a PostgreSQL of their own and on TimescaleDB (see tests/support/pg.py).
add_library(timescale_fixture OBJECT unit/timescale_fixture.c unit/store_fixture.c)
target_link_libraries(timescale_fixture PRIVATE tallyd_test_support timescale_objects)
target_include_directories(timescale_fixture PUBLIC unit)
# The database's clock and the machine's uptime as the fixture has them.
set(TIMESCALE_CLOCKS -Wl,--wrap=store_uptime_read -Wl,--wrap=server_time_read)
set(PG ${PROJECT_SOURCE_DIR}/tests/support/pg.py)

function(tallyd_timescale_test area source)
	add_executable(test_timescale_${area} unit/${source})
	target_link_libraries(test_timescale_${area} PRIVATE tallyd_flags timescale_fixture
		timescale_objects tallyd_test_support tallyd_plugins_common m ${TIMESCALE_CLOCKS})
	if(NOT ARGN STREQUAL "TSL")
		add_test(NAME unit_timescale_${area}
			COMMAND ${PG} ${ARGN} $<TARGET_FILE:test_timescale_${area}>)
		set_tests_properties(unit_timescale_${area} PROPERTIES LABELS unit TIMEOUT 300)
	endif()
endfunction()

function(tallyd_timescale_test_tsl area)
	add_test(NAME unit_timescale_${area}_tsl
		COMMAND ${PG} --timescaledb $<TARGET_FILE:test_timescale_${area}>)
	# One after the other: each fetches the package if it is not there yet.  So they start early (COST).
	set_tests_properties(unit_timescale_${area}_tsl PROPERTIES LABELS unit TIMEOUT 600 COST 350
		RESOURCE_LOCK timescaledb_package)
endfunction()

# What all stores have in common (see sqlite.cmake), then what only this one has.
foreach(area IN ITEMS write query aggregate late wrong_clock)
	tallyd_timescale_test(${area} test_store_${area}.c)
	tallyd_timescale_test_tsl(${area})
endforeach()
tallyd_timescale_test(text test_store_text.c --several) # too many lines for the WebAssembly one
foreach(area IN ITEMS database maintenance clock)
	tallyd_timescale_test(${area} test_timescale_${area}.c)
	tallyd_timescale_test_tsl(${area})
endforeach()
tallyd_timescale_test(partitions test_timescale_partitions.c --several)
tallyd_timescale_test(disconnect test_timescale_disconnect.c --several) # needs several connections at once

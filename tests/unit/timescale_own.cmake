# What only this store has.  Those first need several connections at once.
foreach(area IN ITEMS parallel series read)
	tallyd_timescale_test(${area} test_timescale_${area}.c --several)
endforeach()
tallyd_timescale_test(rows test_timescale_rows.c)
tallyd_timescale_test(rollup test_timescale_rollup.c)
foreach(area IN ITEMS job_order repair mode compress views status schema)
	tallyd_timescale_test(${area} test_timescale_${area}.c)
	tallyd_timescale_test_tsl(${area})
endforeach()
tallyd_timescale_test(continuous test_timescale_continuous.c TSL) # what only TimescaleDB has
tallyd_timescale_test_tsl(continuous)
add_test(NAME unit_timescale_maintenance_apache
	COMMAND ${PG} --apache $<TARGET_FILE:test_timescale_maintenance>)
set_tests_properties(unit_timescale_maintenance_apache PROPERTIES LABELS unit TIMEOUT 600 COST 350
	RESOURCE_LOCK timescaledb_package)
tallyd_unit_test(timescale_text_ranges SOURCES unit/test_timescale_text_ranges.c
	LIBRARIES timescale_objects m)

add_library(sqlite_fixture OBJECT unit/sqlite_fixture.c unit/store_fixture.c unit/flush_watch.c)
target_link_libraries(sqlite_fixture PRIVATE tallyd_test_support sqlite_objects)
target_include_directories(sqlite_fixture PUBLIC unit)

foreach(area IN ITEMS clock durable file place maintenance statements)
	tallyd_unit_test(sqlite_${area} SOURCES unit/test_sqlite_${area}.c
		LIBRARIES sqlite_fixture sqlite_objects m -Wl,--wrap=store_uptime_read)
endforeach()
# What all stores have in common (see timescale.cmake for the others).
foreach(area IN ITEMS write query aggregate text wrong_clock)
	tallyd_unit_test(sqlite_${area} SOURCES unit/test_store_${area}.c
		LIBRARIES sqlite_fixture sqlite_objects m -Wl,--wrap=store_uptime_read)
endforeach()

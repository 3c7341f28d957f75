add_library(sqlite_fixture OBJECT unit/sqlite_fixture.c unit/store_fixture.c unit/flush_watch.c)
target_link_libraries(sqlite_fixture PRIVATE tallyd_test_support sqlite_objects)
target_include_directories(sqlite_fixture PUBLIC unit)

foreach(area IN ITEMS clock durable file place maintenance packed statements)
	tallyd_unit_test(sqlite_${area} SOURCES unit/test_sqlite_${area}.c
		LIBRARIES sqlite_fixture sqlite_objects m -Wl,--wrap=store_uptime_read)
endforeach()
# What all stores have in common (see timescale.cmake for the others).
foreach(area IN ITEMS write query aggregate text wrong_clock late)
	tallyd_unit_test(sqlite_${area} SOURCES unit/test_store_${area}.c
		LIBRARIES sqlite_fixture sqlite_objects m -Wl,--wrap=store_uptime_read)
endforeach()
# With all rows packed that can be, they answer the same.
add_library(sqlite_packed_fixture OBJECT unit/sqlite_fixture.c unit/store_fixture.c unit/flush_watch.c)
target_link_libraries(sqlite_packed_fixture PRIVATE tallyd_test_support sqlite_objects)
target_include_directories(sqlite_packed_fixture PUBLIC unit)
target_compile_definitions(sqlite_packed_fixture PRIVATE PACK_AFTER=1)
foreach(area IN ITEMS aggregate wrong_clock late)
	tallyd_unit_test(sqlite_packed_${area} SOURCES unit/test_store_${area}.c
		LIBRARIES sqlite_packed_fixture sqlite_objects m -Wl,--wrap=store_uptime_read)
endforeach()
tallyd_unit_test(sqlite_chunk SOURCES unit/test_sqlite_chunk.c LIBRARIES sqlite_objects)

# Against a Redis of their own (see tests/support/redis.py), and against a server that plays one badly.
set(REDIS ${PROJECT_SOURCE_DIR}/tests/support/redis.py)
foreach(area IN ITEMS publish cache subscriber sentinel)
	add_executable(test_redis_${area} unit/test_redis_${area}.c unit/redis_fixture.c
		unit/redis_villain.c)
	target_link_libraries(test_redis_${area} PRIVATE tallyd_flags redis_objects
		tallyd_test_support tallyd_plugins_common)
	add_test(NAME unit_redis_${area} COMMAND ${REDIS} $<TARGET_FILE:test_redis_${area}>)
	set_tests_properties(unit_redis_${area} PROPERTIES LABELS unit TIMEOUT 120)
endforeach()
tallyd_unit_test(redis_faults SOURCES unit/test_redis_faults.c unit/redis_fixture.c
	unit/redis_villain.c LIBRARIES redis_objects)

foreach(area IN ITEMS journal sync faults damage retention full kill restore)
	tallyd_unit_test(spool_${area} SOURCES unit/test_spool_${area}.c unit/spool_fixture.c
		unit/pipeline_fixture.c unit/flush_watch.c LIBRARIES spool_objects)
endforeach()

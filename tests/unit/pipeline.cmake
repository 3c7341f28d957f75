tallyd_unit_test(journal SOURCES unit/test_journal.c unit/pipeline_fixture.c
	LIBRARIES batch_objects)
tallyd_unit_test(journal_full SOURCES unit/test_journal_full.c unit/pipeline_fixture.c
	LIBRARIES batch_objects)
tallyd_unit_test(router SOURCES unit/test_router.c unit/pipeline_fixture.c LIBRARIES batch_objects)
tallyd_unit_test(delivery SOURCES unit/test_delivery.c unit/pipeline_fixture.c
	LIBRARIES batch_objects)
tallyd_unit_test(metrics SOURCES unit/test_metrics.c)
tallyd_unit_test(scheduler SOURCES unit/test_scheduler.c)
tallyd_unit_test(positions SOURCES unit/test_positions.c)

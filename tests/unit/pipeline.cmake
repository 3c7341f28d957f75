tallyd_unit_test(batch_codec SOURCES unit/test_batch_codec.c)
tallyd_unit_test(metrics SOURCES unit/test_metrics.c)
tallyd_unit_test(scheduler SOURCES unit/test_scheduler.c)
tallyd_unit_test(positions SOURCES unit/test_positions.c)
tallyd_unit_test(state_dir SOURCES unit/test_state_dir.c)
tallyd_unit_test(buffer_calls SOURCES unit/test_buffer_calls.c)
tallyd_unit_test(buffer_batch SOURCES unit/test_buffer_batch.c LIBRARIES batch_objects)
tallyd_unit_test(journal SOURCES unit/test_journal.c unit/pipeline_fixture.c
	LIBRARIES batch_objects)
tallyd_unit_test(journal_full SOURCES unit/test_journal_full.c unit/pipeline_fixture.c
	LIBRARIES batch_objects)
tallyd_unit_test(journal_crowd SOURCES unit/test_journal_crowd.c unit/pipeline_fixture.c
	LIBRARIES batch_objects)
tallyd_unit_test(router SOURCES unit/test_router.c unit/pipeline_fixture.c LIBRARIES batch_objects)
tallyd_unit_test(delivery SOURCES unit/test_delivery.c unit/pipeline_fixture.c
	LIBRARIES batch_objects)

# Every allocation in turn fails, ours and those of the buffer.
tallyd_unit_test(pipeline_memory SOURCES unit/test_pipeline_memory.c LIBRARIES batch_objects)
target_link_options(test_pipeline_memory PRIVATE LINKER:--wrap=malloc LINKER:--wrap=calloc
	LINKER:--wrap=realloc LINKER:--wrap=reallocarray LINKER:--wrap=strdup)

# An input that emits what a test writes into a file, with the tables as their inputs declare them.
set(INPUTS ${PROJECT_SOURCE_DIR}/plugins/input)
set(COMMON ${PROJECT_SOURCE_DIR}/plugins/common)
add_library(test_plugin_replay MODULE ${PROJECT_SOURCE_DIR}/tests/integration/plugins/replay.c
	${INPUTS}/alert/alert_table.c ${INPUTS}/effects/effects_table.c
	${INPUTS}/docker_status/events_table.c ${COMMON}/logs/logs_table.c
	${COMMON}/patterns/patterns_table.c ${INPUTS}/docker_images/image_tables.c)
target_include_directories(test_plugin_replay PRIVATE ${INPUTS} ${COMMON})
target_link_libraries(test_plugin_replay PRIVATE tallyd_flags tallyd_plugins_common)
target_link_options(test_plugin_replay PRIVATE -Wl,-z,now)
set_target_properties(test_plugin_replay PROPERTIES PREFIX "" OUTPUT_NAME replay
	LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/plugins)
tallyd_integration_test(api_stores BESIDE TIMEOUT 1200)
# As those in unit/timescale.cmake.
set_tests_properties(integration_api_stores PROPERTIES RESOURCE_LOCK timescaledb_package)
tallyd_integration_test(crowded_lists BESIDE)
tallyd_integration_test(moving BESIDE)
tallyd_integration_test(backup BESIDE)
tallyd_integration_test(prometheus BESIDE)
tallyd_integration_test(docs BESIDE)
tallyd_integration_test(split BESIDE LABELS story)
tallyd_integration_test(snippets BESIDE)

tallyd_unit_test(json_writer SOURCES unit/test_json_writer.c)
tallyd_unit_test(result_set SOURCES unit/test_result_set.c LIBRARIES http_api_objects)
tallyd_unit_test(http_message SOURCES unit/test_http_message.c LIBRARIES http_api_objects)
tallyd_unit_test(http_pattern SOURCES unit/test_http_pattern.c LIBRARIES http_api_objects)
tallyd_unit_test(http_effect SOURCES unit/test_http_effect.c LIBRARIES http_api_objects)
tallyd_unit_test(http_effect_patterns SOURCES unit/test_http_effect_patterns.c unit/http_fixture.c
	LIBRARIES http_api_objects)
foreach(area IN ITEMS containers readings table_rows daemon)
	tallyd_unit_test(http_${area} SOURCES unit/test_http_${area}.c unit/http_resources.c
		unit/http_fixture.c LIBRARIES http_api_objects)
endforeach()
tallyd_unit_test(http_container_lookup SOURCES unit/test_http_container_lookup.c
	unit/http_fixture.c LIBRARIES http_api_objects)
tallyd_unit_test(http_catalog_cache SOURCES unit/test_http_catalog_cache.c
	LIBRARIES http_api_objects)
tallyd_unit_test(http_series SOURCES unit/test_http_series.c unit/http_fixture.c
	LIBRARIES http_api_objects)
tallyd_unit_test(http_zones SOURCES unit/test_http_zones.c unit/http_fixture.c
	LIBRARIES http_api_objects)
tallyd_unit_test(http_groups SOURCES unit/test_http_groups.c unit/http_fixture.c
	LIBRARIES http_api_objects)
tallyd_unit_test(http_wire SOURCES unit/test_http_wire.c unit/http_fixture.c
	LIBRARIES http_api_objects)
tallyd_unit_test(http_connections SOURCES unit/test_http_connections.c unit/http_fixture.c
	LIBRARIES http_api_objects)
# The tables as their inputs declare them.
set(INPUTS ${PROJECT_SOURCE_DIR}/plugins/input)
tallyd_unit_test(http_lists SOURCES unit/test_http_lists.c unit/http_fixture.c
	${INPUTS}/docker_status/events_table.c
	LIBRARIES http_api_objects)
target_include_directories(test_http_lists PRIVATE ${INPUTS})
tallyd_unit_test(http_changes SOURCES unit/test_http_changes.c unit/http_fixture.c
	${INPUTS}/effects/effects_table.c LIBRARIES http_api_objects)
target_include_directories(test_http_changes PRIVATE ${INPUTS})
tallyd_unit_test(http_alerts SOURCES unit/test_http_alerts.c unit/http_fixture.c
	${INPUTS}/alert/alert_table.c LIBRARIES http_api_objects)
target_include_directories(test_http_alerts PRIVATE ${INPUTS})
tallyd_unit_test(http_images SOURCES unit/test_http_images.c unit/http_fixture.c
	${INPUTS}/docker_images/image_tables.c LIBRARIES http_api_objects)
target_include_directories(test_http_images PRIVATE ${INPUTS})
tallyd_unit_test(http_openapi SOURCES unit/test_http_openapi.c unit/http_schema.c
	unit/http_fixture.c ${INPUTS}/alert/alert_table.c
	${INPUTS}/docker_status/events_table.c ${INPUTS}/docker_images/image_tables.c
	LIBRARIES http_api_objects)
target_include_directories(test_http_openapi PRIVATE ${INPUTS})
tallyd_unit_test(http_cache SOURCES unit/test_http_cache.c unit/http_fixture.c
	LIBRARIES http_api_objects)
tallyd_unit_test(http_prebuilt_headers SOURCES unit/test_http_prebuilt_headers.c unit/http_fixture.c
	LIBRARIES http_api_objects)
tallyd_unit_test(http_auth SOURCES unit/test_http_auth.c unit/http_fixture.c
	LIBRARIES http_api_objects)
tallyd_unit_test(http_sign_in SOURCES unit/test_http_sign_in.c unit/http_fixture.c
	LIBRARIES http_api_objects)
tallyd_unit_test(http_auth_throttle SOURCES unit/test_http_auth_throttle.c
	LIBRARIES http_api_objects)
foreach(area IN ITEMS live live_history live_resume live_sources live_subscribe live_old)
	tallyd_unit_test(http_${area} SOURCES unit/test_http_${area}.c unit/sse_fixture.c
		unit/http_fixture.c
		${INPUTS}/docker_status/events_table.c LIBRARIES http_api_objects)
	target_include_directories(test_http_${area} PRIVATE ${INPUTS})
endforeach()
tallyd_unit_test(http_cors SOURCES unit/test_http_cors.c unit/http_fixture.c
	LIBRARIES http_api_objects)
tallyd_unit_test(http_tls SOURCES unit/test_http_tls.c unit/http_fixture.c
	LIBRARIES http_api_objects PkgConfig::GNUTLS)

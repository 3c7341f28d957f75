# The commands that show the configuration, label config: each case runs the binary on a
# configuration and compares all it says.
if(TARGET tallyd)
	file(GLOB CONFIG_CASES CONFIGURE_DEPENDS config/cases/*.sh)
	set(TALLYD_TEST_PLUGIN_DIR ${CMAKE_BINARY_DIR}/tests/plugins) # as in unit/config.cmake
	foreach(case IN LISTS CONFIG_CASES)
		get_filename_component(name ${case} NAME_WE)
		add_test(NAME config_${name} COMMAND ${PROJECT_SOURCE_DIR}/tests/config/run.sh ${case}
			$<TARGET_FILE:tallyd> ${TALLYD_TEST_PLUGIN_DIR})
		set_tests_properties(config_${name} PROPERTIES LABELS config TIMEOUT 60)
	endforeach()

	# docs/configuration.md and conf.d/ are held against the plugins of this build.
	add_test(NAME config_reference COMMAND ${PROJECT_SOURCE_DIR}/tests/config/reference.sh
		$<TARGET_FILE:tallyd> ${TALLYD_BUILT_PLUGIN_DIR} ${PROJECT_SOURCE_DIR})
	add_test(NAME config_shipped COMMAND ${PROJECT_SOURCE_DIR}/tests/config/shipped.sh
		$<TARGET_FILE:tallyd> ${TALLYD_BUILT_PLUGIN_DIR} ${PROJECT_SOURCE_DIR})
	add_executable(engine_requests config/engine_requests.c)
	target_link_libraries(engine_requests PRIVATE tallyd_plugins_common)
	add_test(NAME config_requests COMMAND ${PROJECT_SOURCE_DIR}/tests/config/requests.sh
		$<TARGET_FILE:engine_requests> ${PROJECT_SOURCE_DIR})
	if(TARGET http_api_openapi)
		add_test(NAME config_endpoints COMMAND ${PROJECT_SOURCE_DIR}/tests/config/endpoints.sh
			$<TARGET_FILE:http_api_openapi> ${PROJECT_SOURCE_DIR})
		set_tests_properties(config_endpoints PROPERTIES LABELS config TIMEOUT 60)
	endif()
	add_test(NAME config_languages COMMAND ${PROJECT_SOURCE_DIR}/tests/config/languages.sh
		$<TARGET_FILE:tallyd> ${PROJECT_SOURCE_DIR})
	set_tests_properties(config_reference config_shipped config_requests config_languages
		PROPERTIES LABELS config TIMEOUT 60)
endif()

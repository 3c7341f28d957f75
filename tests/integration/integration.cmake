# Against a real Docker Engine and the daemon as built here; label integration.  One pytest run a
# file, each with an engine of its own.
#
# ALONE: nothing else runs, since it compares figures or times, or looks at all engines of the machine.
# BESIDE: has no engine.  Neither: has an engine, and one engine at a time is enough for two cores.  Those
# that need not be alone take minutes together, so they start first (COST); unit tests run beside them.
function(tallyd_integration_test name)
	cmake_parse_arguments(TEST "BESIDE;ALONE" "TIMEOUT" "LABELS;ENVIRONMENT" ${ARGN})
	if(NOT TEST_TIMEOUT)
		set(TEST_TIMEOUT 300)
	endif()
	add_test(NAME integration_${name} COMMAND /usr/bin/python3 -m pytest -q -p no:cacheprovider
		${PROJECT_SOURCE_DIR}/tests/integration/test_${name}.py)
	set_tests_properties(integration_${name} PROPERTIES LABELS "integration;${TEST_LABELS}"
		TIMEOUT ${TEST_TIMEOUT}
		ENVIRONMENT "TALLYD_BUILD_DIR=${PROJECT_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1;${TEST_ENVIRONMENT}")
	if(TEST_ALONE)
		set_tests_properties(integration_${name} PROPERTIES RUN_SERIAL ON)
	elseif(TEST_BESIDE)
		set_tests_properties(integration_${name} PROPERTIES COST 300)
	else()
		set_tests_properties(integration_${name} PROPERTIES COST 400 RESOURCE_LOCK docker_engine)
	endif()
endfunction()

tallyd_integration_test(daemon LABELS story)
tallyd_integration_test(collect ALONE)
tallyd_integration_test(install)
tallyd_integration_test(sdk BESIDE)
tallyd_integration_test(cli BESIDE)
tallyd_integration_test(container)
tallyd_integration_test(package TIMEOUT 900)
tallyd_integration_test(fleet ALONE)
tallyd_integration_test(status ALONE)
tallyd_integration_test(changes)
tallyd_integration_test(images)
tallyd_integration_test(alert_rules BESIDE)
tallyd_integration_test(notify BESIDE)
tallyd_integration_test(self BESIDE)
tallyd_integration_test(effects BESIDE)

# Plugins that break the rules, for `tallyd plugins test`.  Made as others make theirs: without
# sanitizers.
foreach(name bad bad_run)
	add_library(test_plugin_${name} MODULE ${PROJECT_SOURCE_DIR}/tests/integration/plugins/bad.c)
	target_compile_definitions(test_plugin_${name} PRIVATE _GNU_SOURCE "BAD_NAME=\"${name}\"")
	target_compile_options(test_plugin_${name} PRIVATE -Wall -Wextra)
	target_include_directories(test_plugin_${name} PRIVATE ${PROJECT_SOURCE_DIR}/include)
	target_link_libraries(test_plugin_${name} PRIVATE Threads::Threads)
	set_target_properties(test_plugin_${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name}
		LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/plugins/bad)
endforeach()
target_compile_definitions(test_plugin_bad_run PRIVATE BAD_RUN)
tallyd_integration_test(conformance BESIDE)

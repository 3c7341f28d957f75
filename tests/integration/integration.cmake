# Against a real Docker Engine and the daemon as built here; label integration.  One pytest run a
# file, each with an engine of its own; one at a time, since some of them measure.  BESIDE: this one
# does not, and has no engine, so it may run beside others.
function(tallyd_integration_test name)
	cmake_parse_arguments(TEST "BESIDE" "TIMEOUT" "LABELS;ENVIRONMENT" ${ARGN})
	if(NOT TEST_TIMEOUT)
		set(TEST_TIMEOUT 300)
	endif()
	add_test(NAME integration_${name} COMMAND /usr/bin/python3 -m pytest -q -p no:cacheprovider
		${PROJECT_SOURCE_DIR}/tests/integration/test_${name}.py)
	set(serial ON)
	if(TEST_BESIDE)
		set(serial OFF)
	endif()
	set_tests_properties(integration_${name} PROPERTIES LABELS "integration;${TEST_LABELS}"
		RUN_SERIAL ${serial} TIMEOUT ${TEST_TIMEOUT}
		ENVIRONMENT "TALLYD_BUILD_DIR=${PROJECT_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1;${TEST_ENVIRONMENT}")
endfunction()

tallyd_integration_test(daemon LABELS story)
tallyd_integration_test(collect)
tallyd_integration_test(install)
tallyd_integration_test(fleet)
tallyd_integration_test(status)
tallyd_integration_test(images)

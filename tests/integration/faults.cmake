# The fault suite, one pytest run a file: tests/integration/faults/test_NAME.py is faults_NAME.  Not
# one at a time, since nothing here is measured.
function(tallyd_fault_test name)
	add_test(NAME faults_${name} COMMAND /usr/bin/python3 -m pytest -q -p no:cacheprovider
		${PROJECT_SOURCE_DIR}/tests/integration/faults/test_${name}.py)
	set_tests_properties(faults_${name} PROPERTIES LABELS "integration;${ARGN}" TIMEOUT 300
		ENVIRONMENT "TALLYD_BUILD_DIR=${PROJECT_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1")
endfunction()

tallyd_fault_test(engine)
tallyd_fault_test(lies_and_disks)
tallyd_fault_test(kill)
tallyd_fault_test(database)

# The fault suite, one pytest run a file: tests/integration/faults/test_NAME.py is faults_NAME.  Not
# one at a time, since nothing here is measured.
function(tallyd_fault_test name)
	add_test(NAME faults_${name} COMMAND /usr/bin/python3 -m pytest -q -p no:cacheprovider
		${PROJECT_SOURCE_DIR}/tests/integration/faults/test_${name}.py)
	set_tests_properties(faults_${name} PROPERTIES LABELS "integration;${ARGN}" TIMEOUT 300 COST 200
		ENVIRONMENT "TALLYD_BUILD_DIR=${PROJECT_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1")
endfunction()

tallyd_fault_test(engine)
tallyd_fault_test(garbage_and_disks)
tallyd_fault_test(kill)
tallyd_fault_test(power_cut)
tallyd_fault_test(missing_files)
tallyd_fault_test(database)
tallyd_fault_test(machine)
tallyd_fault_test(clock)
tallyd_fault_test(reload)
tallyd_fault_test(restored)
tallyd_fault_test(plugins)
tallyd_fault_test(third_party)
tallyd_fault_test(check)
tallyd_fault_test(blocked)

# Preloaded, so not built with sanitizers.
foreach(shim IN ITEMS clock disk network)
	add_library(test_${shim}_shim MODULE
		${PROJECT_SOURCE_DIR}/tests/integration/faults/${shim}_shim.c)
	target_compile_definitions(test_${shim}_shim PRIVATE _GNU_SOURCE)
	target_compile_options(test_${shim}_shim PRIVATE -Wall -Wextra)
	target_link_libraries(test_${shim}_shim PRIVATE ${CMAKE_DL_LIBS} Threads::Threads)
	set_target_properties(test_${shim}_shim PROPERTIES PREFIX "" OUTPUT_NAME ${shim}_shim
		C_VISIBILITY_PRESET default LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/plugins)
endforeach()

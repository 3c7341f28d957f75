# The plugins that others copy, tested as others do: with the library that is installed for that.
foreach(name machine_load csv_file)
	add_executable(test_example_${name} unit/test_example_${name}.c
		${PROJECT_SOURCE_DIR}/examples/plugin/${name}.c)
	target_include_directories(test_example_${name} PRIVATE unit)
	target_link_libraries(test_example_${name} PRIVATE tallyd_flags tallyd_testing
		PkgConfig::CMOCKA)
	add_test(NAME unit_example_${name} COMMAND test_example_${name})
	set_tests_properties(unit_example_${name} PROPERTIES LABELS unit TIMEOUT 120)
endforeach()

# The plugins that others copy.
foreach(name machine_load csv_file)
	tallyd_unit_test(example_${name} SOURCES unit/test_example_${name}.c
		${PROJECT_SOURCE_DIR}/examples/plugin/${name}.c)
endforeach()

# Plugins that do as a test tells them, in <build>/tests/plugins, where a daemon under test finds them.
foreach(name counter misfit recorder)
	add_library(test_plugin_${name} MODULE ${PROJECT_SOURCE_DIR}/tests/integration/plugins/${name}.c)
	target_link_libraries(test_plugin_${name} PRIVATE tallyd_flags)
	target_link_options(test_plugin_${name} PRIVATE -Wl,-z,now)
	set_target_properties(test_plugin_${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name}
		LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/plugins)
endforeach()
tallyd_integration_test(runtime LABELS story)
tallyd_integration_test(reloading BESIDE LABELS story)
tallyd_integration_test(alerts BESIDE)

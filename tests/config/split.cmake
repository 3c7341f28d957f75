# The examples of worker and API apart are configurations that would start.
if(TARGET tallyd)
	foreach(role worker api)
		add_test(NAME config_split_${role} COMMAND $<TARGET_FILE:tallyd>
			-p ${TALLYD_BUILT_PLUGIN_DIR}
			-c ${PROJECT_SOURCE_DIR}/examples/split/${role}/conf.d check)
		set_tests_properties(config_split_${role} PROPERTIES LABELS config TIMEOUT 60)
	endforeach()
endif()

tallyd_unit_test(log_level SOURCES unit/test_log_level.c LIBRARIES docker_logs_objects)
tallyd_unit_test(log_record SOURCES unit/test_log_record.c LIBRARIES docker_logs_objects)
tallyd_unit_test(docker_logs_source SOURCES unit/test_docker_logs_source.c unit/docker_fixture.c
	LIBRARIES docker_logs_objects)
tallyd_unit_test(docker_logs_parse SOURCES unit/test_docker_logs_parse.c
	LIBRARIES docker_logs_objects)
tallyd_unit_test(docker_logs_resume SOURCES unit/test_docker_logs_resume.c
	LIBRARIES docker_logs_objects)
tallyd_unit_test(docker_logs_file SOURCES unit/test_docker_logs_file.c
	LIBRARIES docker_logs_objects)
tallyd_unit_test(docker_logs_message SOURCES unit/test_docker_logs_message.c
	LIBRARIES docker_logs_objects)
tallyd_unit_test(docker_logs SOURCES unit/test_docker_logs.c unit/docker_fixture.c
	LIBRARIES docker_logs_objects)
tallyd_unit_test(docker_logs_states SOURCES unit/test_docker_logs_states.c
	LIBRARIES docker_logs_objects)
tallyd_unit_test(patterns SOURCES unit/test_patterns.c LIBRARIES docker_logs_objects)
tallyd_unit_test(cri_name SOURCES unit/test_cri_name.c LIBRARIES cri_logs_objects)
tallyd_unit_test(cri_follow SOURCES unit/test_cri_follow.c LIBRARIES cri_logs_objects)
tallyd_unit_test(markers SOURCES unit/test_markers.c LIBRARIES markers_objects)

tallyd_unit_test(docker_json SOURCES unit/test_docker_json.c)
tallyd_unit_test(json_trim SOURCES unit/test_json_trim.c)
tallyd_unit_test(docker_list SOURCES unit/test_docker_list.c)
tallyd_unit_test(docker_client SOURCES unit/test_docker_client.c)
tallyd_unit_test(docker_stats SOURCES unit/test_docker_stats.c unit/docker_fixture.c
	LIBRARIES docker_stats_objects)
tallyd_unit_test(docker_stats_poll SOURCES unit/test_docker_stats_poll.c unit/docker_fixture.c
	LIBRARIES docker_stats_objects)
tallyd_unit_test(docker_status SOURCES unit/test_docker_status.c unit/docker_fixture.c
	LIBRARIES docker_status_objects)
tallyd_unit_test(docker_events SOURCES unit/test_docker_events.c unit/docker_fixture.c
	LIBRARIES docker_status_objects)
tallyd_unit_test(docker_follow SOURCES unit/test_docker_follow.c unit/docker_fixture.c
	LIBRARIES docker_status_objects)
tallyd_unit_test(docker_images SOURCES unit/test_docker_images.c unit/docker_fixture.c
	LIBRARIES docker_images_objects)
tallyd_unit_test(image_registry SOURCES unit/test_image_registry.c LIBRARIES docker_images_objects)
tallyd_unit_test(health_output SOURCES unit/test_health_output.c LIBRARIES docker_status_objects)

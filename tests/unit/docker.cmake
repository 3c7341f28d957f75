tallyd_unit_test(docker_stats SOURCES unit/test_docker_stats.c unit/docker_fixture.c
	LIBRARIES docker_stats_objects)

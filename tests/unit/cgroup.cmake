tallyd_unit_test(docker_cgroup SOURCES unit/test_docker_cgroup.c unit/docker_fixture.c
	LIBRARIES docker_stats_objects)

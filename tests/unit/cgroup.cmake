tallyd_unit_test(cgroup_text SOURCES unit/test_cgroup_text.c LIBRARIES docker_stats_objects)
tallyd_unit_test(cgroup_walk SOURCES unit/test_cgroup_walk.c LIBRARIES cgroup_stats_objects)
tallyd_unit_test(cgroup_tree SOURCES unit/test_cgroup_tree.c unit/docker_fixture.c
	LIBRARIES docker_stats_objects)
tallyd_unit_test(docker_cgroup SOURCES unit/test_docker_cgroup.c unit/docker_fixture.c
	LIBRARIES docker_stats_objects)

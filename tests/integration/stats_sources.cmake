tallyd_integration_test(cgroup TIMEOUT 600)

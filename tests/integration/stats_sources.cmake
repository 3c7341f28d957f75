tallyd_integration_test(cgroup ALONE TIMEOUT 600)

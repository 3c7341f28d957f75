tallyd_integration_test(logs TIMEOUT 600)
tallyd_integration_test(cri_logs)

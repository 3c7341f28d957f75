tallyd_integration_test(logs TIMEOUT 600)

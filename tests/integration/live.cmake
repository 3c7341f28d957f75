tallyd_integration_test(live TIMEOUT 300)

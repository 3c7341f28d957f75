tallyd_integration_test(live LABELS story TIMEOUT 300)

tallyd_integration_test(live LABELS story TIMEOUT 300)
tallyd_integration_test(logs_command BESIDE)
tallyd_integration_test(top BESIDE)
tallyd_integration_test(diff_command BESIDE)

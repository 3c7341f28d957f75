tallyd_integration_test(http_limits LABELS story)
tallyd_integration_test(http_lists LABELS story)
tallyd_integration_test(http_clients BESIDE LABELS story)
tallyd_integration_test(dashboard TIMEOUT 600)

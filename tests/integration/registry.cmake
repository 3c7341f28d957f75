tallyd_integration_test(registry LABELS story)

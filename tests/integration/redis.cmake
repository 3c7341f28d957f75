tallyd_integration_test(redis LABELS story)

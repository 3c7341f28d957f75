tallyd_integration_test(redis BESIDE LABELS story)
tallyd_integration_test(live_split BESIDE)

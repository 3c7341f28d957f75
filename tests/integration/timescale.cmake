tallyd_integration_test(timescale LABELS story)

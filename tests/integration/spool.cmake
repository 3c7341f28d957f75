tallyd_integration_test(spool BESIDE LABELS story)

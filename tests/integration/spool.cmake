tallyd_integration_test(spool LABELS story)

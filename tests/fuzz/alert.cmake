tallyd_fuzz_target(alert_rule SOURCES fuzz/fuzz_alert_rule.c LIBRARIES alert_objects)

tallyd_unit_test(alert_language SOURCES unit/test_alert_language.c unit/alert_fixture.c
	LIBRARIES alert_objects)
tallyd_unit_test(alert_engine SOURCES unit/test_alert_engine.c unit/alert_fixture.c
	LIBRARIES alert_objects)
tallyd_unit_test(alert SOURCES unit/test_alert.c unit/alert_fixture.c LIBRARIES alert_objects)

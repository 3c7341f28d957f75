tallyd_unit_test(http_forget SOURCES unit/test_http_forget.c LIBRARIES http_api_objects)
tallyd_unit_test(http_levels SOURCES unit/test_http_levels.c unit/http_fixture.c
	LIBRARIES http_api_objects)
tallyd_unit_test(http_seal SOURCES unit/test_http_seal.c LIBRARIES http_api_objects)
tallyd_unit_test(http_desk SOURCES unit/test_http_desk.c unit/http_fixture.c
	LIBRARIES http_api_objects)

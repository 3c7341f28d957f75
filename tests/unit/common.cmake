tallyd_unit_test(rfc3339 SOURCES unit/test_rfc3339.c)
tallyd_unit_test(batch SOURCES unit/test_batch.c)
tallyd_unit_test(store_rounds SOURCES unit/test_store_rounds.c)
tallyd_unit_test(pg_conninfo SOURCES unit/test_pg_conninfo.c LIBRARIES PkgConfig::LIBPQ)

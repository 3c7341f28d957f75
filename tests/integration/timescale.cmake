tallyd_integration_test(timescale BESIDE LABELS story)
tallyd_integration_test(timescale_replica BESIDE)
tallyd_integration_test(timescale_plans BESIDE)
# Only a TimescaleDB beside Debian's PostgreSQL can come and go.
file(GLOB timescaledb /usr/share/postgresql/*/extension/timescaledb.control)
if(timescaledb)
	tallyd_integration_test(timescale_modes BESIDE)
endif()

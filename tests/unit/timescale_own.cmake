# What only this store has, and needs a server with several connections.
foreach(area IN ITEMS lanes series)
	tallyd_timescale_test(${area} test_timescale_${area}.c)
endforeach()

/* Two files of the kernel's; where there is no /proc, the clock that goes on while suspended. */
#include "store/store_uptime.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"

void store_uptime_read(struct store_uptime *ret)
{
	/* "12345.67 …": the kernel's own, which nothing that lies about clocks to a program
	 * touches. */
	auto_fclose FILE *file = fopen("/proc/uptime", "re");
	double seconds;
	bool known = file && fscanf(file, "%lf", &seconds) == 1;
	*ret = (struct store_uptime){.ns = known ? (int64_t)(seconds * 1e9)
						 : clock_ns(CLOCK_BOOTTIME)};
	boot_id(ret->boot);
}

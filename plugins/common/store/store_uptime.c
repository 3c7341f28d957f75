/* Two files of the kernel's; where there is no /proc, the clock that goes on while suspended. */
#include "store/store_uptime.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

static ssize_t uptime_read_file(const char *path, char *ret, size_t size)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, ret, size - 1);
	ret[n < 0 ? 0 : n] = '\0';
	return n;
}

void store_uptime_read(struct store_uptime *ret)
{
	/* "12345.67 …": the kernel's own, which nothing that lies about clocks to a program
	 * touches. */
	char text[64], *end = text;
	double seconds =
		uptime_read_file("/proc/uptime", text, sizeof(text)) > 0 ? strtod(text, &end) : 0;
	*ret = (struct store_uptime){.ns = end > text ? (int64_t)(seconds * 1e9)
						      : clock_ns(CLOCK_BOOTTIME)};
	if (uptime_read_file("/proc/sys/kernel/random/boot_id", ret->boot, sizeof(ret->boot)) > 0)
		ret->boot[strcspn(ret->boot, "\n")] = '\0';
}

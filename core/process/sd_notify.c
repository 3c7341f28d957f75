/*
 * The protocol of sd_notify(3), written out: it is a datagram of lines, and libsystemd would be a
 * dependency for that alone.  Called by the main thread when the daemon's state changes and from
 * its housekeeping.  The socket does not block: a service manager that does not read must not stop
 * the daemon.  Callers ignore failures for the same reason.
 */
#include "process/sd_notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cleanup.h"

/* "@name" is the abstract namespace: a leading NUL, and the length says where it ends. */
static int sd_notify_address(const char *path, struct sockaddr_un *ret, socklen_t *ret_len)
{
	size_t len = strlen(path);
	if ((*path != '/' && *path != '@') || len < 2 || len >= sizeof(ret->sun_path))
		return -EINVAL;
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(ret->sun_path, path, len);
	if (*path == '@')
		ret->sun_path[0] = '\0';
	*ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	return 0;
}

/* A datagram is sent whole or not at all, so nothing is left to be sent later. */
int sd_notify_send(const char *fmt, ...)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address;
	socklen_t len;
	char text[512];
	va_list ap;
	if (!path || !*path)
		return 0;
	int r = sd_notify_address(path, &address, &len);
	if (r < 0)
		return r;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	ssize_t sent =
		sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address, len);
	return sent < 0 ? -errno : 0;
}

int sd_notify_reloading(void)
{
	return sd_notify_send("RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_monotonic() / 1000);
}

/* Half of what is allowed, as sd_watchdog_enabled(3) recommends; WATCHDOG_PID tells whether it
 * is meant for this process or for a parent of it. */
int64_t sd_notify_watchdog_interval(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	if (!usec || (pid && strtoll(pid, NULL, 10) != getpid()))
		return 0;
	int64_t us = strtoll(usec, NULL, 10);
	return us > 0 && us < INT64_MAX / 1000 ? us * 1000 / 2 : 0;
}

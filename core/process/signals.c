/*
 * A signalfd(2) instead of handlers: the main thread reads signals where it waits anyway, and no
 * code runs between two instructions of something else.  It works only while every thread has
 * them blocked, which is why main.c blocks them before any library can make a thread, and why
 * isolate.c and reload_check.c can ask for a pending one (signals_stop_pending()) without
 * consuming it.
 */
#include "process/signals.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"

static void signals_ours(sigset_t *ret)
{
	sigemptyset(ret);
	sigaddset(ret, SIGTERM);
	sigaddset(ret, SIGINT);
	sigaddset(ret, SIGHUP);
	sigaddset(ret, SIGUSR1);
}

void signals_unblock(void)
{
	sigset_t set;
	signals_ours(&set);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

bool signals_stop_pending(void)
{
	sigset_t pending;
	return sigpending(&pending) == 0 &&
	       (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1);
}

/* SIGPIPE is ignored, as every write to a closed connection reports EPIPE where it can be
 * handled. */
int signals_open(struct error *error)
{
	sigset_t set;
	signal(SIGPIPE, SIG_IGN);
	signals_ours(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return error_set(error, errno, "signalfd: %s", strerror(errno));
	return fd;
}

/* A deadline in the past still reads a signal that is pending: a busy loop must not starve
 * SIGTERM. */
int signals_wait(int fd, int other, int64_t deadline)
{
	struct pollfd readable[] = {{.fd = fd, .events = POLLIN}, {.fd = other, .events = POLLIN}};
	struct signalfd_siginfo info;
	int64_t left = deadline - clock_monotonic();
	struct timespec timeout = clock_timespec(left > 0 ? left : 0);
	if (ppoll(readable, 2, &timeout, NULL) <= 0)
		return 0;
	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	return (int)info.ssi_signo;
}

/*
 * The child goes through the steps and sends a record after each; the parent waits for the next one
 * until its deadline.  If the child is gone, or has to be killed, the step that it was at is at
 * fault, and another child goes on with the one behind it.
 */
#include "plugin/isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/crash.h"
#include "process/signals.h"
#include "base/clock.h"

/* A step that takes longer counts as hanging; and how often the parent looks for a SIGTERM, so that
 * a reload which hangs can still be ended. */
static const int64_t isolate_timeout = 10 * CLOCK_SECOND; /* of one step */
static const int64_t isolate_turn = CLOCK_SECOND / 10;

struct isolate_record {
	int r;
	char text[sizeof(((struct error *)NULL)->text)];
};

/* ---- The child ---- */

static void isolate_child(const struct isolate *what, size_t from, int fd)
{
	crash_in_child();
	/* If the parent is killed, nobody is left to end a step that hangs. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t i = from; i < what->n; i++) {
		struct isolate_record record = {0};
		struct error error = {0};
		record.r = what->step(what->arg, i, &error);
		memcpy(record.text, error.text, sizeof(record.text));
		/* A pipe takes that much at once. */
		ssize_t n;
		do
			n = write(fd, &record, sizeof(record));
		while (n < 0 && errno == EINTR);
	}
	_exit(0);
}

/* ---- The parent ---- */

/* 1: a record; 0: the child is gone; -ETIMEDOUT, -ECANCELED. */
static int isolate_receive(int fd, struct isolate_record *ret)
{
	int64_t deadline = clock_monotonic() + isolate_timeout;
	const struct timespec turn = clock_timespec(isolate_turn);
	struct pollfd readable = {.fd = fd, .events = POLLIN};
	while (clock_monotonic() < deadline) {
		if (signals_stop_pending())
			return -ECANCELED;
		if (ppoll(&readable, 1, &turn, NULL) > 0)
			return read(fd, ret, sizeof(*ret)) == sizeof(*ret);
	}
	return -ETIMEDOUT;
}

/* Reads what one child has to say.  Returns 0, or -ECANCELED. */
static int isolate_parent(const struct isolate *what, size_t *i, pid_t child, int fd)
{
	struct isolate_record record;
	char why[128];
	int status = 0, r = 1;
	while (*i < what->n && (r = isolate_receive(fd, &record)) > 0) {
		if (record.r < 0)
			what->failed(what->arg, *i, record.text, false);
		++*i;
	}
	if (r < 0)
		kill(child, SIGKILL);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (r == -ECANCELED)
		return r;
	if (*i < what->n) {
		size_t size = sizeof(why);
		if (r == -ETIMEDOUT)
			snprintf(why, size, "did not return within %d s",
				 (int)(isolate_timeout / CLOCK_SECOND));
		else if (WIFSIGNALED(status))
			snprintf(why, size, "crashed: %s", strsignal(WTERMSIG(status)));
		else
			snprintf(why, size, "ended the process, exit code %d", WEXITSTATUS(status));
		what->failed(what->arg, *i, why, true);
		++*i;
	}
	return 0;
}

int isolate_run(const struct isolate *what)
{
	int r = 0;
	for (size_t i = 0; i < what->n && r == 0;) {
		int fds[2];
		fflush(NULL); /* or the child would write it, too */
		if (pipe2(fds, O_CLOEXEC) < 0)
			return -errno;
		pid_t child = fork();
		if (child == 0) {
			close(fds[0]);
			isolate_child(what, i, fds[1]);
		}
		int error = errno;
		close(fds[1]);
		r = child < 0 ? -error : isolate_parent(what, &i, child, fds[0]);
		close(fds[0]);
	}
	return r;
}

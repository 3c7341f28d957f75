/*
 * fork() and then only calls that are safe in the child of a process with threads.  posix_spawn()
 * can neither set the signal for the parent's death nor close all descriptors.  What fails in the
 * child comes back through a pipe that a successful execve() closes.
 */
#include "exec/exec_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

enum spawn_step { SPAWN_GROUP, SPAWN_DIRECTORY, SPAWN_DESCRIPTORS, SPAWN_EXEC };
static const char *const spawn_steps[] = {"setpgid", "directory", "descriptors", "command"};

struct spawn_failure {
	int step, error;
};

/* Ignored signals would stay ignored, and so would the thread's mask. */
static void spawn_reset_signals(void)
{
	sigset_t none;
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The descriptors that the caller gave are above 2. */
static int spawn_set_descriptors(const struct exec_spawn *spawn, int report)
{
	if (dup2(spawn->in, 0) < 0 || dup2(spawn->out, 1) < 0 || dup2(spawn->err, 2) < 0 ||
	    dup2(report, 3) < 0 || fcntl(3, F_SETFD, FD_CLOEXEC) < 0)
		return -1;
	return close_range(4, ~0U, 0);
}

/* Returns the step that failed. */
static enum spawn_step spawn_become(const struct exec_spawn *spawn, int *report, pid_t parent)
{
	if (setpgid(0, 0) < 0)
		return SPAWN_GROUP;
	spawn_reset_signals();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127); /* it died before we asked */
	if (spawn_set_descriptors(spawn, *report) < 0)
		return SPAWN_DESCRIPTORS;
	*report = 3;
	if (chdir(spawn->directory) < 0)
		return SPAWN_DIRECTORY;
	execve(spawn->argv[0], spawn->argv, spawn->environment);
	return SPAWN_EXEC;
}

_Noreturn static void spawn_child(const struct exec_spawn *spawn, int report, pid_t parent)
{
	struct spawn_failure failure = {.step = (int)spawn_become(spawn, &report, parent)};
	failure.error = errno;
	if (write(report, &failure, sizeof(failure)) < 0)
		_exit(126);
	_exit(127);
}

pid_t exec_spawn(const struct exec_spawn *spawn, const char **ret_what)
{
	int report[2];
	struct spawn_failure failure;
	*ret_what = "pipe";
	if (pipe2(report, O_CLOEXEC) < 0)
		return -errno;
	auto_close int read_end = report[0];
	auto_close int write_end = report[1];
	pid_t parent = getpid();
	*ret_what = "fork";
	pid_t pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		spawn_child(spawn, write_end, parent);
	close(write_end);
	write_end = -1;
	ssize_t n;
	do
		n = read(read_end, &failure, sizeof(failure));
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(failure))
		return pid;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	*ret_what = spawn_steps[failure.step];
	return -failure.error;
}

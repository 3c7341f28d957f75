/*
 * Before a reload, `tallyd check` is asked about the new configuration: in a process of its own,
 * since it runs code of plugins that nobody has run yet, and since a child of a process with
 * threads cannot run more than another program.  The daemon goes on with its chores while it waits.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/exit_code.h"
#include "runtime/daemon.h"
#include "process/log.h"
#include "process/signals.h"
#include "base/cleanup.h"
#include "base/clock.h"

static const char check_source[] = "daemon";
static const int64_t check_timeout = 120 * CLOCK_SECOND; /* of the whole; each plugin has its own */
static const int64_t check_turn = CLOCK_SECOND / 20;
enum { CHECK_TEXT_SIZE = 64 * 1024 };

struct reload_check {
	struct daemon *daemon;
	pid_t child;
	int fd;     /* what it says */
	char *text; /* CHECK_TEXT_SIZE; what is more is not kept */
	size_t len;
};

/* ---- Starting it ---- */

/* From /proc/self/exe, since an update may have replaced the file that this process runs.  Signals
 * are unblocked for it, because the daemon blocks those that it waits for and the mask is
 * inherited; both outputs go into one pipe, so that lines stay in their order. */
static int check_spawn(struct reload_check *check)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	const struct load *load = &check->daemon->load;
	char name[] = "tallyd", c[] = "-c", p[] = "-p", word[] = "check";
	char *config = strdup(load->config_path), *dirs = strdup(registry_dirs(load->registry));
	char *argv[] = {name, c, config, p, dirs, word, NULL};
	sigset_t none, defaults;
	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, fds[1], STDERR_FILENO);
	/* posix_spawn() returns the error and leaves errno alone. */
	int r = config && dirs ? -posix_spawn(&check->child, "/proc/self/exe", &actions,
					      &attributes, argv, environ)
			       : -ENOMEM;
	free(config);
	free(dirs);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	if (r < 0)
		close(fds[0]);
	else
		check->fd = fds[0];
	return r;
}

/* ---- Waiting for it ---- */

/* True: it has said all, mostly because it ended. */
static bool check_read(struct reload_check *check)
{
	char more[4096];
	ssize_t n = read(check->fd, more, sizeof(more));
	if (n < 0)
		return errno != EINTR;
	size_t room = CHECK_TEXT_SIZE - 1 - check->len, take = (size_t)n;
	if (take > room)
		take = room;
	memcpy(check->text + check->len, more, take);
	check->len += take;
	return n == 0;
}

/* A stop ends the wait: nobody wants the result of a check that will not be applied. */
static int check_wait(struct reload_check *check)
{
	int64_t deadline = clock_monotonic() + check_timeout;
	struct pollfd readable = {.fd = check->fd, .events = POLLIN};
	const struct timespec turn = clock_timespec(check_turn);
	while (clock_monotonic() < deadline) {
		if (signals_stop_pending())
			return -ECANCELED;
		daemon_housekeeping(check->daemon);
		if (ppoll(&readable, 1, &turn, NULL) > 0 && check_read(check))
			return 0;
	}
	return -ETIMEDOUT;
}

/* Its exit code; -ECANCELED, -ETIMEDOUT; -EIO: it was killed. */
static int check_result(struct reload_check *check)
{
	int status = 0, r = check_wait(check);
	if (r < 0)
		kill(check->child, SIGKILL);
	while (waitpid(check->child, &status, 0) < 0 && errno == EINTR)
		;
	if (r < 0)
		return r;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}

/* ---- What it said ---- */

/* It has said ok, whatever becomes of it at its exit. */
static bool check_said_ok(const struct reload_check *check)
{
	static const char ok[] = "ok: ";
	for (const char *line = check->text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, ok, sizeof(ok) - 1) == 0)
			return true;
	}
	return false;
}

/* Returns how many problems. */
static unsigned check_log_output(struct reload_check *check, bool ok)
{
	static const char warning[] = "warning: ";
	unsigned problems = 0;
	char *rest = check->text, *line;
	while ((line = strsep(&rest, "\n"))) {
		bool warns = strncmp(line, warning, sizeof(warning) - 1) == 0;
		if (!*line || (ok && !warns))
			continue;
		problems += !warns;
		if (warns)
			log_list(TALLY_WARNING, check_source, "%s", line + sizeof(warning) - 1);
		else
			log_list(TALLY_ERROR, check_source, "%s", line);
	}
	return problems;
}

/* What it printed decides and not its exit code: a sanitizer or a plugin's atexit handler may
 * spoil the exit of a check that has passed. */
static int check_judge(struct reload_check *check, int result)
{
	check->text[check->len] = '\0';
	if (result == -ECANCELED)
		return result;
	bool ok = check_said_ok(check);
	unsigned problems = check_log_output(check, ok);
	if (ok)
		return 0;
	if (result == -ETIMEDOUT)
		log_list(TALLY_ERROR, check_source,
			 "not reloaded: the new configuration could not be checked in time; the "
			 "old configuration stays in effect");
	else if (result == COMMAND_CONFIG)
		log_list(TALLY_ERROR, check_source,
			 "not reloaded, %u problems; the old configuration stays in effect",
			 problems);
	else
		log_list(TALLY_ERROR, check_source,
			 "not reloaded: tallyd check exited with %d; the old configuration stays "
			 "in effect",
			 result);
	return -EINVAL;
}

/* If the check cannot be run at all, as without memory for a process, the reload goes on:
 * load_plan() still finds every mistake of the text. */
int daemon_check_reload(struct daemon *daemon)
{
	auto_free char *text = malloc(CHECK_TEXT_SIZE);
	struct reload_check check = {.daemon = daemon, .text = text};
	int r = text ? check_spawn(&check) : -ENOMEM;
	if (r < 0) {
		log_list(TALLY_WARNING, check_source,
			 "cannot check the new configuration in a separate process: %s",
			 strerror(-r));
		return 0;
	}
	r = check_judge(&check, check_result(&check));
	close(check.fd);
	return r;
}

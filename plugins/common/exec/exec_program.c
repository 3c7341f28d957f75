/*
 * start: pipes → spawn → pidfd.  wait: one poll() over the instance's stop descriptor, the process,
 * its stdout and stderr, and its stdin while bytes wait for it.  kill: the whole group, since a
 * shell's children would otherwise stay.  What fails to start is the caller's to report; what
 * happens later shows in exited and status.
 */
#include "exec/exec_program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "exec/exec_command.h"
#include "exec/exec_spawn.h"
#include "exec/exec_stderr.h"

enum { PROGRAM_STDERR_LINE = 2048, PROGRAM_LAST_READS = 64 };

int exec_program_init(struct exec_program *program, struct tally_ctx *ctx,
		      const struct exec_config *config, uint32_t metric_stderr)
{
	*program = (struct exec_program){.ctx = ctx,
					 .config = config,
					 .metric_stderr = metric_stderr,
					 .process = -1,
					 .in = -1,
					 .out = -1,
					 .err = -1};
	if (exec_lines_init(&program->lines, (size_t)config->max_line) == 0 &&
	    exec_lines_init(&program->errors, PROGRAM_STDERR_LINE) == 0)
		return 0;
	exec_program_done(program);
	return tally_fail(ctx, ENOMEM, "no memory");
}

void exec_program_done(struct exec_program *program)
{
	exec_lines_done(&program->lines);
	exec_lines_done(&program->errors);
	strbuf_done(&program->sending);
}

/* ---- Starting ---------------------------------------------------------------- */

static void program_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* *ours does not block; the program's end does, as programs expect. */
static int program_pipe(int *read_end, int *write_end, bool we_read)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	*read_end = ends[0];
	*write_end = ends[1];
	return fcntl(ends[we_read ? 0 : 1], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

/* execve() says of a program that is there what is wrong with another file. */
static const char *program_why(const char *what, int error, const char *path)
{
	if (strcmp(what, "command") == 0 && error == ENOENT && access(path, F_OK) == 0)
		return "the interpreter that its first line names (#!), or its loader, does not "
		       "exist";
	if (strcmp(what, "command") == 0 && error == ENOEXEC)
		return "no program of this machine: a script begins with #! and its interpreter";
	return strerror(error);
}

static int program_spawn(struct exec_program *program, const struct exec_command *command)
{
	auto_close int in = -1, out = -1, err = -1;
	const char *what = "pipe";
	int r = program_pipe(&in, &program->in, false);
	if (r == 0)
		r = program_pipe(&program->out, &out, true);
	if (r == 0)
		r = program_pipe(&program->err, &err, true);
	if (r == 0) {
		const struct exec_spawn spawn = {.argv = command->argv,
						 .environment = command->environment,
						 .directory = program->config->directory,
						 .in = in,
						 .out = out,
						 .err = err};
		r = exec_spawn(&spawn, &what);
	}
	if (r < 0)
		return tally_fail(program->ctx, -r, "%s: %s: %s", what,
				  strcmp(what, "directory") == 0 ? program->config->directory
								 : command->argv[0],
				  program_why(what, -r, command->argv[0]));
	program->pid = r;
	program->process = pidfd_open(r, 0);
	return program->process < 0
		       ? tally_fail(program->ctx, errno, "pidfd_open: %s", strerror(errno))
		       : 0;
}

/* Of this thread only, and for good: a program that does not read its stdin must not end us. */
static void program_block_sigpipe(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int exec_program_start(struct exec_program *program)
{
	struct exec_command command;
	int r = exec_program_check(program->ctx, program->config, true);
	if (r == 0)
		r = exec_command_init(&command, program->ctx, program->config);
	if (r < 0)
		return r;
	exec_lines_clear(&program->lines);
	exec_lines_clear(&program->errors);
	strbuf_clear(&program->sending);
	program->sending.failed = false;
	program->sent = 0;
	program->exited = false;
	program->started = tally_monotonic(program->ctx);
	program_block_sigpipe();
	r = program_spawn(program, &command);
	exec_command_done(&command);
	if (r < 0 && program->pid)
		exec_program_kill(program);
	if (r < 0)
		exec_program_close(program);
	return r;
}

/* ---- Its stdin --------------------------------------------------------------- */

int exec_program_send(struct exec_program *program, const char *bytes, size_t len, size_t max)
{
	if (program->in < 0)
		return -EPIPE;
	if (program->sending.len - program->sent + len > max)
		return -ENOBUFS;
	if (program->sent == program->sending.len) {
		strbuf_clear(&program->sending);
		program->sent = 0;
	}
	strbuf_bytes(&program->sending, bytes, len);
	return program->sending.failed ? -ENOMEM : 0;
}

bool exec_program_is_sending(const struct exec_program *program)
{
	return program->in >= 0 && program->sent < program->sending.len;
}

void exec_program_close_stdin(struct exec_program *program)
{
	program_close(&program->in);
}

/* A program that has closed its stdin does not want to be told; that is no failure of its. */
static void program_write(struct exec_program *program)
{
	ssize_t n = write(program->in, program->sending.data + program->sent,
			  program->sending.len - program->sent);
	if (n > 0)
		program->sent += (size_t)n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		program_close(&program->in);
}

/* ---- Waiting ----------------------------------------------------------------- */

static void program_read_stderr(struct exec_program *program)
{
	long n = exec_lines_fill(&program->errors, program->err);
	if (n == 0 || (n < 0 && n != -EAGAIN))
		program_close(&program->err);
	exec_stderr_log(program, n == 0);
}

/* Its children go with it.  Before it is waited for: until then nobody else can have the id of its
 * group. */
static void program_reap(struct exec_program *program)
{
	kill(-program->pid, SIGKILL);
	while (waitpid(program->pid, &program->status, 0) < 0 && errno == EINTR)
		;
	program->exited = true;
}

static int program_timeout(const struct exec_program *program, int64_t until)
{
	int64_t left = until - tally_monotonic(program->ctx);
	if (left <= 0 || program->exited) /* nothing more comes of it */
		return 0;
	int64_t ms = (left + CLOCK_MS - 1) / CLOCK_MS;
	return ms > 60000 ? 60000 : (int)ms;
}

enum { WATCH_STOP, WATCH_PROCESS, WATCH_ERR, WATCH_OUT, WATCH_IN, WATCHES };

void exec_program_wait(struct exec_program *program, int64_t until)
{
	bool stopping = tally_stopping(program->ctx);
	bool sending = exec_program_is_sending(program);
	struct pollfd fds[WATCHES] = {
		[WATCH_STOP] = {stopping ? -1 : tally_stop_fd(program->ctx), POLLIN, 0},
		[WATCH_PROCESS] = {program->exited ? -1 : program->process, POLLIN, 0},
		[WATCH_ERR] = {program->err, POLLIN, 0},
		[WATCH_OUT] = {program->out, POLLIN, 0},
		[WATCH_IN] = {sending ? program->in : -1, POLLOUT, 0},
	};
	if (poll(fds, WATCHES, program_timeout(program, until)) <= 0)
		return;
	if (fds[WATCH_ERR].revents)
		program_read_stderr(program);
	if (fds[WATCH_IN].revents)
		program_write(program);
	if (fds[WATCH_PROCESS].revents)
		program_reap(program);
}

/* A child of the program may hold the pipe open for ever, so the program's end is the end. */
long exec_program_read(struct exec_program *program)
{
	if (program->out < 0)
		return program->exited ? 0 : -EAGAIN;
	long n = exec_lines_fill(&program->lines, program->out);
	if (n > 0)
		return n;
	if (n == -EAGAIN)
		return program->exited ? 0 : -EAGAIN;
	program_close(&program->out);
	return program->exited ? 0 : -EAGAIN;
}

/* ---- The end ----------------------------------------------------------------- */

void exec_program_signal(const struct exec_program *program, int signal)
{
	if (program->pid && !program->exited)
		kill(program->pid, signal);
}

void exec_program_kill(struct exec_program *program)
{
	if (program->pid && !program->exited)
		program_reap(program);
}

/* What it said last is what one looks for. */
static void program_drain_stderr(struct exec_program *program)
{
	for (int turns = 0; program->err >= 0 && turns < PROGRAM_LAST_READS; turns++) {
		long n = exec_lines_fill(&program->errors, program->err);
		exec_stderr_log(program, n <= 0);
		if (n <= 0)
			return;
	}
}

void exec_program_close(struct exec_program *program)
{
	program_drain_stderr(program);
	program_close(&program->in);
	program_close(&program->out);
	program_close(&program->err);
	program_close(&program->process);
	program->pid = 0;
}

void exec_program_describe(const struct exec_program *program, char *ret, size_t size)
{
	char took[32];
	int64_t ns = tally_monotonic(program->ctx) - program->started;
	int64_t unit = ns < CLOCK_SECOND ? CLOCK_MS : CLOCK_SECOND;
	text_format_duration(ns / unit * unit, took, sizeof(took));
	if (!program->exited)
		snprintf(ret, size, "runs since %s", took);
	else if (WIFSIGNALED(program->status))
		snprintf(ret, size, "was killed by signal %d (%s) after %s",
			 WTERMSIG(program->status), strsignal(WTERMSIG(program->status)), took);
	else
		snprintf(ret, size, "exited with status %d after %s", WEXITSTATUS(program->status),
			 took);
}

/*
 * A program that runs beside the daemon: started without a shell in a process group of its own, its
 * stdin written to, its stdout read by lines, its stderr put into our log, and ended for good.
 * Nothing here blocks but exec_program_wait(), until its deadline or until the instance stops.
 *
 * All calls on the instance's thread: the kernel kills the program when the thread that started it
 * ends, so it does not outlive a daemon that was killed.
 */
#ifndef TALLYD_EXEC_PROGRAM_H
#define TALLYD_EXEC_PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>
#include <tallyd/host.h>

#include "base/strbuf.h"
#include "exec/exec_lines.h"

struct exec_config {
	const char *command;
	bool shell;
	const char *environment;
	const char *directory;
	int64_t stop_timeout;
	int64_t max_line;
	int64_t stderr_level; /* index into the choice */
};

#define EXEC_PROGRAM_OPTIONS(at)                                                                   \
	{.name = "command",                                                                        \
	 .type = TALLY_OPT_STRING,                                                                 \
	 .flags = TALLY_OPT_REQUIRED,                                                              \
	 .help = "the program, by its whole path, and its arguments; quotes as in a shell, but "   \
		 "no shell runs",                                                                  \
	 .offset = (at) + offsetof(struct exec_config, command)},                                  \
		{.name = "shell",                                                                  \
		 .type = TALLY_OPT_BOOL,                                                           \
		 .fallback = "no",                                                                 \
		 .help = "give the command to /bin/sh -c instead",                                 \
		 .offset = (at) + offsetof(struct exec_config, shell)},                            \
		{.name = "environment",                                                            \
		 .type = TALLY_OPT_STRING,                                                         \
		 .flags = TALLY_OPT_SECRET,                                                        \
		 .help = "NAME=value words, quoted like the command, besides PATH, HOME, LANG "    \
			 "and "                                                                    \
			 "TZ; nothing else of the daemon's is passed on",                          \
		 .offset = (at) + offsetof(struct exec_config, environment)},                      \
		{.name = "directory",                                                              \
		 .type = TALLY_OPT_STRING,                                                         \
		 .fallback = "/",                                                                  \
		 .help = "the program's working directory",                                        \
		 .offset = (at) + offsetof(struct exec_config, directory)},                        \
		{.name = "stop_timeout",                                                           \
		 .type = TALLY_OPT_DURATION,                                                       \
		 .fallback = "2s",                                                                 \
		 .accepts = "0s..3s",                                                              \
		 .help = "how long the program may take to end: half of it after its stdin was "   \
			 "closed, the rest after SIGTERM; then it is killed",                      \
		 .offset = (at) + offsetof(struct exec_config, stop_timeout)},                     \
		{.name = "max_line",                                                               \
		 .type = TALLY_OPT_SIZE,                                                           \
		 .fallback = "64Ki",                                                               \
		 .accepts = "1Ki..16Mi",                                                           \
		 .help = "the longest line of its stdout; longer ones are passed over and "        \
			 "counted",                                                                \
		 .offset = (at) + offsetof(struct exec_config, max_line)},                         \
	{                                                                                          \
		.name = "stderr_level", .type = TALLY_OPT_CHOICE, .fallback = "warning",           \
		.accepts = "error|warning|notice|info|debug",                                      \
		.help = "level at which lines of its stderr are logged that do not say one "       \
			"themselves (<4>, W!)",                                                    \
		.offset = (at) + offsetof(struct exec_config, stderr_level)                        \
	}

struct exec_program {
	struct tally_ctx *ctx;
	const struct exec_config *config;
	uint32_t metric_stderr; /* counts lines of stderr */
	pid_t pid;              /* 0: none runs */
	int process, in, out, err;
	bool exited; /* status is known */
	int status;  /* as waitpid() gives it */
	int64_t started;
	struct exec_lines lines; /* of stdout */
	struct exec_lines errors;
	struct strbuf sending; /* not written yet */
	size_t sent;
};

/* Is the command sound, and, if files may be looked at, the program a file that only root and our
 * user can change?  The reason begins with the option's name. */
int exec_program_check(struct tally_ctx *ctx, const struct exec_config *config, bool files);

int exec_program_init(struct exec_program *program, struct tally_ctx *ctx,
		      const struct exec_config *config, uint32_t metric_stderr);
void exec_program_done(struct exec_program *program); /* none runs */

int exec_program_start(struct exec_program *program);

/* Queues bytes for its stdin; they go out in exec_program_wait().  -ENOBUFS: more than the bound
 * wait, and nothing was queued. */
enum { EXEC_SENDING_MAX = 1 << 20 };
int exec_program_send(struct exec_program *program, const char *bytes, size_t len, size_t max);
bool exec_program_is_sending(const struct exec_program *program);
void exec_program_close_stdin(struct exec_program *program); /* when all is sent, or it fails */

/* Until something can be read of stdout, all is sent, the program ended, or a time of
 * tally_monotonic(); also when the instance stops, unless it is stopping already.  Reads stderr and
 * writes stdin on the way.  What is in stdout then is read with exec_program_read(). */
void exec_program_wait(struct exec_program *program, int64_t until);
/* As exec_lines_fill(); 0 also when the program has ended and nothing is left. */
long exec_program_read(struct exec_program *program);

void exec_program_signal(const struct exec_program *program,
			 int signal); /* itself, not its group */
/* Stops asking: SIGKILL for its group, then takes its status. */
void exec_program_kill(struct exec_program *program);
/* After its end: closes what is open.  None runs any more. */
void exec_program_close(struct exec_program *program);

/* "exited with status 1 after 3s" */
void exec_program_describe(const struct exec_program *program, char *ret, size_t size);
static inline bool exec_program_ended_well(const struct exec_program *program)
{
	return program->exited && program->status == 0;
}

#endif

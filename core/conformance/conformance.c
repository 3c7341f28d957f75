/*
 * The parent of the checks: forks one child for each, waits until it is done, gone or late, and
 * turns what is left of it into findings.  stdout and stderr of a child are files in memory: what
 * the plugin prints is a finding, and what the core logs about it ("plugin bug: …") is one too.
 *
 * Runs on the main thread, before there is any other.  What can fail: memory, fork().
 */
#include "conformance/conformance.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "conformance/checks.h"
#include "process/crash.h"
#include "process/log.h"
#include "process/signals.h"

typedef void check_fn(struct subject *subject);
static const struct check {
	const char *name, *help;
	check_fn *run;
	bool steps; /* after a crash it goes on behind the step that crashed */
} checks[] = {
	{"load", "it can be loaded and declares itself by the rules", check_declaration, false},
	{"create", "create() does no I/O, destroy() undoes it", check_create, false},
	{"options", "odd values are refused with a reason", check_config_values, true},
	{"interrupt", "a call that blocks returns when it is to stop", check_interrupt, false},
	{"life_cycle", "many lives leave nothing behind", check_life_cycle, false},
	{"failed_start", "nor does a start() that fails", check_failed_start, false},
	{"threads", "stop() ends its threads", check_threads, false},
	{"reconfigure", "a new configuration is applied while it runs", check_reconfigure, false},
	{"rows", "rows have whole keys, times and texts", check_rows, false},
	{"refused_rows", "rows that are not taken", check_refused_rows, false},
	{"waiting_rows", "rows that wait outlive the instance", check_waiting_rows, false},
	{"writing", "NULL cells, odd values and all kinds of tables", check_writing, false},
	{"writing_again", "entries that are offered again", check_writing_again, false},
	{"buffer", "entries in order, each to each reader", check_buffer, false},
	{"durable", "what was pushed survives", check_durable, false},
	{"for_others", "queries, cached values, watching", check_store, false},
};
enum { N_CHECKS = sizeof(checks) / sizeof(checks[0]), MAX_CHILDREN = 30, MAX_OUTPUT = 64 * 1024 };

struct run {
	const struct conformance_settings *settings;
	struct conformance_result *result;
	struct subject_shared *shared;
	char folder[64];
	int out, err; /* of the child */
};

/* ---- Findings ---- */

__attribute__((format(printf, 5, 6))) static void
run_add(struct run *run, size_t check, bool warning, const char *read, const char *fmt, ...)
{
	struct conformance_result *result = run->result;
	char text[SUBJECT_TEXT_SIZE + 256];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *at = text; *at; at++)
		if ((unsigned char)*at < ' ')
			*at = ' ';
	/* What a check before has found is the same fault. */
	for (size_t i = 0; i < result->n_findings; i++)
		if (strcmp(result->findings[i].text, text) == 0)
			return;
	struct conformance_finding *grown =
		reallocarray(result->findings, result->n_findings + 1, sizeof(*result->findings));
	char *copy = strdup(text);
	if (!grown || !copy)
		abort();
	result->findings = grown;
	grown[result->n_findings++] =
		(struct conformance_finding){checks[check].name, warning, copy, read};
}

/* How a child ended, with a guess why; once for each call that it ended in. */
static void run_add_end(struct run *run, size_t check, const char *read, const char *text)
{
	const struct conformance_result *result = run->result;
	const char *hint = run->shared->hint;
	for (size_t i = 0; i < result->n_findings; i++)
		if (strncmp(result->findings[i].text, text, strlen(text)) == 0)
			return;
	run_add(run, check, false, read, "%s%s%s", text, *hint ? ": " : "", hint);
}

/* ---- The child ---- */

static void run_child(const struct run *run, size_t check)
{
	struct subject subject = {
		.settings = run->settings, .shared = run->shared, .folder = run->folder};
	crash_in_child();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN); /* as in the daemon */
	dup2(run->out, STDOUT_FILENO);
	dup2(run->err, STDERR_FILENO);
	log_set_level(TALLY_WARNING);
	if (subject_load(&subject) && (check == 0 || subject_prepare(&subject)))
		checks[check].run(&subject);
	fflush(NULL);
	atomic_store(&run->shared->done, true);
	crash_exiting();
	_exit(0);
}

/* ---- What is left of it ---- */

static const char *run_doing(const struct run *run)
{
	return run->shared->doing[0] ? run->shared->doing : "between calls it";
}

static void run_check_status(struct run *run, size_t check, int status, bool late)
{
	char text[SUBJECT_TEXT_SIZE];
	size_t size = sizeof(text);
	if (late)
		snprintf(text, size, "%s did not return within %d s", run_doing(run),
			 (int)(run->settings->timeout / CLOCK_SECOND));
	else if (WIFSIGNALED(status))
		snprintf(text, size, "%s crashed (%s)", run_doing(run),
			 strsignal(WTERMSIG(status)));
	else if (!atomic_load(&run->shared->done))
		snprintf(text, size,
			 "%s ended the process with exit code %d, which a plugin never does: it "
			 "runs "
			 "in the daemon",
			 run_doing(run), WEXITSTATUS(status));
	else
		return;
	run_add_end(run, check, late ? SUBJECT_READ_THREADS : SUBJECT_READ_ERRORS, text);
}

/* The text of a child's output, which is bounded; free() it. */
static char *run_read(int fd)
{
	char *text = calloc(1, MAX_OUTPUT + 1);
	if (!text || pread(fd, text, MAX_OUTPUT, 0) < 0)
		abort();
	return text;
}

static void run_check_stdout(struct run *run, size_t check)
{
	char *text = run_read(run->out);
	if (*text)
		run_add(run, check, false, SUBJECT_READ_ERRORS,
			"it prints to stdout (\"%.*s\"): that is for what commands print; use "
			"tally_log()",
			(int)strcspn(text, "\n") < 60 ? (int)strcspn(text, "\n") : 60, text);
	free(text);
}

/* What the core has said about it; and, of a sanitizer, what it found. */
static bool run_check_stderr(struct run *run, size_t check)
{
	static const char bug[] = "plugin bug: ", sanitizer[] = "AddressSanitizer: ";
	char *text = run_read(run->err), *rest = text, *line;
	bool sanitized = false;
	while ((line = strsep(&rest, "\n"))) {
		char *at = strstr(line, bug);
		if (at)
			run_add(run, check, false, SUBJECT_READ_OWNERSHIP, "%s",
				at + sizeof(bug) - 1);
		at = sanitized ? NULL : strstr(line, sanitizer);
		if (!at || !strstr(line, "ERROR"))
			continue;
		at += sizeof(sanitizer) - 1;
		sanitized = true;
		char end[SUBJECT_TEXT_SIZE];
		snprintf(end, sizeof(end), "%s crashed (%.*s)", run_doing(run),
			 (int)strcspn(at, " "), at);
		run_add_end(run, check, SUBJECT_READ_ERRORS, end);
	}
	free(text);
	return sanitized;
}

static void run_collect(struct run *run, size_t check, int status, bool late)
{
	const struct subject_shared *shared = run->shared;
	unsigned n = atomic_load(&shared->n_findings);
	for (unsigned i = 0; i < n && i < SUBJECT_FINDINGS; i++)
		run_add(run, check, shared->findings[i].warning, shared->findings[i].read, "%s",
			shared->findings[i].text);
	bool sanitized = run_check_stderr(run, check);
	if (!sanitized)
		run_check_status(run, check, status, late);
	run_check_stdout(run, check);
}

/* ---- The parent ---- */

/* 0: it ended; -ETIMEDOUT, -ECANCELED: it was killed. */
static int run_wait(const struct run *run, pid_t child, int *ret_status)
{
	const struct timespec turn = clock_timespec(2 * CLOCK_MS);
	int64_t deadline = clock_monotonic() + run->settings->timeout;
	int r = 0;
	while (waitpid(child, ret_status, WNOHANG) == 0) {
		if (r == 0 && signals_stop_pending())
			r = -ECANCELED;
		else if (r == 0 && clock_monotonic() > deadline)
			r = -ETIMEDOUT;
		if (r < 0)
			kill(child, SIGKILL);
		nanosleep(&turn, NULL);
	}
	return r;
}

static int run_remove(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

/* Each child has a folder and files of its own, and begins with what it shares all 0 but the step.
 */
static int run_begin(struct run *run)
{
	snprintf(run->folder, sizeof(run->folder), "/tmp/tallyd-test.XXXXXX");
	unsigned step = atomic_load(&run->shared->step);
	memset(run->shared, 0, sizeof(*run->shared));
	atomic_store(&run->shared->step, step);
	run->out = memfd_create("stdout", MFD_CLOEXEC);
	run->err = memfd_create("stderr", MFD_CLOEXEC);
	if (!mkdtemp(run->folder) || run->out < 0 || run->err < 0)
		return -errno;
	return 0;
}

static void run_end(struct run *run)
{
	nftw(run->folder, run_remove, 16, FTW_DEPTH | FTW_PHYS);
	close(run->out);
	close(run->err);
}

/* One child.  1: it crashed, and there are more steps. */
static int run_one(struct run *run, size_t check)
{
	int status = 0, r = run_begin(run);
	fflush(NULL); /* or the child would write it, too */
	pid_t child = r < 0 ? -1 : fork();
	if (child == 0)
		run_child(run, check);
	if (child > 0)
		r = run_wait(run, child, &status);
	else if (r == 0)
		r = -errno;
	if (child > 0 && r != -ECANCELED) {
		run_collect(run, check, status, r == -ETIMEDOUT);
		r = checks[check].steps && !atomic_load(&run->shared->done) && r == 0;
	}
	run_end(run);
	return r;
}

/* Where one call hangs every other check would wait for it, too. */
static int run_check(struct run *run, size_t check, const char *hangs)
{
	struct conformance_check *at = &run->result->checks[check];
	size_t before = run->result->n_findings;
	int r = hangs ? 0 : 1;
	*at = (struct conformance_check){.name = checks[check].name, .help = checks[check].help};
	memset(run->shared, 0, sizeof(*run->shared));
	for (int i = 0; r > 0 && i < MAX_CHILDREN; i++)
		r = run_one(run, check);
	if (r < 0)
		return r;
	const char *skipped = hangs ? hangs : run->shared->skipped;
	if (run->result->n_findings > before)
		at->outcome = CONFORMANCE_FOUND;
	else if (*skipped)
		at->outcome = atomic_load(&run->shared->inapplicable) ? CONFORMANCE_INAPPLICABLE
								      : CONFORMANCE_SKIPPED;
	if (at->outcome >= CONFORMANCE_SKIPPED)
		at->skipped = strdup(skipped);
	return 0;
}

static int run_all(struct run *run)
{
	const char *hangs = NULL;
	int r = 0;
	for (size_t i = 0; i < N_CHECKS && r == 0; i++) {
		r = run_check(run, i, hangs);
		run->result->n_checks = i + 1;
		if (r == 0 && atomic_load(&run->shared->hangs))
			hangs = "a call hangs, see above";
		/* What cannot be loaded, or made, has no use for the rest. */
		if (i < 2 && (conformance_errors(run->result) ||
			      run->result->checks[i].outcome == CONFORMANCE_SKIPPED))
			break;
	}
	return r;
}

int conformance_run(const struct conformance_settings *settings, struct conformance_result *ret,
		    struct error *error)
{
	struct run run = {.settings = settings, .result = ret};
	*ret = (struct conformance_result){
		.checks = calloc(N_CHECKS, sizeof(struct conformance_check))};
	run.shared = mmap(NULL, sizeof(*run.shared), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!ret->checks || run.shared == MAP_FAILED)
		return error_set(error, ENOMEM, "out of memory");
	int r = run_all(&run);
	munmap(run.shared, sizeof(*run.shared));
	return r < 0 ? error_set(error, -r, "cannot run the checks: %s", strerror(-r)) : 0;
}

size_t conformance_errors(const struct conformance_result *result)
{
	size_t n = 0;
	for (size_t i = 0; i < result->n_findings; i++)
		n += !result->findings[i].warning;
	return n;
}

void conformance_done(struct conformance_result *result)
{
	for (size_t i = 0; i < result->n_findings; i++)
		free(result->findings[i].text);
	for (size_t i = 0; i < result->n_checks; i++)
		free(result->checks[i].skipped);
	free(result->findings);
	free(result->checks);
}

/*
 * The handler may run at any instant, also inside malloc(): it writes with write(), formats by
 * hand, and looks addresses up in a table that is only ever appended to.  Only then does it look at
 * the stack for a plugin that has called abort(), since that may fail on a stack that is destroyed.
 *
 * A sanitizer's handler that was there before is called after ours.
 */
#include "process/crash.h"

#include <execinfo.h>
#include <link.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "process/exit_code.h"
#include "process/log.h"

enum { CRASH_STACK = 64 * 1024, CRASH_FILES = 64, CRASH_FRAMES = 64, CRASH_LINE = 1024 };

struct crash_file {
	const char *path;
	uintptr_t begin, end;
};

static const struct crash_signal {
	int number;
	const char *name;
} crash_signals[] = {{SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGABRT, "SIGABRT"},
		     {SIGFPE, "SIGFPE"},   {SIGILL, "SIGILL"}, {SIGSYS, "SIGSYS"},
		     {SIGTRAP, "SIGTRAP"}};
enum { N_CRASH_SIGNALS = sizeof(crash_signals) / sizeof(*crash_signals) };

static struct sigaction crash_before[N_CRASH_SIGNALS];
static struct crash_file crash_files[CRASH_FILES];
static atomic_uint crash_n_files;
static atomic_bool crash_expected;
static pid_t crash_pid;
static _Thread_local const char *crash_running;
static _Thread_local void *crash_stack;

/* The fences keep the compiler from moving the plugin's code out of the two.  The handler runs on
 * the same thread, so nothing more is needed. */
const char *crash_enter(const char *name)
{
	const char *before = crash_running;
	crash_running = name;
	atomic_signal_fence(memory_order_seq_cst);
	return before;
}

void crash_leave(const char *before)
{
	atomic_signal_fence(memory_order_seq_cst);
	crash_running = before;
}

/* ---- Files ------------------------------------------------------------------- */

struct crash_search {
	struct crash_file file;
	uintptr_t address;
};

/* From the lowest to the highest loaded segment: code of a library is anywhere between. */
static int crash_search_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct crash_search *search = arg;
	uintptr_t begin = UINTPTR_MAX, end = 0;
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		uintptr_t at = info->dlpi_addr + part->p_vaddr;
		if (part->p_type != PT_LOAD)
			continue;
		begin = at < begin ? at : begin;
		end = at + part->p_memsz > end ? at + part->p_memsz : end;
	}
	if (search->address < begin || search->address >= end)
		return 0;
	search->file.begin = begin;
	search->file.end = end;
	return 1;
}

static const char *crash_file_of(uintptr_t address)
{
	unsigned n = atomic_load(&crash_n_files);
	for (unsigned i = 0; i < n; i++)
		if (address >= crash_files[i].begin && address < crash_files[i].end)
			return crash_files[i].path;
	return NULL;
}

void crash_add_file(const char *path, const void *address)
{
	struct crash_search search = {.file = {.path = path}, .address = (uintptr_t)address};
	unsigned n = atomic_load(&crash_n_files);
	if (n == CRASH_FILES || crash_file_of(search.address) ||
	    !dl_iterate_phdr(crash_search_object, &search))
		return;
	crash_files[n] = search.file;
	atomic_store(&crash_n_files, n + 1);
}

/* ---- The message ------------------------------------------------------------- */

struct crash_line {
	char text[CRASH_LINE];
	size_t len;
};

static void crash_put(struct crash_line *line, const char *text)
{
	while (*text && line->len < sizeof(line->text) - 1)
		line->text[line->len++] = *text++;
}

/* At least that many digits, with zeros in front. */
static void crash_put_number(struct crash_line *line, uint64_t n, unsigned base, int digits)
{
	char text[24];
	size_t at = sizeof(text) - 1;
	text[at] = '\0';
	for (; n > 0 || digits > 0; n /= base, digits--)
		text[--at] = "0123456789abcdef"[n % base];
	crash_put(line, text + at);
}

/* As the log has it; gmtime_r() takes a lock.  After
 * https://howardhinnant.github.io/date_algorithms.html#civil_from_days */
static void crash_put_time(struct crash_line *line)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	uint64_t days = (uint64_t)now.tv_sec / 86400 + 719468, era = days / 146097;
	uint64_t of_era = days % 146097;
	uint64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	uint64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	uint64_t shifted = (5 * of_year + 2) / 153, s = (uint64_t)now.tv_sec % 86400;
	uint64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
	const uint64_t parts[] = {year + era * 400 + (month <= 2),
				  month,
				  of_year - (153 * shifted + 2) / 5 + 1,
				  s / 3600,
				  s / 60 % 60,
				  s % 60,
				  (uint64_t)now.tv_nsec / 1000000};
	static const char *const behind[] = {"-", "-", "T", ":", ":", ".", "Z "};
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		crash_put_number(line, parts[i], 10, i == 0 ? 4 : i == 6 ? 3 : 2);
		crash_put(line, behind[i]);
	}
}

/* By hand and into a local buffer: the log's lock may be held by the thread that crashed. */
static void crash_begin(struct crash_line *line)
{
	char thread[16] = "";
	line->len = 0;
	if (log_in_journal()) {
		crash_put(line, "<3>");
	} else {
		crash_put_time(line);
		crash_put(line, "error   ");
	}
	if (crash_running) {
		crash_put(line, crash_running);
	} else {
		prctl(PR_GET_NAME, thread);
		crash_put(line, "thread ");
		crash_put(line, thread);
	}
	crash_put(line, ": ");
}

static void crash_write(struct crash_line *line)
{
	line->text[line->len++] = '\n';
	ssize_t r = write(STDERR_FILENO, line->text, line->len);
	(void)r; /* there is nobody left to tell */
}

static uintptr_t crash_address(const ucontext_t *context)
{
#if defined(__x86_64__)
	return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	return (uintptr_t)context->uc_mcontext.pc;
#else
	(void)context;
	return 0;
#endif
}

/* Two lines: where it crashed, and if that is no plugin's file, whose code called.  The second
 * may crash itself, on a stack that is destroyed, and then the first has been written. */
static void crash_report(size_t which, const siginfo_t *info, const ucontext_t *context)
{
	struct crash_line line;
	const char *file = crash_file_of(crash_address(context));
	crash_begin(&line);
	crash_put(&line, "crashed: ");
	crash_put(&line, crash_signals[which].name);
	if (info->si_code > 0 && crash_signals[which].number != SIGABRT) {
		crash_put(&line, " at address 0x");
		crash_put_number(&line, (uintptr_t)info->si_addr, 16, 1);
	}
	if (file) {
		crash_put(&line, " in ");
		crash_put(&line, file);
	}
	crash_put(&line, "; the daemon ends");
	crash_write(&line);
	if (file)
		return;
	/* The innermost plugin on the stack. */
	void *frames[CRASH_FRAMES];
	int n = backtrace(frames, CRASH_FRAMES);
	for (int i = 0; i < n && !file; i++)
		file = crash_file_of((uintptr_t)frames[i]);
	crash_begin(&line);
	crash_put(&line, file ? "called by " : "not in a plugin's code");
	crash_put(&line, file ? file : "");
	crash_write(&line);
}

/* ---- The handler ------------------------------------------------------------- */

static void crash_handle(int number, siginfo_t *info, void *context)
{
	size_t which = 0;
	while (which + 1 < N_CRASH_SIGNALS && crash_signals[which].number != number)
		which++;
	crash_report(which, info, context);
	const struct sigaction *before = &crash_before[which];
	sigaction(number, before, NULL);
	if ((before->sa_flags & SA_SIGINFO) && before->sa_sigaction)
		before->sa_sigaction(number, info, context);
	else /* comes when this returns, with the registers and the stack of the fault */
		syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), number);
}

int crash_exit_code(int status)
{
	if (atomic_load(&crash_expected) || getpid() != crash_pid)
		return status;
	crash_exiting(); /* reported once, whichever way it goes on */
	log_list(TALLY_ERROR, crash_running ? crash_running : "a thread of a plugin",
		 "plugin bug: it called exit(%d), which ends the whole daemon; exit code %d",
		 status, COMMAND_FAILED);
	return COMMAND_FAILED;
}

static void crash_at_exit(int status, void *unused)
{
	(void)unused;
	bool expected = atomic_load(&crash_expected) || getpid() != crash_pid;
	int code = crash_exit_code(status);
	if (!expected) /* what _exit() does; exit.c's own would ask crash_exit_code() again */
		syscall(SYS_exit_group, code);
}

void crash_init(void)
{
	struct sigaction action = {.sa_sigaction = crash_handle,
				   .sa_flags = SA_SIGINFO | SA_ONSTACK};
	void *frame[1];
	backtrace(frame, 1); /* loads what it needs, now that it may */
	sigfillset(&action.sa_mask);
	crash_pid = getpid();
	crash_thread_begin();
	for (size_t i = 0; i < N_CRASH_SIGNALS; i++)
		sigaction(crash_signals[i].number, &action, &crash_before[i]);
	on_exit(crash_at_exit, NULL);
}

void crash_exiting(void)
{
	atomic_store(&crash_expected, true);
}

/* What becomes of a child is reported by its parent (isolate.c), and its exit code is its own. */
void crash_in_child(void)
{
	for (size_t i = 0; i < N_CRASH_SIGNALS; i++)
		signal(crash_signals[i].number, SIG_DFL);
	atomic_store(&crash_expected, true);
}

/* ---- Stacks ------------------------------------------------------------------ */

/* A sanitizer has given the thread one already. */
void crash_thread_begin(void)
{
	stack_t there;
	if (sigaltstack(NULL, &there) < 0 || !(there.ss_flags & SS_DISABLE))
		return;
	void *memory = malloc(CRASH_STACK);
	const stack_t ours = {.ss_sp = memory, .ss_size = CRASH_STACK};
	if (!memory)
		return;
	if (sigaltstack(&ours, NULL) == 0)
		crash_stack = memory;
	else
		free(memory);
}

void crash_thread_end(void)
{
	const stack_t none = {.ss_flags = SS_DISABLE};
	if (!crash_stack)
		return;
	sigaltstack(&none, NULL);
	free(crash_stack);
	crash_stack = NULL;
}

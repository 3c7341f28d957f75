/*
 * Each message is formatted, asked of the limiter under the one lock, and written with a single
 * write() outside of it, so that lines of many threads never mix.  A stderr that cannot be written
 * loses messages and nothing else.
 */
#include "process/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process/log_limit.h"
#include "process/log_line.h"
#include "base/clock.h"

static atomic_int log_level = TALLY_INFO;
static atomic_bool log_journal;
static atomic_uint_fast64_t log_counts[TALLY_DEBUG + 1];
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static struct log_limit log_limiter; /* under log_lock */

/* systemd names the device and inode of the stream it gave (systemd.exec(5), JOURNAL_STREAM): if
 * stderr was redirected since, they differ and lines need their own time. */
void log_init(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat st;
	char ours[64];
	if (!stream || fstat(STDERR_FILENO, &st) < 0)
		return;
	snprintf(ours, sizeof(ours), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	log_journal = strcmp(stream, ours) == 0;
}

bool log_in_journal(void)
{
	return log_journal;
}

void log_set_level(int level)
{
	log_level = level;
}

uint64_t log_counted(int level)
{
	return log_counts[level];
}

static void log_write(struct log_line *line)
{
	log_line_end(line);
	ssize_t r;
	do
		r = write(STDERR_FILENO, line->bytes, line->len);
	while (r < 0 && errno == EINTR);
}

static void log_print(int level, const char *source, const char *text)
{
	struct log_line line;
	log_line_make(&line, log_journal, clock_now(), level, source);
	log_line_append(&line, text);
	log_write(&line);
}

static void log_suppressed(const struct log_limit_suppressed *told)
{
	struct log_line line;
	char text[sizeof(told->text) + 64];
	snprintf(text, sizeof(text), "… %u more like this in the last minute: %s", told->n,
		 told->text);
	log_line_make(&line, log_journal, clock_now(), told->level, told->source);
	log_line_append(&line, text);
	log_write(&line);
}

/* The line about suppressed messages is written after the lock is let go, as every write is. */
static bool log_admit(const struct log_limit_message *message)
{
	struct log_limit_suppressed told;
	pthread_mutex_lock(&log_lock);
	bool said = log_limit_admit(&log_limiter, message, clock_monotonic(), &told);
	pthread_mutex_unlock(&log_lock);
	if (told.n)
		log_suppressed(&told);
	return said;
}

/* Without it, the count of the last repetitions would be kept until the same message came again,
 * perhaps days later. */
void log_tick(int64_t monotonic)
{
	struct log_limit_suppressed told;
	bool more = true;
	while (more) {
		pthread_mutex_lock(&log_lock);
		more = log_limit_expire(&log_limiter, monotonic, &told);
		pthread_mutex_unlock(&log_lock);
		if (more)
			log_suppressed(&told);
	}
}

/* Foreign texts like to end in a newline. */
static void log_format(char *text, size_t size, const char *fmt, va_list ap)
{
	int len = vsnprintf(text, size, fmt, ap);
	if (len < 0)
		len = 0;
	if ((size_t)len >= size)
		len = (int)size - 1;
	while (len > 0 && strchr(" \t\r\n", text[len - 1]))
		len--;
	text[len] = '\0';
}

/* Counted before the limit, so that tallyd_log_messages_total also shows what was suppressed. */
static bool log_wanted(int level)
{
	if (level < TALLY_ERROR || level > TALLY_DEBUG || level > log_level)
		return false;
	atomic_fetch_add_explicit(&log_counts[level], 1, memory_order_relaxed);
	return true;
}

void log_vmessage(int level, const char *source, const char *fmt, va_list ap)
{
	char text[LOG_LINE_SIZE];
	if (!log_wanted(level))
		return;
	log_format(text, sizeof(text), fmt, ap);
	struct log_limit_message message = {level, source, fmt, text};
	/* Whoever asks for debug messages wants them all. */
	if (level == TALLY_DEBUG || log_admit(&message))
		log_print(level, source, text);
}

void log_message(int level, const char *source, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	log_vmessage(level, source, fmt, ap);
	va_end(ap);
}

void log_text(int level, const char *source, const char *text, size_t len)
{
	char line[LOG_LINE_SIZE];
	if (!log_wanted(level))
		return;
	size_t n = len < sizeof(line) - 1 ? len : sizeof(line) - 1;
	memcpy(line, text, n);
	line[n] = '\0';
	struct log_limit_message message = {level, source, NULL, line};
	if (level == TALLY_DEBUG || log_admit(&message))
		log_print(level, source, line);
}

/* For parts of one answer, such as the status: the limit would take lines out of its middle. */
void log_list(int level, const char *source, const char *fmt, ...)
{
	char text[LOG_LINE_SIZE];
	if (!log_wanted(level))
		return;
	va_list ap;
	va_start(ap, fmt);
	log_format(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_print(level, source, text);
}

/*
 * Messages to the operator on stderr, one line each.  Under systemd (JOURNAL_STREAM names our
 * stderr) lines begin with <level> and have no time; else with an RFC 3339 time.  A source that
 * says the same thing (same format) over and over is cut to a few a minute, with a count of what
 * was left out.  Any thread; control characters in foreign text are shown as \xNN.
 */
#ifndef TALLYD_CORE_LOG_H
#define TALLYD_CORE_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "process/log_level.h"

void log_init(void);       /* looks whether systemd reads stderr; main thread, before any other */
bool log_in_journal(void); /* lines go to systemd's journal */
void log_set_level(int level);

/* source: "daemon", "input.docker_stats", … */
__attribute__((format(printf, 3, 4))) void log_message(int level, const char *source,
						       const char *fmt, ...);
/* As log_message(), of text that is known by what it says; it need not end with NUL. */
void log_text(int level, const char *source, const char *text, size_t len);
void log_vmessage(int level, const char *source, const char *fmt, va_list ap);

/* Never cut: for lists that are bounded by what they list, as the problems of a configuration. */
__attribute__((format(printf, 3, 4))) void log_list(int level, const char *source, const char *fmt,
						    ...);

/* Reports what was left out in a minute that is over; the main loop calls it each second. */
void log_tick(int64_t monotonic);

/* How many messages of that level there were, those left out included. */
uint64_t log_counted(int level);

#endif

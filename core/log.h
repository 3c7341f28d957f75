/*
 * Messages to the operator on stderr, one line each.  Under systemd (JOURNAL_STREAM names our
 * stderr) lines begin with <level> and have no time; else with an RFC 3339 time.  A source that
 * says the same thing (same format) over and over is cut to a few a minute, with a count of what
 * was left out.  Any thread; control characters in foreign text are shown as \xNN.
 */
#ifndef TALLYD_CORE_LOG_H
#define TALLYD_CORE_LOG_H

#include <stdarg.h>
#include <tallyd/host.h> /* enum tally_level */

void log_set_level(int level);
int log_parse_level(const char *text); /* -EINVAL */

/* source: "daemon", "input.docker_stats", … */
__attribute__((format(printf, 3, 4))) void log_message(int level, const char *source,
						       const char *fmt, ...);
void log_vmessage(int level, const char *source, const char *fmt, va_list ap);

#endif

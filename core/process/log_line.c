/*
 * Called by log.c, on whatever thread logs, with a line on its own stack: nothing is allocated and
 * no lock is held, since the log must work when memory is short.  Text comes from containers,
 * servers and plugins: an escape sequence or half a character in it must not reach a terminal.
 * Nothing can fail; what does not fit ends in "…", and the newline always fits.
 */
#include "process/log_line.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "process/log_level.h"
#include "base/clock.h"
#include "base/utf8.h"

static const char log_line_cut[] = "…";
enum { LOG_LINE_ROOM = LOG_LINE_SIZE - sizeof(log_line_cut) - 1 };

/* Bytes of the printable character that text begins with; 0: none.  A terminal must not be shown
 * control characters, which are also U+0080 to U+009F. */
static size_t log_line_printable(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	if (at[0] < 0x20 || at[0] == 0x7f || (at[0] == 0xc2 && at[1] < 0xa0))
		return 0;
	return utf8_length(text, strnlen(text, 4));
}

/* False: no room left. */
static bool log_line_put(struct log_line *line, const char *bytes, size_t len)
{
	if (line->len + len > LOG_LINE_ROOM)
		return false;
	memcpy(line->bytes + line->len, bytes, len);
	line->len += len;
	return true;
}

/* Control characters are escaped, or a container's name could forge a line of the log. */
void log_line_append(struct log_line *line, const char *text)
{
	bool room = true;
	while (*text && room) {
		size_t len = log_line_printable(text);
		char escaped[sizeof("\\xNN")];
		snprintf(escaped, sizeof(escaped), "\\x%02X", (unsigned char)*text);
		room = len ? log_line_put(line, text, len) : log_line_put(line, escaped, 4);
		text += len ? len : 1;
	}
	if (room)
		return;
	memcpy(line->bytes + line->len, log_line_cut, sizeof(log_line_cut) - 1);
	line->len += sizeof(log_line_cut) - 1;
}

void log_line_make(struct log_line *line, bool journal, int64_t now, int level, const char *source)
{
	char head[64], when[32];
	if (journal) {
		snprintf(head, sizeof(head), "<%d>", level);
	} else {
		struct tm tm;
		struct timespec ts = clock_timespec(now);
		gmtime_r(&ts.tv_sec, &tm);
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
		snprintf(head, sizeof(head), "%s.%03dZ %-7s ", when, (int)(ts.tv_nsec / CLOCK_MS),
			 log_level_name(level));
	}
	line->len = 0;
	log_line_append(line, head);
	log_line_append(line, source);
	log_line_append(line, ": ");
}

void log_line_end(struct log_line *line)
{
	line->bytes[line->len++] = '\n';
}

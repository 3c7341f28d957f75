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

static const char log_line_cut[] = "…";
enum { LOG_LINE_ROOM = LOG_LINE_SIZE - sizeof(log_line_cut) - 1 };

/* Bytes of the printable character that text begins with; 0: none.  Tells apart only what a
 * terminal must not be shown, so overlong forms pass. */
static size_t log_line_printable(const unsigned char *text)
{
	static const struct {
		unsigned char mask, lead;
		size_t len;
	} forms[] = {{0x80, 0x00, 1}, {0xe0, 0xc0, 2}, {0xf0, 0xe0, 3}, {0xf8, 0xf0, 4}};
	if (text[0] < 0x20 || text[0] == 0x7f || (text[0] == 0xc2 && text[1] < 0xa0))
		return 0;
	for (size_t f = 0; f < sizeof(forms) / sizeof(*forms); f++) {
		if ((text[0] & forms[f].mask) != forms[f].lead)
			continue;
		for (size_t i = 1; i < forms[f].len; i++)
			if ((text[i] & 0xc0) != 0x80)
				return 0;
		return forms[f].len;
	}
	return 0;
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

void log_line_append(struct log_line *line, const char *text)
{
	bool room = true;
	while (*text && room) {
		size_t len = log_line_printable((const unsigned char *)text);
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

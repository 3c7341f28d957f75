/*
 * The choice of one line of a health check's output.  status_row.c calls it for each inspect, on
 * the instance's thread; it is pure and allocates nothing.
 *
 * Every line gets a rank: one that names an error beats one that does not, one that begins at the
 * margin beats an indented one (a traceback's place).  Of equals the last counts if the check
 * failed, since programs say what went wrong at the end, else the first.  Docker keeps 4 KiB of
 * output at most, so several passes over a line cost nothing.
 */
#include "health_output.h"

#include <string.h>

#include "base/text_match.h"

/* A line as a terminal would show it. */
struct line {
	const char *at;
	size_t len;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Ignores the case of ASCII letters.  NULL: not found. */
static const char *find(const struct line *line, const char *wanted)
{
	return text_find(line->at, line->len, wanted, strlen(wanted));
}

static void begin_at(struct line *line, const char *at)
{
	line->len -= (size_t)(at - line->at);
	line->at = at;
}

static void trim_end(struct line *line)
{
	while (line->len > 0 && strchr(" \t\r", line->at[line->len - 1]))
		line->len--;
}

/* ---- Progress output ---- */

/* Skips curl's meter: "  0   0   0   0   0   0   0   0 --:--:--  0:00:01 --:--:--     0"; on the
 * same line curl's message may follow.  The third of the meter's times ends the last word but one;
 * after it comes the speed, with a unit. */
static void skip_meter(struct line *line)
{
	size_t i = 0, colons = 0;
	while (i < line->len && strchr(" 0123456789.:-kMGTPd|h", line->at[i]))
		colons += line->at[i++] == ':';
	if (colons < 6)
		return;
	for (i = 0, colons = 0; i < line->len && colons < 6; i++)
		colons += line->at[i] == ':';
	while (i < line->len && (is_digit(line->at[i]) || line->at[i] == '-'))
		i++;
	while (i < line->len && line->at[i] == ' ')
		i++;
	while (i < line->len && (is_digit(line->at[i]) || line->at[i] == '.'))
		i++;
	if (i < line->len && strchr("kMGTP", line->at[i]) &&
	    !(i + 1 < line->len && is_letter(line->at[i + 1])))
		i++;
	begin_at(line, line->at + i);
}

/* Removes progress output.  False: nothing else is in the line. */
static bool strip_progress(struct line *line)
{
	const char *head = find(line, "% Total    % Received");
	if (head)
		line->len = (size_t)(head - line->at);
	if (find(line, "Dload  Upload"))
		line->len = 0;
	skip_meter(line);
	trim_end(line);
	for (size_t i = 0; i < line->len; i++)
		if (is_letter(line->at[i]) || is_digit(line->at[i]) || (line->at[i] & 0x80))
			return true;
	return false;
}

/* ---- Which line ---- */

/* The usual words of checks and of the programs in them; parts of words count. */
static bool names_error(const struct line *line)
{
	static const char *const words[] = {
		"error",       "fail",        "refused",       "denied",   "timeout",
		"timed out",   "exception",   "cannot",        "can't",    "could not",
		"couldn't",    "not found",   "no such",       "no route", "unable",
		"unreachable", "unhealthy",   "fatal",         "panic",    "exceeded",
		"not ready",   "not running", "unavailable",   "invalid",  "critical",
		"no response", "bad address", "reset by peer", "forbidden"};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (find(line, words[i]))
			return true;
	return false;
}

/* Takes the next line off, without what a carriage return overwrites. */
static bool next_line(struct line *rest, struct line *ret)
{
	if (rest->len == 0)
		return false;
	const char *end = memchr(rest->at, '\n', rest->len);
	*ret = (struct line){rest->at, end ? (size_t)(end - rest->at) : rest->len};
	begin_at(rest, ret->at + ret->len + (end != NULL));
	trim_end(ret);
	for (const char *last; (last = memrchr(ret->at, '\r', ret->len)) != NULL;) {
		begin_at(ret, last + 1);
		break;
	}
	return true;
}

/* ---- Writing it ---- */

/* Length of an escape sequence, from the escape on.  CSI sequences end in a byte from @ to ~.
 * Source: ECMA-48, 5.4. */
static size_t sequence_length(const char *at, size_t len)
{
	size_t i = 2;
	if (len < 2 || at[1] != '[')
		return len < 2 ? len : 2;
	while (i < len && !(at[i] >= 0x40 && at[i] <= 0x7e))
		i++;
	return i < len ? i + 1 : len;
}

static size_t write_line(const struct line *line, char ret[HEALTH_OUTPUT_MAX + 1])
{
	size_t len = 0, i = 0;
	while (i < line->len && len < HEALTH_OUTPUT_MAX) {
		unsigned char c = (unsigned char)line->at[i];
		if (c == 0x1b) {
			i += sequence_length(line->at + i, line->len - i);
			continue;
		}
		if (c >= 0x20 && c != 0x7f && !(len == 0 && c == ' '))
			ret[len++] = (char)c;
		else if (len > 0 && c < 0x20)
			ret[len++] = ' ';
		i++;
	}
	/* Do not end in the middle of a UTF-8 character. */
	if (i < line->len && (line->at[i] & 0xc0) == 0x80) {
		while (len > 0 && (ret[len - 1] & 0xc0) == 0x80)
			len--;
		len -= len > 0;
	}
	ret[len] = '\0';
	return len;
}

size_t health_output_line(const char *output, size_t len, bool failed,
			  char ret[HEALTH_OUTPUT_MAX + 1])
{
	struct line rest = {output, len}, line, chosen = {0};
	int best = 0;
	while (next_line(&rest, &line)) {
		if (!strip_progress(&line))
			continue;
		/* An indented line of a traceback says where it was, not what it was. */
		bool is_indented = line.len > 0 && (line.at[0] == ' ' || line.at[0] == '\t');
		int rank = 1 + !is_indented;
		if (failed && names_error(&line))
			rank += 2;
		if (rank > best || (failed && rank == best)) {
			best = rank;
			chosen = line;
		}
	}
	return write_line(&chosen, ret);
}

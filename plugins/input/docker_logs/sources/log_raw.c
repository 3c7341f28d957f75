/*
 * See log_raw.h.  Called by source_api.c from within the stream's data(), on the input's thread.  A
 * line that lies whole in what curl hands over is read where it is, others are gathered in `line`.
 */
#include "sources/log_raw.h"

#include <stdlib.h>
#include <string.h>

/* The length of the engine's times and a blank: 2026-11-23T16:17:25.522965471Z. */
enum { RAW_TIME = 31, RAW_KEPT_LINE = 65536 };

void log_raw_restart(struct log_raw *raw)
{
	raw->len = raw->cut = 0;
	if (raw->size <= RAW_KEPT_LINE)
		return;
	free(raw->line);
	raw->line = NULL;
	raw->size = 0;
}

void log_raw_done(struct log_raw *raw)
{
	free(raw->line);
	*raw = (struct log_raw){.max = raw->max};
}

/* ---- The parts of a line ---- */

/* Where the next part begins within text, or its end.  The last byte of a time is a Z. */
static size_t raw_next_part(const char *text, size_t len, int64_t time)
{
	size_t at = 0;
	while (at + RAW_TIME <= len) {
		const char *z = memchr(text + at + RAW_TIME - 2, 'Z', len - at - RAW_TIME + 1);
		int64_t found;
		if (!z)
			return len;
		size_t start = (size_t)(z - text) - (RAW_TIME - 2);
		if (log_part_time(text + start, RAW_TIME, &found) == RAW_TIME && found >= time)
			return start;
		at = start + 1;
	}
	return len;
}

/* A whole raw line, perhaps without its newline. */
static enum log_outcome raw_hand_over(char *line, size_t len, size_t cut, log_part_fn *part,
				      void *arg)
{
	while (len > 0) {
		struct log_part next = {.stream = LOG_STDOUT};
		size_t used = log_part_time(line, len, &next.time);
		if (used == 0)
			return LOG_GARBAGE;
		/* Podman's times cannot be told from those that the program prints itself. */
		size_t text = log_part_has_whole_seconds(line)
				      ? len - used
				      : raw_next_part(line + used, len - used, next.time);
		bool last = used + text == len;
		log_part_read(&next, line, used + text, last ? cut : 0,
			      last && cut ? '\n' : line[used + text - 1]);
		enum log_outcome outcome = part(arg, &next);
		if (outcome != LOG_MORE)
			return outcome;
		line += used + text;
		len -= used + text;
	}
	return LOG_MORE;
}

/* ---- Lines out of pieces ---- */

static bool raw_keep(struct log_raw *raw, const char *bytes, size_t len)
{
	size_t room = raw->max - raw->len;
	size_t kept = len < room ? len : room;
	size_t size = raw->size ? raw->size : 1024;
	while (size < raw->len + kept)
		size *= 2;
	if (size > raw->size) {
		char *grown = realloc(raw->line, size);
		if (!grown)
			return false;
		raw->line = grown;
		raw->size = size;
	}
	memcpy(raw->line + raw->len, bytes, kept);
	raw->len += kept;
	raw->cut += len - kept;
	return true;
}

enum log_outcome log_raw_end(struct log_raw *raw, log_part_fn *part, void *arg)
{
	enum log_outcome outcome = raw_hand_over(raw->line, raw->len, raw->cut, part, arg);
	log_raw_restart(raw);
	return outcome;
}

enum log_outcome log_raw_feed(struct log_raw *raw, char *bytes, size_t len, log_part_fn *part,
			      void *arg)
{
	enum log_outcome outcome = LOG_MORE;
	while (len > 0 && outcome == LOG_MORE) {
		const char *newline = memchr(bytes, '\n', len);
		size_t used = newline ? (size_t)(newline - bytes) + 1 : len;
		if (newline && raw->len == 0 && used <= raw->max) {
			outcome = raw_hand_over(bytes, used, 0, part, arg);
		} else {
			if (!raw_keep(raw, bytes, used))
				return LOG_LOST;
			if (newline)
				outcome = log_raw_end(raw, part, arg);
		}
		bytes += used;
		len -= used;
	}
	return outcome;
}

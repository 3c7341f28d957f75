#include "log_lines.h"

#include <stdlib.h>
#include <string.h>

enum { JOIN_KEPT_TEXT = 32768 };

/* ---- One line that has begun ---- */

static void join_clear(struct log_join *join)
{
	join->len = join->cut = 0;
	join->time = 0;
	if (join->size <= JOIN_KEPT_TEXT)
		return;
	free(join->text);
	join->text = NULL;
	join->size = 0;
}

static bool join_add(struct log_join *join, const struct log_part *part, size_t max)
{
	size_t room = max > join->len ? max - join->len : 0;
	size_t kept = part->len < room ? part->len : room;
	size_t size = join->size ? join->size : JOIN_KEPT_TEXT;
	while (size < join->len + kept)
		size *= 2;
	if (size > join->size) {
		char *grown = realloc(join->text, size);
		if (!grown)
			return false;
		join->text = grown;
		join->size = size;
	}
	memcpy(join->text + join->len, part->text, kept);
	join->len += kept;
	join->cut += part->len - kept + part->cut;
	join->time = part->time;
	return true;
}

/* ---- Whole lines ---- */

static bool take(struct log_lines *lines, struct log_line *line, log_line_fn *each, void *arg)
{
	uint32_t ordinal;
	line->before = lines->resume.taken[line->stream];
	if (!log_resume_take(&lines->resume, line->stream, line->time, &ordinal)) {
		lines->repeats++;
		return true;
	}
	line->sequence = (int64_t)ordinal * LOG_STREAMS + line->stream;
	if (line->len > lines->max) {
		line->cut += line->len - lines->max;
		line->len = lines->max;
	}
	return each(arg, line);
}

static bool take_joined(struct log_lines *lines, enum log_stream stream, log_line_fn *each,
			void *arg)
{
	struct log_join *join = &lines->joins[stream];
	struct log_line line = {.time = join->time,
				.text = join->text,
				.len = join->len,
				.cut = join->cut,
				.stream = stream};
	if (join->time == 0)
		return true;
	bool more = take(lines, &line, each, arg);
	join_clear(join);
	return more;
}

void log_lines_restart(struct log_lines *lines)
{
	log_resume_rewind(&lines->resume);
	for (int i = 0; i < LOG_STREAMS; i++)
		join_clear(&lines->joins[i]);
}

/* What was sent comes again, and with it the lines that have begun since. */
static void begin_again(struct log_lines *lines, int64_t time)
{
	log_resume_rewind(&lines->resume);
	for (int i = 0; i < LOG_STREAMS; i++)
		if (lines->joins[i].time > time)
			join_clear(&lines->joins[i]);
}

/* false: as the line's function says. */
static bool begin_line(struct log_lines *lines, const struct log_part *part, log_line_fn *each,
		       void *arg)
{
	struct log_join *join = &lines->joins[part->stream];
	if (log_resume_comes_again(&lines->resume, part->stream, part->time) ||
	    part->time < join->time)
		begin_again(lines, part->time);
	/* Parts of one line have one time, so the line before had no newline. */
	return join->time == 0 || take_joined(lines, part->stream, each, arg);
}

bool log_lines_part(struct log_lines *lines, const struct log_part *part, log_line_fn *each,
		    void *arg)
{
	struct log_join *join = &lines->joins[part->stream];
	if (join->time != part->time && !begin_line(lines, part, each, arg))
		return false;
	if (join->time == 0 && part->ends) {
		struct log_line line = {.time = part->time,
					.text = part->text,
					.len = part->len,
					.cut = part->cut,
					.stream = part->stream};
		return take(lines, &line, each, arg);
	}
	if (!join_add(join, part, lines->max))
		return false;
	if (!part->ends)
		log_resume_begin(&lines->resume, part->stream, part->time);
	return !part->ends || take_joined(lines, part->stream, each, arg);
}

bool log_lines_end(struct log_lines *lines, log_line_fn *each, void *arg)
{
	bool more = true;
	for (int i = 0; i < LOG_STREAMS && more; i++)
		more = take_joined(lines, (enum log_stream)i, each, arg);
	return more;
}

void log_lines_done(struct log_lines *lines)
{
	for (int i = 0; i < LOG_STREAMS; i++)
		free(lines->joins[i].text);
	*lines = (struct log_lines){.max = lines->max};
}

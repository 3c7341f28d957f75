/*
 * See log_lines.h.  Called through log_part_fn for every part that a source reads, on the input's
 * thread; the usual case, a whole line in one part, is handed on without a copy.
 *
 * There are two kinds of repetition.  Reading begins before the position, so lines come that
 * were accepted before: log_resume.c drops those by time and number.  And Docker 20.10 sends what
 * is around a rotation a second time while it streams: 100 to 1,800 lines, which go back in time
 * and so are dropped in the same way, and the one line or part in front, with the same time as its
 * first copy, which only its text gives away (is_resent).
 */
#include "logs/log_lines.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

/* A larger buffer is given back with its line, so that one long line of each container does not
 * hold max_line bytes per stream for ever. */
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

static enum log_outcome accept(struct log_lines *lines, struct log_line *line, log_line_fn *each,
			       void *arg)
{
	uint32_t ordinal;
	line->before = lines->resume.accepted[line->stream];
	if (!log_resume_accept(&lines->resume, line->stream, line->time, &ordinal)) {
		lines->repeats++;
		return LOG_MORE;
	}
	lines->resume.open[line->stream] = line->open;
	line->sequence = (int64_t)ordinal * LOG_STREAMS + line->stream;
	if (line->len > lines->max) {
		line->cut += line->len - lines->max;
		line->len = lines->max;
	}
	return each(arg, line);
}

static enum log_outcome end_line(struct log_lines *lines, enum log_stream stream, bool open,
				 log_line_fn *each, void *arg)
{
	struct log_join *join = &lines->joins[stream];
	struct log_line line = {.time = join->time,
				.open = open,
				.text = join->text,
				.len = join->len,
				.cut = join->cut,
				.stream = stream};
	if (join->time == 0)
		return LOG_MORE;
	enum log_outcome outcome = accept(lines, &line, each, arg);
	join_clear(join);
	return outcome;
}

void log_lines_restart(struct log_lines *lines)
{
	log_resume_rewind(&lines->resume);
	memset(lines->last, 0, sizeof(lines->last));
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

/* Lines of one time within a whole second are many, and Podman sends nothing again. */
static bool comes_again(const struct log_lines *lines, const struct log_part *part)
{
	if (part->time < lines->joins[part->stream].time)
		return true;
	if (part->cri)
		return part->time < lines->resume.seen[part->stream].time;
	return log_resume_comes_again(&lines->resume, part->stream, part->time);
}

/* Does it belong to a line that has begun?  Docker's parts of one line have one time. */
static bool goes_on(const struct log_lines *lines, const struct log_part *part)
{
	int64_t begun = lines->joins[part->stream].time;
	if (begun == 0 || !part->cri)
		return begun == part->time;
	return begun <= part->time && !log_resume_was_open(&lines->resume, part->stream, begun);
}

/* Only such a text can have two full parts that are equal: their size is a power of two, so what
 * repeats itself from one to the next does so within them. */
static bool repeats_itself(const struct log_part *part)
{
	size_t period = LOG_PART_FULL / 2;
	while (period > 1 && period > part->len / 2)
		period /= 2;
	return part->len > period &&
	       memcmp(part->text, part->text + period, part->len - period) == 0;
}

/*
 * Docker 20.10 begins the new file of a rotation with what it sent last, be it a line or a part of
 * one.  No two lines that a container wrote have had the same nanosecond and the same text.
 */
static bool is_resent(struct log_lines *lines, const struct log_part *part)
{
	struct log_fingerprints *fingerprints = &lines->last[part->stream];
	bool open = lines->joins[part->stream].time == part->time;
	uint64_t hash = hash_bytes(part->cut, part->text, part->len);
	if (fingerprints->time != part->time)
		*fingerprints = (struct log_fingerprints){.time = part->time};
	for (uint32_t i = 0; i < fingerprints->n && i < LOG_FINGERPRINTS; i++)
		if (fingerprints->hashes[i] == hash)
			return !(open && repeats_itself(part));
	fingerprints->hashes[fingerprints->n++ % LOG_FINGERPRINTS] = hash;
	return false;
}

enum log_outcome log_lines_part(struct log_lines *lines, const struct log_part *part,
				log_line_fn *each, void *arg)
{
	struct log_join *join = &lines->joins[part->stream];
	if (lines->resends && !part->cri && is_resent(lines, part)) {
		lines->repeats++;
		return LOG_MORE;
	}
	if (!goes_on(lines, part)) {
		if (comes_again(lines, part))
			begin_again(lines, part->time);
		/* The line before had no newline: this one is another. */
		enum log_outcome outcome = end_line(lines, part->stream, false, each, arg);
		if (outcome != LOG_MORE)
			return outcome;
	}
	if (join->time == 0 && part->ends) {
		struct log_line line = {.time = part->time,
					.text = part->text,
					.len = part->len,
					.cut = part->cut,
					.stream = part->stream};
		return accept(lines, &line, each, arg);
	}
	if (!join_add(join, part, lines->max))
		return LOG_LOST;
	if (part->ends)
		return end_line(lines, part->stream, false, each, arg);
	log_resume_begin(&lines->resume, part->stream, part->time);
	return LOG_MORE;
}

enum log_outcome log_lines_end(struct log_lines *lines, log_line_fn *each, void *arg)
{
	enum log_outcome outcome = LOG_MORE;
	for (int i = 0; i < LOG_STREAMS && outcome == LOG_MORE; i++)
		outcome = end_line(lines, (enum log_stream)i, true, each, arg);
	return outcome;
}

void log_lines_done(struct log_lines *lines)
{
	for (int i = 0; i < LOG_STREAMS; i++)
		free(lines->joins[i].text);
	*lines = (struct log_lines){.max = lines->max};
}

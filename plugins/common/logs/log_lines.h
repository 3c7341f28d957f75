/*
 * Joins parts to lines up to a bound, drops the lines that were accepted before (log_resume.h), and
 * numbers those of the same time.  One per container; called by ingest.c.
 *
 * A line has the time of its parts; in the CRI format, where each part has its own, that of the
 * last.  So a line that was accepted without its end, because its container stopped, is recognised
 * when more follows it in the log: that belongs to the next run.
 */
#ifndef TALLYD_LOG_LINES_H
#define TALLYD_LOG_LINES_H

#include "logs/log_resume.h"

struct log_line {
	int64_t time;
	int64_t sequence; /* the same for the same line wherever it was read: 2 × ordinal + stream
			   */
	char *text;
	size_t len, cut; /* bytes; those over the bound are cut */
	enum log_stream stream;
	bool open;              /* it was not ended, but its container has */
	struct log_mark before; /* what was accepted of its stream before it */
};

struct log_join {
	char *text;
	size_t len, size, cut;
	int64_t time; /* of the last part; 0: no line has begun */
};

enum { LOG_FINGERPRINTS = 64 };

/* Hashes of the last parts with one time, by which they are recognised when they come again. */
struct log_fingerprints {
	int64_t time;
	uint32_t n;
	uint64_t hashes[LOG_FINGERPRINTS];
};

struct log_lines {
	size_t max;   /* bytes of a line */
	bool resends; /* the source sends lines twice in a row: Docker 20.10 at rotations */
	struct log_resume resume;
	struct log_join joins[LOG_STREAMS];
	struct log_fingerprints last[LOG_STREAMS];
	uint64_t repeats; /* lines that came again */
};

/* Anything but LOG_MORE: the line was not kept, and no more of them are wanted. */
typedef enum log_outcome log_line_fn(void *arg, const struct log_line *line);

/* What the line's function returned, or LOG_LOST: no memory. */
enum log_outcome log_lines_part(struct log_lines *lines, const struct log_part *part,
				log_line_fn *line, void *arg);
/* The container wrote no more: what has begun is a line. */
enum log_outcome log_lines_end(struct log_lines *lines, log_line_fn *line, void *arg);
/* For a new connection: forgets what has begun, since it will come again. */
void log_lines_restart(struct log_lines *lines);
void log_lines_done(struct log_lines *lines);

#endif

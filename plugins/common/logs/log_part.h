/*
 * What all sources of log lines have in common: a part of a line.  Docker cuts long lines into
 * parts of LOG_PART_FULL bytes that share one timestamp; only the last of them ends in a newline,
 * and a shorter one without is the end of what the container wrote.  Where the log is written in
 * the CRI format (Podman, containerd) a part is whatever was read in one go: of any length, with a
 * time of its own, and its line ends only where the format says so.
 */
#ifndef TALLYD_LOG_PART_H
#define TALLYD_LOG_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "logs/outcome.h"

enum { LOG_PART_FULL = 16384 }; /* the engine's own constant, in all versions so far */

enum log_stream { LOG_STDOUT, LOG_STDERR, LOG_STREAMS };

struct log_part {
	int64_t time; /* ns since 1970 */
	char *text;   /* without its newline; not NUL-terminated */
	size_t len;
	size_t cut; /* bytes behind text that were not kept */
	enum log_stream stream;
	bool ends;    /* its line ends with it */
	bool cri;     /* the next part of its line may have another time, and be of any length */
	bool seconds; /* its time is cut to the whole second */
};

/* Anything but LOG_MORE: the source stops reading and returns it. */
typedef enum log_outcome log_part_fn(void *arg, const struct log_part *part);

/* text: with its newline, if it has one and was kept whole.  last: its last byte in any case. */
static inline void log_part_set_text(struct log_part *part, char *text, size_t len, size_t cut,
				     char last)
{
	bool newline = len + cut > 0 && last == '\n';
	part->ends = newline || len + cut < LOG_PART_FULL;
	part->text = text;
	part->len = len;
	part->cut = cut;
	if (newline && cut > 0)
		part->cut--;
	else if (newline)
		part->len--;
}

/* Of "2026-11-23T16:18:12.902552239Z text" the length of the time and its blank; 0: there is none.
 */
size_t log_part_time(const char *text, size_t len, int64_t *ret);
bool log_part_has_whole_seconds(const char *text);
/* What an engine sent: sets all but the stream.  false: there is no time in front.  Docker's times
 * always have nine digits of a second, Podman's none. */
bool log_part_read(struct log_part *part, char *text, size_t len, size_t cut, char last);

#endif

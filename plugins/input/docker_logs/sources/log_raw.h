/*
 * The stream of a container with a terminal: "TIME text\r\n", one after the other, no frames, all
 * of it stdout.  The parts of a long line follow each other without a newline, each with the same
 * TIME in front; so does, after a last line that had no newline, the first of the next run, with
 * a later one.  A time within a line counts only if it is none earlier than the line's own: what a
 * program prints about its own time is always earlier than the engine's stamp on it.
 */
#ifndef TALLYD_LOG_RAW_H
#define TALLYD_LOG_RAW_H

#include "sources/log_frames.h"

struct log_raw {
	size_t max; /* bytes of a raw line that are kept */
	char *line;
	size_t len, size, cut;
};

enum log_outcome log_raw_feed(struct log_raw *raw, char *bytes, size_t len, log_part_fn *part,
			      void *arg);
/* The log has ended: what has come of a line is one, without its newline. */
enum log_outcome log_raw_end(struct log_raw *raw, log_part_fn *part, void *arg);
void log_raw_restart(struct log_raw *raw);
void log_raw_done(struct log_raw *raw);

#endif

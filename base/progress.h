/*
 * How far something that takes long has come, for whoever waits for it: on a terminal a bar that is
 * drawn over itself, elsewhere (a pipe, a journal, a file) a plain line every ten seconds.  Goes to
 * stderr, so that results on stdout stay clean.  What is over within half a second shows nothing.
 *
 *	struct progress progress;
 *	progress_begin(&progress, "copying container_stats", "rows", total);
 *	while (more)
 *		progress_set(&progress, copied += copy_some());
 *	progress_end(&progress);
 *
 * Before anything else is printed to stderr in between: progress_pause().  One thread at a time;
 * nothing can fail.
 */
#ifndef TALLYD_BASE_PROGRESS_H
#define TALLYD_BASE_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct progress {
	FILE *file;
	const char *what; /* "copying container_stats"; must stay valid */
	const char *unit; /* "rows"; of "bytes" KiB, MiB and so on are shown */
	int64_t done;
	int64_t total; /* 0: not known */
	int64_t first; /* done at the beginning: what is resumed was not done in this time */
	int64_t begun, shown, now; /* monotonic */
	bool terminal;             /* a bar instead of lines */
	bool drawn;                /* the bar is on the screen */
	bool told;                 /* something was shown, so its end is as well */
};

/* To stderr; total 0: how much there is to do is not known. */
void progress_begin(struct progress *progress, const char *what, const char *unit, int64_t total);

/* So much of it is done.  Cheap: draws at most ten times a second. */
void progress_set(struct progress *progress, int64_t done);

/* It goes on from here, as the part before was done in another run. */
void progress_resume(struct progress *progress, int64_t done);

/* Takes the bar off the screen until the next progress_set(). */
void progress_pause(struct progress *progress);

/* Done, or given up: a bar becomes a line that says how much was done in what time. */
void progress_end(struct progress *progress);

/* ---- For tests ---- */

/* As progress_begin(), with a clock that only progress_tick() moves. */
void progress_begin_at(struct progress *progress, FILE *file, bool terminal, int64_t now);
void progress_tick(struct progress *progress, int64_t done, int64_t now);
void progress_end_at(struct progress *progress, int64_t now);

/* The line as it would be shown in so many columns. */
void progress_format(const struct progress *progress, size_t columns, char *ret, size_t size);

#endif

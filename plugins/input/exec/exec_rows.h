/*
 * From lines to batches: what a program writes is parsed, checked, counted, and emitted, with its
 * position if it gives any.  A refused line is logged with its number, and costs nothing else.  On
 * the instance's thread; emitting waits while a buffer is full, and then nothing is read from the
 * program.
 */
#ifndef TALLYD_EXEC_ROWS_H
#define TALLYD_EXEC_ROWS_H

#include "exec_row.h"

enum { EXEC_MAX_POSITION = 900, EXEC_MAX_OPEN = 2 * EXEC_MAX_TABLES };

enum exec_metric {
	EXEC_METRIC_LINES,
	EXEC_METRIC_REFUSED, /* one for each enum exec_refused */
	EXEC_METRIC_UNKNOWN = EXEC_METRIC_REFUSED + EXEC_REFUSED_END,
	EXEC_METRIC_STDERR,
	EXEC_METRIC_RUNS,
	EXEC_METRIC_FAILED_START,
	EXEC_METRIC_FAILED_EXIT,
	EXEC_METRIC_FAILED_TIMEOUT,
	EXEC_METRICS_END
};

struct exec_rows {
	struct tally_ctx *ctx;
	struct exec_tables tables;
	bool influx;
	bool refuse_unknown;
	bool positions;                          /* the program gives positions */
	char position[EXEC_MAX_POSITION + 2];    /* of the last rows emitted; see exec_rows.c */
	int64_t order;                           /* of the last row */
	struct tally_batch *open[EXEC_MAX_OPEN]; /* what is not emitted yet, a batch per table */
	size_t n_open, bytes;
	uint64_t n_rows;
	int64_t since; /* when the first of these rows came */
	bool holding;  /* they wait for the position that covers them */
	bool told;     /* that they did not */
	struct exec_row row;
};

void exec_rows_done(struct exec_rows *rows);

/* A program is started. */
void exec_rows_begin(struct exec_rows *rows);
/* Before a program is started: where it resumes, NULL: at the beginning.  For its hello. */
const char *exec_rows_resume(struct exec_rows *rows);
/* Up to where its rows are safe; NULL: nothing is.  Valid until the next call with this ret. */
const char *exec_rows_safe(struct exec_rows *rows, char ret[EXEC_MAX_POSITION + 2]);
/* Is something on its way that is not safe yet? */
bool exec_rows_waiting(const struct exec_rows *rows, const char *safe);

/* One line, which is changed.  -ECANCELED: the instance stops, and rows were not taken. */
int exec_rows_line(struct exec_rows *rows, char *line, size_t len, uint64_t number);
/* Counts and logs a line that is none. */
void exec_rows_refuse(struct exec_rows *rows, uint64_t number, const struct exec_problem *problem);
/* The program has said nothing more for now: emits what does not wait for a position. */
int exec_rows_pause(struct exec_rows *rows);
/* When that is to be called at the latest, a time of tally_monotonic(). */
int64_t exec_rows_due(const struct exec_rows *rows);
/* The program has ended, well or not: emits what is open, or leaves it to come again. */
int exec_rows_end(struct exec_rows *rows, bool well);
/* Forgets it: those rows come again, as their position was not reached. */
void exec_rows_drop(struct exec_rows *rows);

#endif

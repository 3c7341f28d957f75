/*
 * One container looked at closely: its readings over a range of time, and its log, as they come.
 * One thread.
 */
#ifndef TALLYD_CONSOLE_DETAIL_H
#define TALLYD_CONSOLE_DETAIL_H

#include "terminal/backlog.h"
#include "base/backoff.h"
#include "api/client.h"
#include "api/sse.h"

enum detail_series { DETAIL_CPU, DETAIL_MEM, DETAIL_RX, DETAIL_TX, DETAIL_SERIES };
enum { DETAIL_POINTS = 400, DETAIL_RANGES = 5 };

struct detail {
	struct client *client;
	char *host, *id;
	int range;     /* of detail_range_name() */
	size_t points; /* wanted */
	double values[DETAIL_SERIES][DETAIL_POINTS];
	size_t n[DETAIL_SERIES];
	bool loaded;
	struct backlog log;
	struct request *series, *lines;
	struct sse sse;
	struct backoff backoff;
	int64_t series_at, lines_at; /* monotonic */
	char problem[CLIENT_PROBLEM_SIZE], log_problem[CLIENT_PROBLEM_SIZE];
	bool no_log; /* it is not for us */
	bool changed;
};

/* NULL: no memory. */
struct detail *detail_create(struct client *client, const char *host, const char *id);
void detail_destroy(struct detail *detail);
void detail_tick(struct detail *detail);
/* A longer range, or a shorter one. */
void detail_zoom(struct detail *detail, int step);
const char *detail_range_name(int range);

#endif

/*
 * A search in logs that cannot take for ever: for the text of q=, the expressions of regex=, and
 * the containers of project= and label=.  The range is gone through in windows of time until there
 * are enough rows or search_time is over; what was reached by then is known, so an answer can say
 * how far it goes.
 *
 *	struct log_search search auto_log_search;
 *	r = log_search_read(context, &search);
 *	r = log_search_filter(&search, &query);        what of it the store can do
 *	if (log_search_is_needed(&search))
 *		r = log_search_run(&search, &query, &sink);
 */
#ifndef TALLYD_HTTP_LOG_SEARCH_H
#define TALLYD_HTTP_LOG_SEARCH_H

#include "query/container_set.h"
#include "pattern.h"

enum { LOG_SEARCH_MAX_PATTERNS = 8, LOG_SEARCH_NAMED = 64 };

struct log_search {
	struct context *context;
	struct pattern *patterns[LOG_SEARCH_MAX_PATTERNS]; /* all must match */
	uint32_t n_patterns;
	bool text; /* q= was given */
	struct container_set containers;
	bool named;           /* they are conditions of the query */
	uint32_t message, id; /* where in a row */
	/* Afterwards. */
	bool stopped;    /* search_time was over */
	int64_t reached; /* then: what lies before it, or in ascending order from it on, was not
			  * looked at */
};

/* Where rows go.  Those of a window that did not end in time are taken back, and given again. */
struct log_search_sink {
	int (*take)(void *arg, const struct tally_batch *row); /* 0 or -errno */
	void (*keep)(void *arg); /* a window is done: what it gave stays */
	void (*back)(void *arg); /* what came since keep() was too little */
	void *arg;
	uint32_t most; /* rows that a page has; 0: all */
};

void log_search_done(struct log_search *search);
#define auto_log_search __attribute__((cleanup(log_search_done)))

/* The parameters q, regex, project and label of the request.  0, or a problem; owes
 * log_search_done() in either case. */
int log_search_read(struct context *context, struct log_search *ret);
/* Whether no row can pass, since no container does. */
bool log_search_is_empty(const struct log_search *search);
/* Conditions for the store, besides those of q=.  columns: as the query selects them. */
void log_search_filter(struct log_search *search, struct query *query);
/* Else the query alone gives what was asked for. */
bool log_search_is_needed(const struct log_search *search);
/* The query's range.  0; -ETIMEDOUT: nothing was found out in time; or a problem. */
int log_search_run(struct log_search *search, struct query *query,
		   const struct log_search_sink *sink);

#endif

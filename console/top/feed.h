/*
 * Keeps a model up to date by the API: the list every ten seconds and after each change of a
 * container, readings by a stream, trends every half minute, and whether the daemon is well.  What
 * fails is said in words and tried again after a growing pause.  One thread.
 */
#ifndef TALLYD_CONSOLE_FEED_H
#define TALLYD_CONSOLE_FEED_H

#include "base/backoff.h"
#include "api/client.h"
#include "top/model.h"
#include "api/sse.h"

struct feed {
	struct client *client;
	struct model model;
	struct backoff backoff;

	struct request *list, *stream, *trends, *ready;
	struct strbuf cursor; /* of the list's next page */
	struct sse sse;
	int64_t list_at, stream_at, trends_at, ready_at; /* monotonic: when next */
	bool polls;     /* no stream for us (live = off, or the token does not cover it) */
	bool no_health; /* nor that */

	char problem[CLIENT_PROBLEM_SIZE]; /* of the list; "": none */
	long problem_status;               /* of the answer; 0: nobody answered */
	char unready[CLIENT_PROBLEM_SIZE]; /* what /readyz says is wrong */
	double age;      /* s, of the newest reading as the server counted it; NAN: unknown */
	int64_t aged_at; /* when, monotonic */
	bool changed;    /* something to draw */
};

/* The client is borrowed. */
void feed_begin(struct feed *feed, struct client *client);
/* Begins what is due. */
void feed_tick(struct feed *feed);
/* At once, if it waits for its time. */
void feed_again(struct feed *feed);
void feed_done(struct feed *feed);

/* Seconds since the newest reading; NAN: there is none. */
double feed_age(const struct feed *feed);

#endif

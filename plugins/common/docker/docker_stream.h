/*
 * Open-ended answers: many GETs to one engine, held open at once.  Knows HTTP and how to reach the
 * engine, nothing of the content; counts each request, and the time until its 200, as docker.h
 * does.  One thread.
 *
 * Happy path: streams_open() each; wait until streams_fd() is readable or streams_due() has come,
 * then streams_act(), which calls opened(), data() and ended() of whatever has moved. Back-pressure
 * is the caller's own: while its data() blocks nothing is read, and the engine waits.
 * Failures are passed to ended(): the connection, the status, or a data() that returned false.
 */
#ifndef TALLYD_PLUGINS_COMMON_DOCKER_STREAM_H
#define TALLYD_PLUGINS_COMMON_DOCKER_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "docker/docker.h"

struct docker_streams;
struct docker_stream;

struct stream_calls {
	void (*opened)(void *arg); /* may be NULL: a 200 has come, with no bytes yet */
	/* Of a 200.  false: enough, end it with ECANCELED. */
	bool (*data)(void *arg, char *bytes, size_t len);
	/* The last call; the stream is gone.  error 0 and status 200: it ended well; error 0 and
	 * another status: refused, with the beginning of the body. */
	void (*ended)(void *arg, const struct fetch_answer *answer);
};

/* docker must outlive it.  -ENOMEM, -EMFILE, … */
int streams_create(struct docker *docker, struct docker_streams **ret);
/* Ends all without a call. */
void streams_destroy(struct docker_streams *streams);

struct stream_request {
	enum docker_call call;
	const char *path; /* after the API's version */
	const struct stream_calls *calls;
	void *arg;
};

/* -ENOMEM, -EPERM: not listed in docker_request.h.  The request's calls and arg live until ended();
 * no call comes from in here. */
int streams_open(struct docker_streams *streams, const struct stream_request *request,
		 struct docker_stream **ret);
/* Ends one without a call.  Not from within its own data() or opened(). */
void streams_close(struct docker_streams *streams, struct docker_stream *stream);

int streams_fd(const struct docker_streams *streams);      /* for poll() */
int64_t streams_due(const struct docker_streams *streams); /* CLOCK_MONOTONIC ns; -1: never */
void streams_act(struct docker_streams *streams);

#endif

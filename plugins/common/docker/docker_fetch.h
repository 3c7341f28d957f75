/*
 * Concurrent GETs to one engine, over persistent connections.  Knows HTTP and the endpoint, nothing
 * of Docker.
 *
 * Happy path: start up to at_once transfers; as each ends hand its answer over and start the next
 * in its place.  What can fail: a connection, one answer (too late, too long, cut off), or all
 * of it, because the instance is being stopped.  One thread.
 */
#ifndef TALLYD_PLUGINS_COMMON_DOCKER_FETCH_H
#define TALLYD_PLUGINS_COMMON_DOCKER_FETCH_H

#include <stddef.h>
#include <stdint.h>

#include "docker/docker_endpoint.h"

enum { FETCH_PATH_SIZE = 512, FETCH_REASON_SIZE = 320 };

struct docker_fetch;
struct json_trim;

struct fetch_tls {
	const char *ca, *cert, *key; /* paths of files, or NULL */
};

struct fetch_answer {
	int error;    /* 0: the whole answer is here; else an errno, and reason says more */
	int status;   /* HTTP's */
	char *body;   /* borrowed, NUL-terminated; to keep it, set it to NULL and free() it later */
	size_t len;   /* of the body, also of one that is cut off */
	int64_t took; /* ns */
	uint32_t trimmed; /* strings and members that were cut or left out */
	const char *reason;
};

struct fetch_job {
	uint32_t n;           /* requests, numbered from 0 */
	uint32_t concurrency; /* requests at the same time, at most */
	size_t max_bytes;     /* of one body */
	/* NULL: one that is longer is refused.  Else its long strings and members are left out, by
	 * json_trim.h, and what stays must fit. */
	const struct json_trim *trim;
	int64_t timeout; /* ns for one request; twice that for all of them */
	/* ns; 0: none.  When most have answered and nothing more has come for so long, the rest are
	 * given up, so that one that hangs does not hold up all others until its timeout. */
	int64_t straggler_timeout;
	void (*path)(void *arg, uint32_t i, char ret[FETCH_PATH_SIZE]);
	void (*done)(void *arg, uint32_t i, struct fetch_answer *answer);
	void *arg;
};

/* stop_fd: readable when a run should be given up.  The endpoint stays the caller's. */
int fetch_create(const struct docker_endpoint *endpoint, const struct fetch_tls *tls, int stop_fd,
		 struct docker_fetch **ret);
void fetch_destroy(struct docker_fetch *fetch);

/* Calls done() once for every request.  -ECANCELED: being stopped, then not for all; -ENOMEM. */
int fetch_run(struct docker_fetch *fetch, const struct fetch_job *job);

#endif

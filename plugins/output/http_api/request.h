/*
 * One request, from its first line to its answer.  The connection owns one reference, the room
 * (where it waits for a worker) another.
 */
#ifndef TALLYD_HTTP_REQUEST_H
#define TALLYD_HTTP_REQUEST_H

#include <microhttpd.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "endpoint.h"
#include "params.h"
#include "reply.h"

struct room;

enum request_stage {
	REQUEST_NEW,      /* headers not looked at yet */
	REQUEST_ACCEPTED, /* they passed the filter */
	REQUEST_WAITING,  /* suspended; whoever takes it out of this stage answers it */
	REQUEST_TAKEN,    /* somebody answers it, or has */
};

struct request {
	atomic_int references;
	struct MHD_Connection *connection; /* valid while WAITING, and for who took it out */
	char *raw;                         /* path and query as they came */
	struct target target;
	const struct endpoint *endpoint; /* NULL: there is none */
	const char *segment;             /* of the target, as in struct call */
	struct room *room;               /* where it waits */
	int64_t now;                     /* when it came: wall time and monotonic */
	int64_t started, deadline;
	struct reply reply; /* written by who took it, read by the connection after that */
	int stage;          /* guarded by the room's lock from WAITING on */
	struct request *next_job;
	struct request *previous, *next; /* those that wait, by deadline */
};

struct request *request_create(const char *raw); /* NULL: no memory */
struct request *request_keep(struct request *request);
void request_drop(struct request *request);

#endif

/*
 * The containers of the services that service= of a stream names: those that the store knew when
 * the client came, and from then on those that events tell of, so that a container which takes
 * another's place goes on in the same stream.  One client's; first its worker, then the HTTP
 * thread.
 */
#ifndef TALLYD_HTTP_SERVICE_MEMBERS_H
#define TALLYD_HTTP_SERVICE_MEMBERS_H

#include "base/hash_set.h"
#include "live/ring_buffer.h"
#include "query/container_set.h"

struct service_members {
	bool given; /* the request has service=; else every container is one */
	char **services;
	uint32_t n_services;
	struct hash_set ids;
	size_t n_ids;
	/* Until what is of the past has been read; the query may name so many at most. */
	struct container_set stored;
	struct ring_buffer *events;
	uint64_t at; /* the next row of it */
};

enum { SERVICE_MEMBERS_NAMED = 64, SERVICE_MEMBERS_MAX = 1 << 16 };

/* The parameters alone.  0, or a problem; owes service_members_done() in either case. */
int service_members_read(struct context *context, const char *topic, struct service_members *ret);
void service_members_done(struct service_members *members);

/* Once rows of events are wanted: who belongs to it by the store.  0, or a problem. */
int service_members_find(struct service_members *members, struct context *context,
			 struct ring_buffer *events);
/* Who came since. */
void service_members_follow(struct service_members *members);

bool service_members_has(const struct service_members *members, const struct tally_cell *id);
/* Conditions for a query of the past; false: there are too many, so look at each row. */
bool service_members_ask(const struct service_members *members, struct query *query);

#endif

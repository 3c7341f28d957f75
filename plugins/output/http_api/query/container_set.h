/*
 * The containers that project=, service= and label= name, for rows that know a container by its id
 * only.
 */
#ifndef TALLYD_HTTP_CONTAINER_SET_H
#define TALLYD_HTTP_CONTAINER_SET_H

#include "query/query_builder.h"

struct container_set {
	bool given; /* the request has such a parameter; else every container is in it */
	uint32_t n;
	const struct tally_cell **ids; /* sorted */
	struct result_set rows;        /* that they lie in */
};

/* 0, or a problem; owes container_set_done() in either case. */
int container_set_read(struct context *context, struct container_set *ret);
void container_set_done(struct container_set *set);

bool container_set_has(const struct container_set *set, const struct tally_cell *id);

#endif

/*
 * Which containers a request for readings means, and which group each of them is in: what
 * container_info says of them, or where nobody collects that, the names among their readings.
 */
#ifndef TALLYD_HTTP_CONTAINER_GROUPS_H
#define TALLYD_HTTP_CONTAINER_GROUPS_H

#include "query/container_lookup.h"

/* In the order of the choices of group_by=. */
enum group_by { GROUP_CONTAINER, GROUP_PROJECT, GROUP_SERVICE, GROUP_HOST, GROUP_IMAGE };
const char *group_by_name(enum group_by by);

struct container_groups {
	bool narrowed;                    /* only these containers; else all that have readings */
	struct result_set rows;           /* of containers: GROUPED_…  */
	const struct tally_cell **sorted; /* rows, by host and id */
	const struct tally_cell **ids;    /* those to be asked for, if narrowed */
	struct tally_cell *named;         /* that ids points to, of containers that ids= names */
	uint32_t n, n_ids;
};

void container_groups_done(struct container_groups *groups);
#define auto_container_groups __attribute__((cleanup(container_groups_done)))

/* Of the containers that project=, label= and image= leave, or if there are any, of those named.
 * 0, or a problem; owes container_groups_done() in either case. */
int container_groups_read(struct context *context, enum group_by by, const struct container *named,
			  uint32_t n_named, struct container_groups *ret);

/* NULL or a cell that is not set: not known.  Valid as long as groups. */
const struct tally_cell *container_groups_find(const struct container_groups *groups,
					       enum group_by by, const struct tally_cell *host,
					       const struct tally_cell *id);
/* From when to when it existed; INT64_MIN, INT64_MAX: not known, or it still does. */
void container_groups_life(const struct container_groups *groups, const struct tally_cell *host,
			   const struct tally_cell *id, int64_t *ret_from, int64_t *ret_to);

/* host= and name= as conditions of a query for readings, which bear both.  0, or a problem. */
int container_groups_filter(struct query *query);
/* Runs a query once, or if the containers are narrowed down once for every hundred of them, until
 * it returns other than 0. */
int container_groups_each(const struct container_groups *groups, struct query *query,
			  int (*run)(struct query *query, void *arg), void *arg);

#endif

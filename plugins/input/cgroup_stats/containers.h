/*
 * The containers that are read, in the order of their ids, each with its open files and its
 * previous sample.  Bounded by max_containers.  One thread.
 */
#ifndef TALLYD_CGROUP_STATS_CONTAINERS_H
#define TALLYD_CGROUP_STATS_CONTAINERS_H

#include "cgroup/cgroup_files.h"
#include "containers/stats_row.h"
#include "cri/cri_name.h"

struct container {
	char id[CRI_ID_SIZE];
	struct cri_name name; /* of which only the uid may be known, or nothing */
	bool named;
	struct cgroup_files *files; /* NULL: it has ended */
	struct stats_cpu cpu;
	/* As last read; the processor's as quota and period. */
	struct json_int mem_limit, pids_limit, cpu_quota, cpu_period;
};

struct containers {
	struct container **items;
	uint32_t n, allocated;
};

/* NULL: there is none. */
struct container *containers_find(const struct containers *containers, const char *id);
/* One of that id, of which there is none yet.  NULL: no memory. */
struct container *containers_add(struct containers *containers, const char *id);
/* Forgets those that have ended. */
void containers_remove_ended(struct containers *containers);
void containers_done(struct containers *containers);

#endif

/*
 * Where a container's cgroups are: by what is mounted here (mountinfo) and what /proc/PID/cgroup
 * says of its first process.  Only texts; opens nothing.
 */
#ifndef TALLYD_CGROUP_PATHS_H
#define TALLYD_CGROUP_PATHS_H

#include "cgroup_text.h"

enum cgroup_hierarchy {
	CGROUP_UNIFIED, /* v2 */
	CGROUP_CPUACCT,
	CGROUP_CPU,
	CGROUP_MEMORY,
	CGROUP_PIDS,
	CGROUP_BLKIO,
	CGROUP_CPUSET,
	CGROUP_HIERARCHIES
};

enum { CGROUP_PATH_SIZE = 512, CGROUP_MOUNTS_MAX = 32 };

struct cgroup_mount {
	char root[CGROUP_PATH_SIZE];  /* which part of the hierarchy is mounted; "" for all */
	char point[CGROUP_PATH_SIZE]; /* where */
	uint8_t hierarchies;          /* a bit each */
};

struct cgroup_mounts {
	struct cgroup_mount items[CGROUP_MOUNTS_MAX];
	uint32_t n;
};

/* A line of mountinfo; any that is not of a cgroup is passed over, as is what does not fit. */
void cgroup_mounts_add(struct cgroup_mounts *mounts, struct cgroup_span line);

struct cgroup_paths {
	char paths[CGROUP_HIERARCHIES][CGROUP_PATH_SIZE]; /* within the hierarchy; "": none */
	bool unified;
};

/*
 * The container's own cgroups, by the text of /proc/PID/cgroup: each path is cut behind the part
 * that names the container, since what runs in it may move into cgroups below.  False: it is not
 * named, so the PID is not its, or not in our PID namespace.
 */
bool cgroup_paths_parse(struct cgroup_span text, const char *id, struct cgroup_paths *ret);

/* The folder of a hierarchy, below root; false: it is not mounted here, or the container has none.
 */
bool cgroup_paths_resolve(const struct cgroup_mounts *mounts, const struct cgroup_paths *paths,
			  enum cgroup_hierarchy hierarchy, char ret[CGROUP_PATH_SIZE]);

#endif

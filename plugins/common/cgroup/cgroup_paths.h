/*
 * What is mounted here, by mountinfo, and the paths of a container's cgroups, by /proc/PID/cgroup
 * of its first process.  Parses text; opens nothing.
 */
#ifndef TALLYD_CGROUP_PATHS_H
#define TALLYD_CGROUP_PATHS_H

#include "cgroup/cgroup_text.h"

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
	char root[CGROUP_PATH_SIZE];  /* the part of the hierarchy that is mounted; "": all */
	char point[CGROUP_PATH_SIZE]; /* where */
	uint8_t hierarchies;          /* a bit each */
};

struct cgroup_mounts {
	struct cgroup_mount items[CGROUP_MOUNTS_MAX];
	uint32_t n;
};

/* Adds a line of mountinfo; skips lines that are not of a cgroup, and what does not fit. */
void cgroup_mounts_add(struct cgroup_mounts *mounts, struct cgroup_span line);

/* Are the counters in v2?  In hybrid mode (v1 controllers beside an empty v2 hierarchy) they are in
 * v1. */
bool cgroup_mounts_are_unified(const struct cgroup_mounts *mounts);
/* Where most of a hierarchy is seen: below host_root ("": everywhere), else whole, else in part.
 * NULL: nowhere. */
const struct cgroup_mount *cgroup_mounts_best(const struct cgroup_mounts *mounts,
					      enum cgroup_hierarchy hierarchy,
					      const char *host_root);

struct cgroup_paths {
	char paths[CGROUP_HIERARCHIES][CGROUP_PATH_SIZE]; /* within the hierarchy; "": none */
	bool unified;
};

/*
 * The container's own cgroups, from the text of /proc/PID/cgroup.  Each path is cut behind the
 * component that names the container, since its processes may move into cgroups below.  False: no
 * path names it, so the PID is not the container's, or not in our PID namespace.
 */
bool cgroup_paths_parse(struct cgroup_span text, const char *id, struct cgroup_paths *ret);

/* The folder of a hierarchy, below cgroup_root; false: it is not mounted here, or the container has
 * none. */
bool cgroup_paths_resolve(const struct cgroup_mounts *mounts, const struct cgroup_paths *paths,
			  enum cgroup_hierarchy hierarchy, char ret[CGROUP_PATH_SIZE]);

#endif

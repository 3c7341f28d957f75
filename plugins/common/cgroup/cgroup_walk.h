/*
 * A walk through the cgroup hierarchy for containers, in pieces: it stops when its time is up, and
 * goes on where it stopped.  So a hierarchy of any size delays nobody, and all of it is seen.
 *
 * Happy path: begin, next until 0, end.  What can fail: the top cannot be opened; folders that
 * vanish meanwhile are skipped, as are links.  What is below a container is not looked at.  Holds a
 * descriptor per level.  One thread.
 */
#ifndef TALLYD_CGROUP_WALK_H
#define TALLYD_CGROUP_WALK_H

#include <dirent.h>

#include "cgroup/cgroup_paths.h"
#include "cgroup/cgroup_pattern.h"

enum { CGROUP_LEVELS = 16 };

struct cgroup_level {
	DIR *folder;
	struct cgroup_match match;
	size_t path_len;
};

struct cgroup_walk {
	const struct cgroup_patterns *patterns;
	char path[CGROUP_PATH_SIZE]; /* from the top, of the folder that is read */
	struct cgroup_level levels[CGROUP_LEVELS];
	unsigned n; /* 0: it has ended, or not begun */
};

struct cgroup_found {
	char path[CGROUP_PATH_SIZE]; /* from the top */
	char id[CRI_ID_SIZE];
};

/* 0, or an errno. */
int cgroup_walk_begin(struct cgroup_walk *walk, const struct cgroup_patterns *patterns,
		      const char *top);
/* 1: a container; 0: there is none left; -EAGAIN: the time is up.  until: of CLOCK_MONOTONIC, ns.
 */
int cgroup_walk_next(struct cgroup_walk *walk, int64_t until, struct cgroup_found *ret);
void cgroup_walk_end(struct cgroup_walk *walk); /* at any time */

#endif

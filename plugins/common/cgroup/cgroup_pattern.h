/*
 * Patterns of the paths at which containers' cgroups are, as configured.  A star and `?` match
 * within a folder's name, two stars any number of folders, {id} in the last name the container's
 * id: 12 to 64 hex digits.  A folder is matched name by name as a walk goes down, so that only what
 * may lead to a container is opened.  No I/O; one thread.
 */
#ifndef TALLYD_CGROUP_PATTERN_H
#define TALLYD_CGROUP_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

#include "cri/cri_name.h"

enum { CGROUP_PATTERNS = 16, CGROUP_PARTS = 16 };

struct cgroup_pattern {
	char *text; /* the parts, each NUL-terminated */
	const char *parts[CGROUP_PARTS];
	unsigned n;
	const char *suffix; /* behind {id}; the last part ends where {id} was */
};

struct cgroup_patterns {
	struct cgroup_pattern items[CGROUP_PATTERNS];
	unsigned n;
};

/* How far each pattern has been matched by the folders down to one: a bit for each part that its
 * next name may be. */
struct cgroup_match {
	uint16_t parts[CGROUP_PATTERNS];
};

/* list: NULL-terminated.  NULL, or what is wrong with *ret_wrong. */
const char *cgroup_patterns_init(struct cgroup_patterns *patterns, const char *const *list,
				 const char **ret_wrong);
void cgroup_patterns_done(struct cgroup_patterns *patterns);

struct cgroup_match cgroup_patterns_top(const struct cgroup_patterns *patterns);
/* The same for a folder in that one.  false: no container can be below it. */
bool cgroup_patterns_enter(const struct cgroup_patterns *patterns, const struct cgroup_match *above,
			   const char *name, struct cgroup_match *ret);
/* Is a folder of that name in it a container's? */
bool cgroup_patterns_id(const struct cgroup_patterns *patterns, const struct cgroup_match *above,
			const char *name, char ret_id[CRI_ID_SIZE]);

#endif

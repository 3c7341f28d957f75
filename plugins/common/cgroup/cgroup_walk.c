/* See cgroup_walk.h: a readdir() and a match per folder, an open() of those that may lead on. */
#include "cgroup/cgroup_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

/* false: it cannot be opened, or is no folder. */
static bool go_down(struct cgroup_walk *walk, int above, const char *name,
		    const struct cgroup_match *match)
{
	int fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	if (!folder) {
		int error = errno;
		if (fd >= 0)
			close(fd);
		errno = error;
		return false;
	}
	walk->levels[walk->n++] = (struct cgroup_level){
		.folder = folder, .match = *match, .path_len = strlen(walk->path)};
	return true;
}

static void go_up(struct cgroup_walk *walk)
{
	closedir(walk->levels[--walk->n].folder);
	if (walk->n > 0)
		walk->path[walk->levels[walk->n - 1].path_len] = '\0';
}

int cgroup_walk_begin(struct cgroup_walk *walk, const struct cgroup_patterns *patterns,
		      const char *top)
{
	const struct cgroup_match match = cgroup_patterns_top(patterns);
	cgroup_walk_end(walk);
	*walk = (struct cgroup_walk){.patterns = patterns};
	return go_down(walk, AT_FDCWD, top, &match) ? 0 : errno;
}

/* true: it is a container. */
static bool step(struct cgroup_walk *walk, const struct dirent *entry, struct cgroup_found *ret)
{
	const struct cgroup_level *level = &walk->levels[walk->n - 1];
	struct cgroup_match match;
	size_t left = CGROUP_PATH_SIZE - level->path_len;
	if (entry->d_name[0] == '.' || (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN) ||
	    strlen(entry->d_name) + 2 > left)
		return false;
	snprintf(walk->path + level->path_len, left, "/%s", entry->d_name);
	if (cgroup_patterns_id(walk->patterns, &level->match, entry->d_name, ret->id)) {
		memcpy(ret->path, walk->path, sizeof(ret->path));
		walk->path[level->path_len] = '\0';
		return true;
	}
	if (!cgroup_patterns_enter(walk->patterns, &level->match, entry->d_name, &match) ||
	    walk->n == CGROUP_LEVELS || !go_down(walk, dirfd(level->folder), entry->d_name, &match))
		walk->path[level->path_len] = '\0';
	return false;
}

int cgroup_walk_next(struct cgroup_walk *walk, int64_t until, struct cgroup_found *ret)
{
	while (walk->n > 0) {
		const struct dirent *entry = readdir(walk->levels[walk->n - 1].folder);
		if (!entry)
			go_up(walk);
		else if (step(walk, entry, ret))
			return 1;
		if (clock_monotonic() >= until)
			return walk->n > 0 ? -EAGAIN : 0;
	}
	return 0;
}

void cgroup_walk_end(struct cgroup_walk *walk)
{
	while (walk->n > 0)
		go_up(walk);
}

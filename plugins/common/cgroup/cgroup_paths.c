/*
 * From mountinfo and /proc/PID/cgroup to the folders of a container.  cgroup_files.c calls this
 * when it starts, a line of mountinfo at a time, and for each container that it opens.
 *
 * Paths are not guessed from the cgroup driver (/docker/ID, system.slice/docker-ID.scope,
 * libpod-ID.scope, …): the kernel says where a process is, and only what is mounted here can be
 * read.  What can fail: the daemon runs in another PID or cgroup namespace, as in a container of
 * its own; then the paths do not name the container, or begin with /.., and are refused.
 */
#include "cgroup/cgroup_paths.h"

#include <stdio.h>
#include <string.h>

static const char *const controllers[CGROUP_HIERARCHIES] = {
	[CGROUP_CPUACCT] = "cpuacct", [CGROUP_CPU] = "cpu",     [CGROUP_MEMORY] = "memory",
	[CGROUP_PIDS] = "pids",       [CGROUP_BLKIO] = "blkio", [CGROUP_CPUSET] = "cpuset",
};

/* The v1 hierarchies among names with commas between, a bit each. */
static uint8_t hierarchies_of(struct cgroup_span names)
{
	uint8_t found = 0;
	while (names.at < names.end) {
		struct cgroup_span name = cgroup_span_until(&names, ',');
		for (unsigned i = CGROUP_CPUACCT; i < CGROUP_HIERARCHIES; i++)
			if (cgroup_span_is(&name, controllers[i]))
				found |= (uint8_t)(1U << i);
	}
	return found;
}

/* ---- Mounts ---- */

/* mountinfo writes a blank as \040, a backslash as \134: each backslash begins three octal digits.
 */
static bool copy_path(const struct cgroup_span *word, char ret[CGROUP_PATH_SIZE])
{
	size_t len = 0;
	for (const char *at = word->at; at < word->end; at++) {
		char c = *at;
		if (c == '\\' && word->end - at > 3) {
			c = (char)((at[1] - '0') * 64 + (at[2] - '0') * 8 + (at[3] - '0'));
			at += 3;
		}
		if (!c || len + 1 == CGROUP_PATH_SIZE)
			return false;
		ret[len++] = c;
	}
	/* A path appended to it begins with a slash. */
	if (len > 0 && ret[len - 1] == '/')
		len--;
	ret[len] = '\0';
	return true;
}

/* ID PARENT DEVICE ROOT POINT OPTIONS [OPTIONAL…] - TYPE SOURCE SUPER */
void cgroup_mounts_add(struct cgroup_mounts *mounts, struct cgroup_span line)
{
	struct cgroup_span word, root, point, type, super;
	struct cgroup_mount mount = {0};
	for (int i = 0; i < 3; i++)
		cgroup_span_word(&line, &word);
	cgroup_span_word(&line, &root);
	cgroup_span_word(&line, &point);
	while (cgroup_span_word(&line, &word) && !cgroup_span_is(&word, "-"))
		;
	cgroup_span_word(&line, &type);
	cgroup_span_word(&line, &word);
	cgroup_span_word(&line, &super);
	if (cgroup_span_is(&type, "cgroup2"))
		mount.hierarchies = 1U << CGROUP_UNIFIED;
	else if (cgroup_span_is(&type, "cgroup"))
		mount.hierarchies = hierarchies_of(super);
	if (mount.hierarchies && mounts->n < CGROUP_MOUNTS_MAX && copy_path(&root, mount.root) &&
	    copy_path(&point, mount.point))
		mounts->items[mounts->n++] = mount;
}

bool cgroup_mounts_are_unified(const struct cgroup_mounts *mounts)
{
	uint8_t found = 0;
	for (uint32_t i = 0; i < mounts->n; i++)
		found |= mounts->items[i].hierarchies;
	return !(found & (1U << CGROUP_CPUACCT));
}

static bool is_below(const char *path, const char *folder)
{
	size_t len = strlen(folder);
	return len > 0 && strncmp(path, folder, len) == 0 && path[len] == '/';
}

const struct cgroup_mount *cgroup_mounts_best(const struct cgroup_mounts *mounts,
					      enum cgroup_hierarchy hierarchy,
					      const char *host_root)
{
	const struct cgroup_mount *best = NULL;
	int best_rank = 0;
	for (uint32_t i = 0; i < mounts->n; i++) {
		const struct cgroup_mount *mount = &mounts->items[i];
		int rank = is_below(mount->point, host_root) ? 3 : mount->root[0] ? 1 : 2;
		if (!(mount->hierarchies & (1U << hierarchy)) || rank <= best_rank)
			continue;
		best = mount;
		best_rank = rank;
	}
	return best;
}

/* ---- Paths ---- */

bool cgroup_paths_resolve(const struct cgroup_mounts *mounts, const struct cgroup_paths *paths,
			  enum cgroup_hierarchy hierarchy, char ret[CGROUP_PATH_SIZE])
{
	const char *path = paths->paths[hierarchy];
	/* A hierarchy may be mounted several times, also only a part of it: the first mount that
	 * contains the path will do. */
	for (uint32_t i = 0; path[0] && i < mounts->n; i++) {
		const struct cgroup_mount *mount = &mounts->items[i];
		size_t len = strlen(mount->root);
		bool is_below = strncmp(path, mount->root, len) == 0 &&
				(path[len] == '/' || path[len] == '\0');
		if (!is_below || !(mount->hierarchies & (1U << hierarchy)))
			continue;
		int n = snprintf(ret, CGROUP_PATH_SIZE, "%s%s", mount->point, path + len);
		return n > 0 && n < CGROUP_PATH_SIZE;
	}
	return false;
}

/* Copies the path up to the end of the component that holds the id.  A path with .. leads out of
 * our cgroup namespace. */
static bool copy_own_path(struct cgroup_span path, const char *id, char ret[CGROUP_PATH_SIZE])
{
	size_t len = (size_t)(path.end - path.at), id_len = strlen(id);
	const char *found = id_len ? memmem(path.at, len, id, id_len) : NULL;
	if (!found || path.at[0] != '/' || memmem(path.at, len, "/..", 3))
		return false;
	const char *slash = memchr(found, '/', (size_t)(path.end - found));
	len = (size_t)((slash ? slash : path.end) - path.at);
	if (len >= CGROUP_PATH_SIZE)
		return false;
	memcpy(ret, path.at, len);
	ret[len] = '\0';
	return true;
}

/* Lines of NUMBER:CONTROLLERS:PATH; without controllers it is v2's. */
bool cgroup_paths_parse(struct cgroup_span text, const char *id, struct cgroup_paths *ret)
{
	char path[CGROUP_PATH_SIZE];
	struct cgroup_span line;
	bool legacy = false;
	*ret = (struct cgroup_paths){0};
	while (cgroup_span_line(&text, &line)) {
		cgroup_span_until(&line, ':');
		struct cgroup_span names = cgroup_span_until(&line, ':');
		uint8_t found =
			names.at == names.end ? 1U << CGROUP_UNIFIED : hierarchies_of(names);
		if (!copy_own_path(line, id, path))
			continue;
		for (unsigned i = 0; i < CGROUP_HIERARCHIES; i++)
			if (found & (1U << i))
				memcpy(ret->paths[i], path, sizeof(path));
		/* In hybrid mode (v1 controllers beside an empty v2 hierarchy) both name the
		 * container; the counters are in v1 then. */
		legacy |= (found & (1U << CGROUP_CPUACCT)) != 0;
	}
	ret->unified = !legacy;
	return ret->paths[legacy ? CGROUP_CPUACCT : CGROUP_UNIFIED][0] != '\0';
}

/* What is read of /proc and /sys/fs/cgroup, each text by each reader. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup/cgroup_paths.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_files(struct cgroup_span text)
{
	static const struct cgroup_key keys[] = {{"user", 10000000, STATS_CPU_USER_NS},
						 {"total_rss", 1, STATS_MEM_ANON_BYTES},
						 {"usage_usec", 1000, STATS_CPU_USAGE_NS},
						 {0}};
	for (uint8_t form = CGROUP_NUMBER; form <= CGROUP_NUMBERS; form++) {
		const struct cgroup_file file = {
			.form = form, .keys = keys, .slot = STATS_BLK_READ_BYTES};
		struct stats stats = {0};
		cgroup_text_read(&file, text, &stats);
		for (unsigned i = 0; i < STATS_SLOTS; i++)
			if (stats.slots[i].set && stats.slots[i].value < 0)
				abort();
	}
}

static void read_proc(struct cgroup_span text)
{
	struct stats stats = {0};
	cgroup_text_network(text, &stats);
	cgroup_text_machine(text, &stats);
	struct json_int memory = cgroup_text_memory(text);
	if (memory.set && memory.value < 0)
		abort();
}

/* The text is both what is mounted and what a process is in. */
static void find_paths(struct cgroup_span text)
{
	static struct cgroup_mounts mounts;
	static struct cgroup_paths paths;
	char folder[CGROUP_PATH_SIZE];
	struct cgroup_span rest = text, line;
	mounts.n = 0;
	while (cgroup_span_line(&rest, &line))
		cgroup_mounts_add(&mounts, line);
	if (!cgroup_paths_parse(text, "abc", &paths))
		return;
	for (unsigned h = 0; h < CGROUP_HIERARCHIES; h++)
		if (cgroup_paths_resolve(&mounts, &paths, h, folder) &&
		    strstr(paths.paths[h], "/.."))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Exactly as long, so that a read past the end is seen. */
	char *copy = malloc(size ? size : 1);
	if (!copy)
		return 0;
	memcpy(copy, data, size);
	const struct cgroup_span text = {copy, copy + size};
	read_files(text);
	read_proc(text);
	find_paths(text);
	free(copy);
	return 0;
}

/*
 * A container's own cgroup files and its /proc/PID/net/dev, opened once and read again and again: a
 * sample costs a pread() each and no allocation.  v1 and v2, by what the container is in.
 *
 * Happy path: cgroup_host_start(); cgroup_files_open() for a container; cgroup_host_sample() once
 * per poll and cgroup_files_read() per container; cgroup_files_close().  What can fail: no cgroup
 * is mounted or readable here; the PID is not the container's, or not in our PID namespace; no
 * descriptors are left.  A removed cgroup reads as ENODEV, also if a new one has its name.  A file
 * that this kernel does not have leaves its columns unset.  One thread.
 */
#ifndef TALLYD_CGROUP_FILES_H
#define TALLYD_CGROUP_FILES_H

#include "cgroup/cgroup_paths.h"

enum {
	CGROUP_FILES_MAX = 16,     /* open files per container, at most */
	CGROUP_FILES_USUAL = 12,   /* open files per container on v1; 9 on v2 */
	CGROUP_FILES_SPARED = 640, /* descriptors left to the rest, the engine's connections too */
	CGROUP_REASON_SIZE = 200,
};

struct cgroup_files;
struct cgroup_host;

/* Prefix of /proc and /sys/fs/cgroup: "" except in tests. */
extern const char *cgroup_root;

/* 0, or an errno and why.  host_root: where the machine's own /proc is found, kept; NULL: here. */
int cgroup_host_start(const char *host_root, struct cgroup_host **ret,
		      char reason[CGROUP_REASON_SIZE]);
void cgroup_host_stop(struct cgroup_host *host);
/* The top of the hierarchy in which containers are looked for, as it is seen here.  0, or an errno.
 */
int cgroup_host_folder(const struct cgroup_host *host, char ret[2 * CGROUP_PATH_SIZE]);
int64_t cgroup_host_memory(const struct cgroup_host *host); /* 0: not known */

/* Reads what is the same for all containers of a poll. */
void cgroup_host_sample(struct cgroup_host *host);

struct cgroup_target {
	const char *id;
	int64_t pid;  /* of its first process, as the engine has it */
	bool network; /* it has a network of its own, not the host's */
};

/* 0, or an errno and why; ESRCH: it has just ended. */
int cgroup_files_open(struct cgroup_host *host, const struct cgroup_target *target,
		      struct cgroup_files **ret, char reason[CGROUP_REASON_SIZE]);
/* By its path from cgroup_host_folder(), the same in all hierarchies; without a network.  0, or an
 * errno and why; ENOENT, ENODEV: it has just ended. */
int cgroup_files_open_path(struct cgroup_host *host, const char *path, struct cgroup_files **ret,
			   char reason[CGROUP_REASON_SIZE]);
bool cgroup_files_have_network(const struct cgroup_files *files);
void cgroup_files_close(struct cgroup_files *files);

/* 0, or an errno; ENODEV, ESRCH: the cgroup is gone.  now: the time of the sample. */
int cgroup_files_read(struct cgroup_host *host, struct cgroup_files *files, int64_t now,
		      struct stats *ret);

#endif

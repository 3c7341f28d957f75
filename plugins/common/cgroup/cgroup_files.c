/*
 * Opening and reading of a container's cgroup files, for docker_stats and cgroup_stats, on their
 * threads.
 *
 * Descriptors are kept because opening is what costs: reading 100 containers took 12 to 14 ms with
 * files opened each time and 4 ms by pread() on open ones, 32 to 40 µs a container.  The kernel
 * writes the text anew whenever offset 0 is read.  cgroup_layout.c says which file fills which
 * slots; cgroup_text.c reads them.  What can fail: the descriptor's cgroup is gone (ENODEV),
 * a PID that is not the container's, or no descriptor is left.
 */
#include "cgroup/cgroup_files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "cgroup/cgroup_layout.h"

enum {
	BUFFER_SIZE = 256 << 10,
	/* A seq_file hands out whole records of a page at most: less than this is the end.  It
	 * spares the second pread() that would return 0, half of all system calls. */
	FULL_CHUNK = 2048,
	ERROR_TEXT = 64,
};

const char *cgroup_root = "";

struct cgroup_host {
	const char *root; /* where the machine's /proc is; "": here */
	struct cgroup_mounts mounts;
	int64_t memory; /* of the machine; 0: not known */
	int stat_fd;    /* /proc/stat */
	uint32_t open;  /* descriptors of containers */
	struct stats machine;
	char buffer[BUFFER_SIZE];
};

struct cgroup_files {
	struct cgroup_host *host;
	const struct cgroup_file *table; /* v1 or v2 */
	int net_fd;                      /* -1: it has no network of its own */
	int fds[CGROUP_FILES_MAX - 1];   /* as in the table; -1: there is no such file */
};

/* ---- Reading ---- */

__attribute__((format(printf, 3, 4))) static int explain(char reason[CGROUP_REASON_SIZE], int error,
							 const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(reason, CGROUP_REASON_SIZE, fmt, ap);
	va_end(ap);
	return error;
}

/* Reads the whole file; a last line that does not fit is left out.  -errno. */
static int read_whole(struct cgroup_host *host, int fd, struct cgroup_span *ret)
{
	size_t len = 0;
	ssize_t n;
	do {
		n = pread(fd, host->buffer + len, BUFFER_SIZE - len, (off_t)len);
		if (n < 0)
			return -errno;
		len += (size_t)n;
	} while (n >= FULL_CHUNK && len < BUFFER_SIZE);
	while (len == BUFFER_SIZE && host->buffer[len - 1] != '\n' && len > 0)
		len--;
	*ret = (struct cgroup_span){host->buffer, host->buffer + len};
	return 0;
}

void cgroup_host_sample(struct cgroup_host *host)
{
	struct cgroup_span text = {0};
	host->machine = (struct stats){0};
	if (read_whole(host, host->stat_fd, &text) == 0)
		cgroup_text_machine(text, &host->machine);
}

int cgroup_files_read(struct cgroup_host *host, struct cgroup_files *files, int64_t now,
		      struct stats *ret)
{
	struct cgroup_span text = {0};
	*ret = host->machine;
	ret->slots[STATS_READ_TIME] = (struct json_int){now, true};
	for (unsigned i = 0; files->table[i].name; i++) {
		int r = files->fds[i] < 0 ? -ENOENT : read_whole(host, files->fds[i], &text);
		if (r == 0)
			cgroup_text_read(&files->table[i], text, ret);
		/* ENODEV: the descriptor's cgroup was removed, also if one of that name exists
		 * again, so a restarted container is never mistaken for its last run. */
		else if (i == 0 || r == -ENODEV || r == -ESRCH)
			return -r;
	}
	if (files->net_fd >= 0 && read_whole(host, files->net_fd, &text) == 0)
		cgroup_text_network(text, ret);
	if (!ret->slots[STATS_CPU_USAGE_NS].set)
		return EBADMSG;
	/* v1 writes 9223372036854771712 for unlimited and v2 "max".  The engine caps it to the
	 * machine's memory, so that both sources give the same row. */
	struct json_int *limit = &ret->slots[STATS_MEM_LIMIT_BYTES];
	if (host->memory && ret->slots[STATS_MEM_USAGE_BYTES].set &&
	    (!limit->set || limit->value > host->memory))
		*limit = (struct json_int){host->memory, true};
	return 0;
}

/* ---- Opening ---- */

static int open_fd(struct cgroup_host *host, int folder, const char *name)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd >= 0)
		host->open++;
	return fd;
}

static int open_below(const char *host_root, const char *path, int flags)
{
	char full[2 * CGROUP_PATH_SIZE];
	int n = snprintf(full, sizeof(full), "%s%s%s", cgroup_root, host_root, path);
	if (n < 0 || (size_t)n >= sizeof(full)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return open(full, flags | O_RDONLY | O_CLOEXEC);
}

/* All files of one hierarchy.  A missing file is a controller or kernel without it and leaves
 * columns unset, unless it is the first of the table. */
static int open_hierarchy(struct cgroup_files *files, unsigned hierarchy, const char *folder,
			  bool by_path, char reason[CGROUP_REASON_SIZE])
{
	auto_close int dir = open_below("", folder, O_DIRECTORY | O_PATH);
	for (unsigned i = 0; files->table[i].name; i++) {
		if (files->table[i].hierarchy != hierarchy || (files->table[i].by_path && !by_path))
			continue;
		files->fds[i] = dir < 0 ? -1 : open_fd(files->host, dir, files->table[i].name);
		if (files->fds[i] < 0 && (i == 0 || errno != ENOENT))
			return explain(reason, errno, "%s/%.64s: %s", folder, files->table[i].name,
				       strerror(errno));
	}
	return 0;
}

/* All through one descriptor of /proc/PID, so that all is of one process. */
static int open_all(struct cgroup_files *files, const struct cgroup_target *target,
		    char reason[CGROUP_REASON_SIZE])
{
	char path[32], folder[CGROUP_PATH_SIZE];
	struct cgroup_paths paths;
	struct cgroup_span text = {0};
	int error = 0;
	snprintf(path, sizeof(path), "/proc/%" PRId64, target->pid);
	auto_close int proc = open_below(files->host->root, path, O_DIRECTORY | O_PATH);
	if (proc < 0)
		return explain(reason, errno, "%s%s: %s", files->host->root, path, strerror(errno));
	auto_close int fd = openat(proc, "cgroup", O_RDONLY | O_CLOEXEC);
	int r = fd < 0 ? -errno : read_whole(files->host, fd, &text);
	if (r < 0)
		return explain(reason, -r, "%s/cgroup: %s", path, strerror(-r));
	if (!cgroup_paths_parse(text, target->id, &paths))
		return explain(reason, EXDEV,
			       "process %" PRId64 " here is not the container's: tallyd runs in "
			       "another PID or cgroup namespace (in a container: host_root and "
			       "--cgroupns=host)",
			       target->pid);
	files->table = cgroup_layout(paths.unified);
	for (unsigned h = 0; h < CGROUP_HIERARCHIES && error == 0; h++) {
		if ((h == CGROUP_UNIFIED) != paths.unified)
			continue;
		if (cgroup_paths_resolve(&files->host->mounts, &paths, h, folder))
			error = open_hierarchy(files, h, folder, false, reason);
		else if (h == files->table[0].hierarchy)
			error = explain(reason, ENOENT, "its cgroup %.80s is not mounted here%s",
					paths.paths[h],
					*files->host->root ? " (docker run -v "
							     "/sys/fs/cgroup:/host/sys/"
							     "fs/cgroup:ro)"
							   : "");
	}
	if (error || !target->network)
		return error;
	files->net_fd = open_fd(files->host, proc, "net/dev");
	if (files->net_fd < 0)
		return explain(reason, errno, "%s/net/dev: %s", path, strerror(errno));
	return 0;
}

/* Its cgroup has the same path in all hierarchies. */
static int open_folder(struct cgroup_files *files, const char *path,
		       char reason[CGROUP_REASON_SIZE])
{
	char folder[2 * CGROUP_PATH_SIZE];
	bool unified = cgroup_mounts_are_unified(&files->host->mounts);
	int error = 0;
	files->table = cgroup_layout(unified);
	for (unsigned h = 0; h < CGROUP_HIERARCHIES && error == 0; h++) {
		const struct cgroup_mount *mount =
			cgroup_mounts_best(&files->host->mounts, h, files->host->root);
		if (!mount || (h == CGROUP_UNIFIED) != unified)
			continue;
		snprintf(folder, sizeof(folder), "%s%s", mount->point, path);
		error = open_hierarchy(files, h, folder, true, reason);
	}
	return error;
}

/* No files yet. */
static int make(struct cgroup_host *host, struct cgroup_files **ret,
		char reason[CGROUP_REASON_SIZE])
{
	struct rlimit limit;
	/* Connections to the engine and the rest of the daemon need descriptors, too: running out
	 * of them here would break outputs. */
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
	    limit.rlim_cur < (rlim_t)host->open + CGROUP_FILES_MAX + CGROUP_FILES_SPARED)
		return explain(reason, EMFILE, "%u descriptors are open and no more are allowed",
			       host->open);
	struct cgroup_files *files = malloc(sizeof(*files));
	if (!files)
		return explain(reason, ENOMEM, "no memory");
	*files = (struct cgroup_files){.host = host, .net_fd = -1};
	memset(files->fds, -1, sizeof(files->fds));
	*ret = files;
	return 0;
}

int cgroup_files_open(struct cgroup_host *host, const struct cgroup_target *target,
		      struct cgroup_files **ret, char reason[CGROUP_REASON_SIZE])
{
	struct cgroup_files *files;
	int error = make(host, &files, reason);
	if (error)
		return error;
	error = open_all(files, target, reason);
	if (error)
		cgroup_files_close(files);
	else
		*ret = files;
	return error;
}

int cgroup_files_open_path(struct cgroup_host *host, const char *path, struct cgroup_files **ret,
			   char reason[CGROUP_REASON_SIZE])
{
	struct cgroup_files *files;
	int error = make(host, &files, reason);
	if (error)
		return error;
	error = open_folder(files, path, reason);
	if (error)
		cgroup_files_close(files);
	else
		*ret = files;
	return error;
}

bool cgroup_files_have_network(const struct cgroup_files *files)
{
	return files->net_fd >= 0;
}

static void close_fd(struct cgroup_host *host, int fd)
{
	if (fd < 0)
		return;
	close(fd);
	host->open--;
}

void cgroup_files_close(struct cgroup_files *files)
{
	if (!files)
		return;
	for (unsigned i = 0; i < CGROUP_FILES_MAX - 1; i++)
		close_fd(files->host, files->fds[i]);
	close_fd(files->host, files->net_fd);
	free(files);
}

/* ---- The host ---- */

static int start(struct cgroup_host *host, char reason[CGROUP_REASON_SIZE])
{
	auto_free char *line = NULL;
	size_t size = 0;
	ssize_t len;
	struct cgroup_span text = {0};
	/* Of what is mounted here, which is where the cgroups are read. */
	int fd = open_below("", "/proc/self/mountinfo", 0);
	auto_fclose FILE *mounts = fd < 0 ? NULL : fdopen(fd, "r");
	if (!mounts)
		return explain(reason, errno, "no cgroup is mounted here: /proc/self/mountinfo: %s",
			       strerror(errno));
	/* Line by line, as mountinfo is long where many containers run. */
	while ((len = getline(&line, &size, mounts)) > 0)
		cgroup_mounts_add(&host->mounts, (struct cgroup_span){line, line + len});
	if (host->mounts.n == 0)
		return explain(reason, ENOENT, "no cgroup is mounted here");
	auto_close int memory = open_below(host->root, "/proc/meminfo", 0);
	int r = memory < 0 ? -errno : read_whole(host, memory, &text);
	if (r == -ENOENT && *host->root)
		return explain(reason, ENOENT,
			       "%.80s/proc is not there (docker run -v /proc:/host/proc:ro)",
			       host->root);
	if (r < 0)
		return explain(reason, -r, "/proc/meminfo: %s", strerror(-r));
	host->memory = cgroup_text_memory(text).value;
	host->stat_fd = open_below(host->root, "/proc/stat", 0);
	if (host->stat_fd < 0)
		return explain(reason, errno, "/proc/stat: %s", strerror(errno));
	return 0;
}

int cgroup_host_start(const char *host_root, struct cgroup_host **ret,
		      char reason[CGROUP_REASON_SIZE])
{
	struct cgroup_host *host = calloc(1, sizeof(*host));
	if (!host)
		return explain(reason, ENOMEM, "no memory");
	host->root = host_root ? host_root : "";
	host->stat_fd = -1;
	int error = start(host, reason);
	if (error)
		cgroup_host_stop(host);
	else
		*ret = host;
	return error;
}

int cgroup_host_folder(const struct cgroup_host *host, char ret[2 * CGROUP_PATH_SIZE])
{
	bool unified = cgroup_mounts_are_unified(&host->mounts);
	const struct cgroup_mount *mount = cgroup_mounts_best(
		&host->mounts, unified ? CGROUP_UNIFIED : CGROUP_CPUACCT, host->root);
	if (!mount)
		return ENOENT;
	int n = snprintf(ret, 2 * CGROUP_PATH_SIZE, "%s%s", cgroup_root, mount->point);
	return n < 2 * CGROUP_PATH_SIZE ? 0 : ENAMETOOLONG;
}

int64_t cgroup_host_memory(const struct cgroup_host *host)
{
	return host->memory;
}

void cgroup_host_stop(struct cgroup_host *host)
{
	if (!host)
		return;
	if (host->stat_fd >= 0)
		close(host->stat_fd);
	free(host);
}

/*
 * Finding containers.  cgroup_stats.c calls scan_go_on() in each gather().
 *
 * Happy path: the kubelet's links are read for the names, then the hierarchy is walked; what is new
 * is opened as it is met.  A scan takes at most `piece_ns` of a gather(), and goes on in the next
 * one, so that a hierarchy of a hundred thousand folders delays no sample.  That a container has
 * ended is not seen here but by its files.  What can fail: the top of the hierarchy, then gather()
 * fails; the folder of links, then no scan begins and what is known is read on; files of a
 * container, which is counted, with one message until a scan had no such trouble.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cgroup_stats.h"

static const int64_t piece_ns = 50 * CLOCK_MS;

/* ---- Names ---- */

/* All of them, as the filters must not make a container nameless.  Where there is no such folder,
 * no container has a name. */
static int read_names(struct cgroup_stats *self)
{
	struct scan *scan = &self->scan;
	struct cri_config all = self->config->cri;
	all.match = (struct match){0};
	/* Dead containers have links, too, for as long as the kubelet keeps their logs. */
	all.max_containers *= 4;
	int r = cri_list_read(&scan->names, self->ctx, &all);
	scan->has_names = r == 0;
	if (r == -ENOENT)
		r = 0;
	if (r < 0 && !scan->failing)
		tally_log(self->ctx, TALLY_WARNING, "%s; reading on what is known, and retrying",
			  tally_reason(self->ctx));
	if (r == 0 && scan->failing)
		tally_log(self->ctx, TALLY_NOTICE, "%s can be read again", all.links);
	scan->failing = r < 0;
	return r;
}

/* ---- Containers ---- */

static bool passes(struct cgroup_stats *self, const struct cri_container *named)
{
	const struct match *match = &self->config->cri.match;
	if (named)
		return cri_name_passes(&named->name, match);
	if (self->scan.has_names && !self->config->nameless) {
		self->scan.count.nameless++;
		return false;
	}
	return !match->include || !match->include[0];
}

static void set_name(struct container *container, const struct cri_container *named,
		     const char *path)
{
	if (named)
		container->name = named->name;
	else
		cri_uid_of_cgroup(path, container->name.uid);
	container->named = named != NULL;
}

static void open_one(struct cgroup_stats *self, const struct cgroup_found *found,
		     const struct cri_container *named)
{
	struct scan_count *count = &self->scan.count;
	char reason[CGROUP_REASON_SIZE] = "";
	struct cgroup_files *files;
	int error = cgroup_files_open_path(self->host, found->path, &files, reason);
	if (error == ENOENT || error == ENODEV)
		return; /* it has just ended */
	struct container *container = error ? NULL : containers_add(&self->containers, found->id);
	if (!container) {
		if (!error)
			cgroup_files_close(files);
		if (count->unreadable++ == 0)
			snprintf(count->reason, sizeof(count->reason), "%s",
				 error ? reason : "no memory");
		return;
	}
	container->files = files;
	set_name(container, named, found->path);
	self->info_due = 0;
}

static void meet(struct cgroup_stats *self, const struct cgroup_found *found)
{
	const struct cri_container *named = cri_list_find(&self->scan.names, found->id);
	struct container *known = containers_find(&self->containers, found->id);
	if (known && named && !known->named) {
		set_name(known, named, found->path);
		self->info_due = 0;
	}
	if (known || !passes(self, named))
		return;
	if (self->containers.n >= self->config->cri.max_containers)
		self->scan.count.beyond++;
	else
		open_one(self, found, named);
}

/* ---- The scan ---- */

static int begin(struct cgroup_stats *self)
{
	char top[2 * CGROUP_PATH_SIZE];
	struct scan *scan = &self->scan;
	int64_t now = tally_monotonic(self->ctx);
	if (now < scan->due)
		return 0;
	scan->due = now + self->config->scan_interval;
	if (read_names(self) < 0)
		return 0;
	scan->count = (struct scan_count){0};
	int error = cgroup_host_folder(self->host, top);
	if (error)
		return tally_fail(self->ctx, error, "no cgroup is mounted here");
	error = cgroup_walk_begin(&scan->walk, &self->patterns, top);
	if (error)
		return tally_fail(self->ctx, error, "%s: %s", top, strerror(error));
	return 0;
}

/* Once, until a scan meets nothing of the kind. */
static void report(struct cgroup_stats *self)
{
	struct scan *scan = &self->scan;
	const struct scan_count *count = &scan->count;
	bool nothing = !scan->finished && self->containers.n == 0 && !count->nameless;
	if (count->beyond && !scan->reported)
		tally_log(self->ctx, TALLY_WARNING,
			  "%u containers are not read: max_containers is %lld", count->beyond,
			  (long long)self->config->cri.max_containers);
	if (count->unreadable && !scan->reported)
		tally_log(self->ctx, TALLY_WARNING, "no stats of %u containers: %s",
			  count->unreadable, count->reason);
	if (nothing && !count->unreadable)
		tally_log(self->ctx, TALLY_NOTICE, "no container is at any of paths yet");
	scan->reported = count->beyond || count->unreadable;
}

static void end(struct cgroup_stats *self)
{
	struct scan *scan = &self->scan;
	const struct scan_count *count = &scan->count;
	tally_gauge(self->ctx, METRIC_NAMELESS, count->nameless);
	tally_gauge(self->ctx, METRIC_NOT_READ, count->beyond);
	tally_gauge(self->ctx, METRIC_UNREADABLE, count->unreadable);
	report(self);
	if (!scan->finished)
		self->info_due = 0;
	scan->finished = true;
	cri_list_done(&scan->names);
}

int scan_go_on(struct cgroup_stats *self)
{
	struct scan *scan = &self->scan;
	struct cgroup_found found;
	struct timespec now;
	int r = scan->walk.n ? 0 : begin(self);
	if (r < 0 || !scan->walk.n)
		return r;
	clock_gettime(CLOCK_MONOTONIC, &now);
	int64_t until = now.tv_sec * CLOCK_SECOND + now.tv_nsec + piece_ns;
	while ((r = cgroup_walk_next(&scan->walk, until, &found)) > 0)
		meet(self, &found);
	if (r == 0)
		end(self);
	return 0;
}

void scan_stop(struct scan *scan)
{
	cgroup_walk_end(&scan->walk);
	cri_list_done(&scan->names);
	*scan = (struct scan){0};
}

/*
 * The source of each container's numbers, its cgroup files or the engine, and when containers must
 * be listed.  The engine's events say when the list changes; beside that it is fetched once a
 * minute.
 *
 * Happy path: start; then for each poll stats_sources_list_due(), and if a list is due, the list
 * and stats_sources_open_files(), which inspects new containers and opens their files.  What can
 * fail: files that cannot be opened, then the engine is asked for that container's numbers where
 * the option allows it, and the reason is logged once; the events, then containers are listed every
 * 5 s.
 */
#ifndef TALLYD_STATS_SOURCES_H
#define TALLYD_STATS_SOURCES_H

#include "docker/docker_events.h"
#include "stats_baseline.h"

enum stats_source { STATS_SOURCE_AUTO, STATS_SOURCE_API, STATS_SOURCE_CGROUP };
#define STATS_SOURCES "auto|api|cgroup"

struct stats_sources {
	struct tally_ctx *ctx;
	struct docker *docker;
	int64_t source;           /* enum stats_source */
	const char *host_root;    /* as configured */
	struct cgroup_host *host; /* NULL: no files are read */
	struct docker_events *events;
	bool changed;                                /* containers, since the last list */
	bool failed;                                 /* the last list */
	int64_t listed, not_before;                  /* monotonic ns */
	uint32_t n_by_source[SAMPLE_UNREADABLE + 1]; /* containers per source */
	char reason[FETCH_REASON_SIZE];              /* why one container's files are not read */
	uint8_t logged;                              /* enum logged_sources, last */
};

/* Whether the configured source is possible.  No I/O. */
int stats_sources_check(const struct stats_sources *sources);

/* Never fails for STATS_SOURCE_AUTO. */
int stats_sources_start(struct stats_sources *sources);
void stats_sources_stop(struct stats_sources *sources); /* after the baselines */

/* Whether the list of containers is too old.  -ECANCELED. */
int stats_sources_list_due(struct stats_sources *sources, bool *ret_due);

/* After a list, successful or not, that took so long. */
void stats_sources_on_list(struct stats_sources *sources, int error, int64_t took);

/* After a list: chooses the source of each container that has no open files.  0, or what
 * tally_fail() returned. */
int stats_sources_open_files(struct stats_sources *sources, struct stats_baselines *baselines);

/* The container ended during a poll. */
void stats_sources_on_exit(struct stats_sources *sources, struct stats_baseline *baseline);

#endif

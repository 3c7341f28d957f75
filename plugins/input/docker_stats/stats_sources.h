/*
 * Which containers are read from their cgroup files here, and when the engine must be asked what
 * runs.  The engine's events say when that changes; beside them it is asked once a minute.
 *
 * Happy path: start, then for each poll stats_sources_list_due(); if so, the list is asked for and
 * stats_sources_open_files() inspects what is new and opens its files.  What can fail: files that
 * cannot be opened, then the engine is asked for that container's numbers where the option allows
 * it, and the reason is logged once; the events, then the engine is asked what runs every 5 s.
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
	struct cgroup_host *host; /* NULL: no files are read */
	struct docker_events *events;
	bool changed;                                /* since the list */
	bool failed;                                 /* the last list */
	int64_t listed, not_before;                  /* monotonic ns */
	uint32_t n_by_source[SAMPLE_UNREADABLE + 1]; /* how many containers each */
	uint32_t unreadable;                         /* how many, twice in a row or more */
	char reason[FETCH_REASON_SIZE];              /* why files are not read; of one container */
	uint8_t logged;                              /* what was said last about it */
};

/* No I/O.  What is asked for must be possible. */
int stats_sources_check(const struct stats_sources *sources);

/* Never fails for STATS_SOURCE_AUTO. */
int stats_sources_start(struct stats_sources *sources);
void stats_sources_stop(struct stats_sources *sources); /* after the baselines */

/* -ECANCELED, or whether what is known of what runs is too old. */
int stats_sources_list_due(struct stats_sources *sources, bool *ret_wants);

/* The list came, or did not, after so long. */
void stats_sources_on_list(struct stats_sources *sources, int error, int64_t took);

/* After a list: chooses the source of each container that has no open files.  0, or what
 * tally_fail() returned. */
int stats_sources_open_files(struct stats_sources *sources, struct stats_baselines *baselines);

/* It ended during a poll. */
void stats_sources_on_exit(struct stats_sources *sources, struct stats_baseline *baseline);

#endif

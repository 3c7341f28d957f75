/*
 * A rule at work: rows go in as they pass, and out come the changes of its alerts.  The engine
 * reads no clock and writes nothing, so that a rule can be tried on rows of the past (times then
 * are those of the rows).  All calls under one lock of the caller's.
 */
#ifndef TALLYD_ALERT_ENGINE_H
#define TALLYD_ALERT_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include <tallyd/plugin.h>

#include "evaluate/phase.h"

struct engine;

/* A change of an alert, or one that is told again; valid until the callback returns. */
struct engine_change {
	const char *host, *subject;
	struct phase phase;
	bool resolved; /* of a firing one, and not of one that was only pending */
	bool has_value, told;
	double value;
	int64_t since, time;
	const char *told_text; /* what the rule's `tell` names; NULL: nothing */
};
typedef int engine_change_fn(void *arg, const struct engine_change *change);

/* Is somebody not to hear of this subject now? */
typedef bool engine_muted_fn(void *arg, const char *subject, int64_t now);

struct engine_setup {
	const struct rule *rule; /* outlives the engine */
	const char *host;        /* for tables without a column `host` */
	size_t max_subjects;
	int64_t now;            /* when it starts */
	bool polls;             /* all rows are from a store, and come again and again */
	engine_muted_fn *muted; /* NULL: nobody is */
	void *muted_arg;
};

struct engine_counts {
	uint64_t rows, refused; /* rows looked at; rows for which there was no room */
	size_t subjects, pending, firing;
};

struct engine *engine_create(const struct engine_setup *setup); /* NULL: no memory */
void engine_destroy(struct engine *engine);

/* True: a look is worth while before the next one that is due. */
bool engine_watch(struct engine *engine, const struct tally_batch *batch, int64_t now);

/* The same for rows of before, from a store, which may also have rows that were seen already.  Then
 * once that since `from` all rows are in. */
void engine_watch_past(struct engine *engine, const struct tally_batch *batch, int64_t now);
void engine_end_past(struct engine *engine, int64_t from);

/* Looks at the subjects of which rows came, or at all of them, and passes on what has changed.
 * Non-zero of the callback is returned at the end. */
int engine_look(struct engine *engine, bool all, int64_t now, engine_change_fn *change, void *arg);

/* The alerts that are not quiet, to be kept over a restart; and back.  -ENOSPC. */
int engine_each_alert(const struct engine *engine, engine_change_fn *each, void *arg);
int engine_restore(struct engine *engine, const struct engine_change *alert);

void engine_count(const struct engine *engine, struct engine_counts *ret);

#endif

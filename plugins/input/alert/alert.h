/*
 * One rule as an instance: what it is configured with and what it keeps.
 */
#ifndef TALLYD_ALERT_H
#define TALLYD_ALERT_H

#include <pthread.h>
#include <tallyd/host.h>

#include "evaluate/engine.h"
#include "keep/outbox.h"
#include "keep/quiet.h"

struct alert_config {
	const char *when, *clear, *summary, *tell, *quiet;
	const char *const *silence;
	struct tally_store *store; /* NULL: there is none */
	int64_t severity;          /* index in info|warning|critical */
	int64_t max_subjects;
	int64_t evaluate; /* enum alert_evaluate */
	int64_t every;
};

/* In the order of the option's choices. */
enum alert_evaluate { EVALUATE_ROWS, EVALUATE_STORE };

struct alert {
	struct tally_ctx *ctx;
	const struct alert_config *config;
	const char *name;  /* NAME of [alert.NAME] */
	struct rule *rule; /* NULL, as is the engine: it is about a table of no input here */
	struct quiet quiet;
	int wake_fd;
	bool restored, has_window; /* has_window: its rows of before were read */
	pthread_mutex_t lock;      /* guards the engine; held over no I/O */
	struct engine *engine;
	/* Of the instance's own thread. */
	struct outbox outbox;
	uint64_t emitted; /* of the outbox */
	struct engine_counts counted;
	size_t saved_subjects;
};

enum alert_metric {
	METRIC_ROWS,
	METRIC_REFUSED,
	METRIC_CHANGES,
	METRIC_DROPPED,
	METRIC_SUBJECTS,
	METRIC_PENDING,
	METRIC_FIRING
};

/* A rule's text, names and times, once its configuration is read.  What tally_fail() returned;
 * -ENOENT: no table that is known here has what it names. */
int alert_read_rule(struct tally_ctx *ctx, const struct alert_config *config, struct rule **ret,
		    struct quiet *ret_quiet);

/* The same with the tables that the store has. */
int alert_read_rule_of_store(struct tally_ctx *ctx, const struct alert_config *config,
			     struct rule **ret);

/* Do notifiers hear nothing of this subject at this time? */
bool alert_is_muted(const struct alert_config *config, const struct quiet *quiet,
		    const char *subject, int64_t now);
/* Is a change to this phase anything for notifiers? */
static inline bool alert_notifies(enum phase_name phase, bool resolved)
{
	return phase == PHASE_FIRING || resolved;
}

/* Of alert_round.c. Once there is a rule: */
int alert_create_engine(struct alert *alert);
/* Looks at all subjects, or at those of which rows came, and emits what has changed. */
int alert_round(struct alert *alert, bool all, int64_t now);
/* What it knew before a restart, once there is an engine. */
void alert_restore(struct alert *alert);
/* Hands rows of the store to the engine; a past_rows_fn. */
int alert_watch_past(void *arg, const struct tally_batch *batch);

/* With evaluate = store: what run() does; alert_poll.c. */
int alert_run_polling(struct alert *alert);

/* The rows of the window from the store, if there is one; waits some seconds for it.  On the
 * instance's thread; alert_past.c. */
void alert_read_window(struct alert *alert);
/* `tallyd alerts test`. */
int alert_command(struct tally_ctx *ctx, const void *config, const struct tally_command *command);

/* The changes that the outbox has and that were not emitted yet, as rows; alert_emit.c. */
int alert_emit(struct alert *alert);

#endif

/*
 * The engine as a whole: looks at subjects, passes on what has changed, and forgets whom it has not
 * heard of for long.  What a row adds is in engine_rows.c, what a subject's value is in
 * engine_value.c.
 */
#include "evaluate/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "evaluate/engine_parts.h"

enum { SERIES_PER_SUBJECT = 4 };

static const int64_t idle_beyond = 10 * CLOCK_MINUTE, silent_at_most = 7 * CLOCK_DAY,
		     expire_every = 10 * CLOCK_SECOND, known_by = 2 * CLOCK_MINUTE;

struct engine *engine_create(const struct engine_setup *setup)
{
	const struct rule *rule = setup->rule;
	struct engine *engine = calloc(1, sizeof(*engine));
	if (!engine)
		return NULL;
	engine->setup = *setup;
	engine->rule = rule;
	engine->whole_since = setup->now;
	engine->subjects.max = setup->max_subjects;
	engine->subjects.max_series = SERIES_PER_SUBJECT * setup->max_subjects;
	engine->identities.max = SERIES_PER_SUBJECT * setup->max_subjects;
	engine->wants_identities = rule->by == RULE_BY_SERVICE || rule->by == RULE_BY_PROJECT;
	engine->wants_running = rule->function == RULE_SILENCE && rule->by == RULE_BY_CONTAINER;
	engine->keeps_series = rule->function == RULE_NEWEST && !rule->ages;
	return engine;
}

void engine_destroy(struct engine *engine)
{
	if (!engine)
		return;
	subjects_done(&engine->subjects);
	identities_done(&engine->identities);
	free(engine);
}

/* ---- Looking ----------------------------------------------------------------- */

struct look {
	struct engine *engine;
	int64_t now;
	engine_change_fn *change;
	void *arg;
	int result;
};

static bool is_muted(const struct engine *engine, const struct subject *subject, int64_t now)
{
	const struct engine_setup *setup = &engine->setup;
	return setup->muted && setup->muted(setup->muted_arg, subject->text, now);
}

static void pass_on(struct look *look, const struct subject *subject, const struct phase_look *seen,
		    bool resolved, bool told, int64_t since)
{
	struct engine *engine = look->engine;
	/* Time is part of a row's key, so no two changes may have the same. */
	int64_t time = look->now > engine->last_change ? look->now : engine->last_change + 1;
	engine->last_change = time;
	const struct engine_change change = {.host = subject->host,
					     .subject = subject->text,
					     .phase = subject->phase,
					     .resolved = resolved,
					     .told = told,
					     .has_value = seen->has_value,
					     .value = seen->value,
					     .since = since,
					     .time = time,
					     .told_text = subject->tell};
	int r = look->change(look->arg, &change);
	if (r != 0)
		look->result = r;
}

/* Whoever heard that it fires hears of its end, also if the subject was muted since. */
static void look_at(struct look *look, struct subject *subject)
{
	struct phase_look seen;
	struct phase before = subject->phase, *phase = &subject->phase;
	engine_judge(look->engine, subject, look->now, &seen);
	/* Restored, and its first row is still to come. */
	if (seen.truth == PHASE_UNKNOWN && !subject->known &&
	    look->now - look->engine->setup.now < known_by)
		return;
	bool changed = phase_step(phase, look->engine->rule, &seen);
	bool resolved = changed && before.name == PHASE_FIRING;
	if (phase->name == PHASE_FIRING && !phase->told) {
		phase->told = !is_muted(look->engine, subject, look->now);
		changed = changed || phase->told;
	}
	if (phase->name == PHASE_QUIET)
		*phase = (struct phase){0};
	if (changed)
		pass_on(look, subject, &seen, resolved, resolved ? before.told : phase->told,
			phase->name == PHASE_QUIET ? before.since : phase->since);
}

/* ---- Forgetting -------------------------------------------------------------- */

int64_t engine_idle(const struct rule *rule)
{
	return rule->window + rule->when_for + rule->clear_for + idle_beyond;
}

static bool is_forgotten(const struct engine *engine, const struct subject *subject, int64_t now)
{
	int64_t idle = engine_idle(engine->rule);
	if (engine->rule->function != RULE_SILENCE)
		return subject->n_series == 0 && subject->last_row < now - idle;
	return subject->last_row < now - (subject->gone ? idle : silent_at_most);
}

/* Of what nothing is known any more, nothing fires. */
static bool drop(void *arg, struct subject *subject)
{
	struct look *look = arg;
	if (!is_forgotten(look->engine, subject, look->now))
		return false;
	struct phase before = subject->phase;
	const struct phase_look seen = {.truth = PHASE_UNKNOWN};
	subject->phase = (struct phase){0};
	if (before.name != PHASE_QUIET)
		pass_on(look, subject, &seen, before.name == PHASE_FIRING, before.told,
			before.since);
	return true;
}

static void expire(struct look *look)
{
	struct engine *engine = look->engine;
	if (look->now - engine->expired < expire_every && look->now >= engine->expired)
		return;
	engine->expired = look->now;
	/* What is older than the window is not in a sum, and is no newest row. */
	bool ages = engine->rule->function == RULE_SUM || engine->rule->ages;
	int64_t idle = ages ? engine->rule->window : engine_idle(engine->rule);
	subjects_expire_series(&engine->subjects, look->now - idle, engine->keeps_series);
	subjects_drop(&engine->subjects, drop, look);
}

int engine_look(struct engine *engine, bool all, int64_t now, engine_change_fn *change, void *arg)
{
	struct look look = {.engine = engine, .now = now, .change = change, .arg = arg};
	struct subject *subject;
	while ((subject = subjects_take_dirty(&engine->subjects)))
		if (!all)
			look_at(&look, subject);
	for (size_t i = 0; all && i < engine->subjects.n; i++)
		look_at(&look, engine->subjects.items[i]);
	if (all)
		expire(&look);
	return look.result;
}

/* ---- Over a restart ---------------------------------------------------------- */

int engine_each_alert(const struct engine *engine, engine_change_fn *each, void *arg)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < engine->subjects.n; i++) {
		const struct subject *subject = engine->subjects.items[i];
		const struct engine_change alert = {.host = subject->host,
						    .subject = subject->text,
						    .phase = subject->phase,
						    .since = subject->phase.since,
						    .told = subject->phase.told,
						    .time = engine->last_change};
		bool silence = engine->rule->function == RULE_SILENCE && !subject->gone;
		if (subject->phase.name != PHASE_QUIET || silence)
			r = each(arg, &alert);
	}
	return r;
}

/* A subject of silence counts as heard at the start: the daemon has not listened before. */
int engine_restore(struct engine *engine, const struct engine_change *alert)
{
	struct subject *subject = subjects_get(&engine->subjects, alert->host, strlen(alert->host),
					       alert->subject, strlen(alert->subject));
	if (!subject)
		return -ENOSPC;
	subject->phase = alert->phase;
	subject->last_row = engine->setup.now;
	if (alert->time > engine->last_change)
		engine->last_change = alert->time;
	return 0;
}

void engine_count(const struct engine *engine, struct engine_counts *ret)
{
	struct engine_counts counts = engine->counts;
	counts.subjects = engine->subjects.n;
	for (size_t i = 0; i < engine->subjects.n; i++) {
		counts.pending += engine->subjects.items[i]->phase.name == PHASE_PENDING;
		counts.firing += engine->subjects.items[i]->phase.name == PHASE_FIRING;
	}
	*ret = counts;
}

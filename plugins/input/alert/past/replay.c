/*
 * Time goes on from row to row: all subjects are looked at once a second, those of which rows came
 * as soon as all rows of the same time are in.  Rows are read by pieces, so that no question to the
 * store lasts long; starts and ends of containers are few, and kept for a piece.
 */
#include "past/replay.h"

#include "base/clock.h"

static const int64_t piece = 10 * CLOCK_MINUTE, look_every = CLOCK_SECOND, lead = CLOCK_MINUTE;

struct replay {
	struct tally_ctx *ctx;
	struct engine *engine;
	const struct tally_batch *states; /* of the piece; NULL: the rule has no use for them */
	uint32_t n_states;                /* that the engine has seen */
	int64_t now, next_all, from;
	bool dirty; /* rows of `now` are in, and were not looked at */
	engine_change_fn *change;
	void *arg;
};

static int pass_on(void *arg, const struct engine_change *change)
{
	const struct replay *replay = arg;
	return change->time < replay->from ? 0 : replay->change(replay->arg, change);
}

static int look(struct replay *replay, bool all, int64_t now)
{
	replay->dirty = false;
	return engine_look(replay->engine, all, now, pass_on, replay);
}

static int advance(struct replay *replay, int64_t time)
{
	int r = 0;
	if (time > replay->now && replay->dirty)
		r = look(replay, false, replay->now);
	for (; r == 0 && replay->next_all <= time; replay->next_all += look_every)
		r = look(replay, true, replay->next_all);
	if (time > replay->now)
		replay->now = time;
	return r;
}

static int watch_one(struct replay *replay, const struct tally_batch *batch, uint32_t i)
{
	const struct tally_cell *row = batch->cells + (size_t)i * batch->table->n_columns;
	const struct tally_batch one = {.table = batch->table, .cells = row, .n_rows = 1};
	int r = advance(replay, row[0].set ? row[0].i : replay->now);
	if (r == 0 && engine_watch(replay->engine, &one, replay->now))
		replay->dirty = true;
	return r;
}

static int watch_states(struct replay *replay, int64_t until)
{
	const struct tally_batch *states = replay->states;
	int r = 0;
	while (r == 0 && states && replay->n_states < states->n_rows) {
		const struct tally_cell *row =
			states->cells + (size_t)replay->n_states * states->table->n_columns;
		if (row[0].i > until)
			break;
		r = watch_one(replay, states, replay->n_states++);
	}
	return r;
}

static int watch(void *arg, const struct tally_batch *batch)
{
	struct replay *replay = arg;
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < batch->n_rows; i++) {
		const struct tally_cell *row = batch->cells + (size_t)i * batch->table->n_columns;
		r = watch_states(replay, row[0].i);
		if (r == 0)
			r = watch_one(replay, batch, i);
	}
	return r;
}

/* Before there is a first row: who belongs to whom, at the time at which it begins. */
static int learn(void *arg, const struct tally_batch *batch)
{
	struct replay *replay = arg;
	(void)engine_watch(replay->engine, batch, replay->now);
	return 0;
}

static int run_piece(struct replay *replay, const struct past *past, bool states, int64_t from,
		     int64_t to)
{
	struct tally_batch *found = NULL;
	int r = states ? past_states(past, from, to, &found) : 0;
	replay->states = found;
	replay->n_states = 0;
	if (r == 0)
		r = past_rows(past, from, to, watch, replay);
	if (r == 0)
		r = watch_states(replay, to);
	if (r == 0)
		r = advance(replay, to);
	if (found)
		tally_batch_drop(replay->ctx, found);
	return r;
}

int replay_run(struct tally_ctx *ctx, const struct past *past, const struct engine_setup *engine,
	       int64_t from, int64_t to, engine_change_fn *change, void *arg)
{
	const struct rule *rule = engine->rule;
	struct engine_setup setup = *engine;
	bool states = rule->function == RULE_SILENCE && rule->by == RULE_BY_CONTAINER;
	int64_t begin = from - rule->window - rule->when_for - rule->clear_for - lead;
	begin -= begin % look_every;
	setup.now = begin;
	struct replay replay = {.ctx = ctx,
				.engine = engine_create(&setup),
				.now = begin,
				.next_all = begin,
				.from = from,
				.change = change,
				.arg = arg};
	if (!replay.engine)
		return tally_fail(ctx, ENOMEM, "out of memory");
	int r = states ? 0 : past_identities(past, learn, &replay);
	for (int64_t at = begin; r == 0 && at < to; at += piece)
		r = run_piece(&replay, past, states, at, at + piece < to ? at + piece : to);
	engine_destroy(replay.engine);
	return r;
}

/*
 * effects: what a change of a service did, judged once its window has passed, as a row of
 * change_effects: so that a rule can be about what got worse, and lists have it.
 *
 *	gather(): the changes of this host since the last one that was judged → those of a service
 *	at one time are one deployment → effect/ reads and compares → a row
 *
 * Each batch has the time of its changes as its position, so that a restart goes on behind them; a
 * row that is made again, after a crash, has the same key.  What can fail is the store: then the
 * round ends, and the next one begins with the same deployment, three times at most.  The
 * instance's thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask/table.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "effect/effect.h"
#include "effects_asker.h"
#include "effects_row.h"
#include "effects_table.h"

struct effects_config {
	struct tally_store *store;
	const char *const *kinds;
	int64_t window;
};

enum effects_metric { METRIC_JUDGED, METRIC_FAILED };

struct effects {
	struct tally_ctx *ctx;
	const struct effects_config *config;
	int64_t judged_to; /* changes up to this time were judged; 0: none */
	int attempts;      /* at the first one behind that */
};

/* Of a round, so that it leaves the store to others; what is left waits for the next. */
enum { ROUND_CHANGES = 1000, ROUND_JUDGED = 20, ATTEMPTS = 3 };

/* How long rows of the window may be on their way: lines are counted by the minute. */
static const int64_t rows_late = 2 * CLOCK_MINUTE, rows_late_short = 5 * CLOCK_SECOND;
/* What was due longer ago, as after a long pause, is not judged any more. */
static const int64_t catch_up = CLOCK_DAY;
static const int64_t patience = 30 * CLOCK_SECOND;

/* The image says most; the rest in the order in which docs/changes.md has them. */
static const char *const kinds_in_order[] = {"image",   "config", "limits", "mounts", "env_names",
					     "network", "scaled", "mark",   "host",   NULL};

static int64_t due_after(const struct effects *effects)
{
	int64_t window = effects->config->window;
	return window + (window < EFFECT_SHORT ? rows_late_short : rows_late);
}

/* ---- A deployment ------------------------------------------------------------ */

static bool is_same_service(const struct tally_cell *a, const struct tally_cell *b)
{
	return cell_compare(&a[CHANGE_SERVICE], &b[CHANGE_SERVICE]) == 0;
}

/* Of the rows [first, end), which have the same time; each kind once. */
static void collect(const struct result_set *rows, uint32_t first, uint32_t end,
		    struct deployment *ret)
{
	const struct tally_cell *of = result_set_row(rows, first);
	*ret = (struct deployment){.time = of[CHANGE_TIME].i};
	for (const char *const *kind = kinds_in_order; *kind; kind++) {
		uint32_t i = first;
		while (i < end && !(is_same_service(result_set_row(rows, i), of) &&
				    cell_equals(&result_set_row(rows, i)[CHANGE_KIND], *kind)))
			i++;
		if (i < end)
			ret->changes[ret->n++] = result_set_row(rows, i);
	}
}

static int judge(struct effects *effects, struct effects_asker *asker,
		 const struct deployment *deployment, struct tally_batch *batch)
{
	auto_free struct effect *effect = malloc(sizeof(*effect));
	const struct tally_cell *id = &deployment->changes[0][CHANGE_ID];
	auto_free char *text = id->set ? strndup(id->text, id->len) : NULL;
	if (!effect || !text)
		return tally_fail(effects->ctx, ENOMEM, "out of memory");
	effects_asker_begin(asker, patience);
	int r = effect_read(effect, &asker->asker, text, effects->config->window);
	if (r == 0 && effects_row_add(effects->ctx, batch, deployment, effect,
				      deployment->time + due_after(effects)) < 0)
		r = tally_fail(effects->ctx, ENOMEM, "out of memory");
	effect_done(effect);
	return r;
}

/* True: there is no use in trying again. */
static bool give_up(struct effects *effects, const struct deployment *deployment, int r)
{
	const struct tally_cell *service = &deployment->changes[0][CHANGE_SERVICE];
	if (r == -ECANCELED || r == -ENOTCONN)
		return false;
	if (r != -E2BIG && ++effects->attempts < ATTEMPTS)
		return false;
	tally_count(effects->ctx, METRIC_FAILED, 1);
	tally_log(effects->ctx, TALLY_WARNING, "the effect of a change of %.*s is not known: %s",
		  service->set ? (int)service->len : 4, service->set ? service->text : "host",
		  tally_reason(effects->ctx));
	return true;
}

/* ---- Those of one time ----------------------------------------------------------- */

static uint32_t end_of_time(const struct result_set *rows, uint32_t first)
{
	uint32_t end = first + 1;
	while (end < rows->n_rows && result_set_row(rows, end)[CHANGE_TIME].i ==
					     result_set_row(rows, first)[CHANGE_TIME].i)
		end++;
	return end;
}

static bool is_first_of_service(const struct result_set *rows, uint32_t first, uint32_t i)
{
	for (uint32_t k = first; k < i; k++)
		if (is_same_service(result_set_row(rows, k), result_set_row(rows, i)))
			return false;
	return true;
}

static int judge_all(struct effects *effects, struct effects_asker *asker,
		     const struct result_set *rows, uint32_t first, uint32_t end,
		     struct tally_batch *batch)
{
	for (uint32_t i = first; i < end; i++) {
		struct deployment deployment;
		if (!is_first_of_service(rows, first, i))
			continue;
		collect(rows, i, end, &deployment);
		int r = deployment.n ? judge(effects, asker, &deployment, batch) : 0;
		if (r < 0 && !give_up(effects, &deployment, r))
			return r;
	}
	return 0;
}

static int judge_time(struct effects *effects, struct effects_asker *asker,
		      const struct result_set *rows, uint32_t first, uint32_t end)
{
	char position[32];
	struct tally_batch *batch = tally_batch_new(effects->ctx, &effects_table);
	if (!batch)
		return tally_fail(effects->ctx, ENOMEM, "out of memory");
	int r = judge_all(effects, asker, rows, first, end, batch);
	uint32_t n = batch->n_rows;
	int64_t time = result_set_row(rows, first)[CHANGE_TIME].i;
	snprintf(position, sizeof(position), "%" PRId64, time);
	if (r < 0 || n == 0)
		tally_batch_drop(effects->ctx, batch);
	else
		r = tally_emit(effects->ctx, batch, effects->ctx->name, position);
	if (r < 0)
		return r;
	tally_count(effects->ctx, METRIC_JUDGED, n);
	effects->judged_to = time;
	effects->attempts = 0;
	return 0;
}

/* ---- A round --------------------------------------------------------------------- */

/* What is due; ret: in the order of time. */
static int ask_changes(struct effects *effects, struct effects_asker *asker, struct result_set *ret)
{
	static const char *const columns[CHANGE_PARTS] = {NULL, "service", "kind",
							  "id", "before",  "after"};
	const struct tally_table *table;
	struct query query;
	effects_asker_begin(asker, patience);
	int r = asker->asker.ops->table(&asker->asker, "container_changes", &table);
	if (r < 0 || !table)
		return r;
	query_begin(&query, &asker->asker, table);
	for (int i = CHANGE_SERVICE; i < CHANGE_PARTS; i++) {
		const struct tally_column *column = table_column(table, columns[i]);
		if (!column)
			return 0;
		query_select(&query, column, TALLY_RAW);
	}
	query_text(&query, table_column(table, "host"), TALLY_EQUALS, tally_hostname(effects->ctx));
	for (const char *const *kind = effects->config->kinds; *kind; kind++)
		query_text(&query, table_column(table, "kind"), TALLY_EQUALS, *kind);
	query.spec.to = asker->asker.now - due_after(effects);
	query.spec.from = query.spec.to - catch_up;
	if (effects->judged_to >= query.spec.from)
		query.spec.from = effects->judged_to + 1000; /* stores keep microseconds */
	query.spec.limit = ROUND_CHANGES;
	return query.spec.from < query.spec.to ? query_run(&query, ret) : 0;
}

static int judge_round(struct effects *effects, struct effects_asker *asker)
{
	struct result_set rows auto_result_set = {.n_rows = 0};
	int r = ask_changes(effects, asker, &rows);
	uint32_t at = 0, n = 0;
	while (r == 0 && at < rows.n_rows && n++ < ROUND_JUDGED) {
		uint32_t end = end_of_time(&rows, at);
		r = judge_time(effects, asker, &rows, at, end);
		at = end;
	}
	return r;
}

/* A store that is not there yet, or at the moment, says so itself. */
static int effects_gather(void *arg)
{
	struct effects *effects = arg;
	if (!effects->config->store)
		return 0;
	auto_free struct effects_asker *asker = malloc(sizeof(*asker));
	if (!asker)
		return tally_fail(effects->ctx, ENOMEM, "out of memory");
	int r = effects_asker_init(asker, effects->ctx, effects->config->store);
	if (r == 0)
		r = judge_round(effects, asker);
	effects_asker_done(asker);
	return r == -ENOTCONN || r == -ECANCELED ? 0 : r;
}

/* ---- The plugin ------------------------------------------------------------------ */

static int effects_start(void *arg)
{
	struct effects *effects = arg;
	char position[32];
	if (tally_position(effects->ctx, effects->ctx->name, position, sizeof(position)) == 0)
		effects->judged_to = strtoll(position, NULL, 10);
	return 0;
}

static void effects_destroy(void *arg)
{
	free(arg);
}

static int effects_create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	auto_free struct effects *effects = calloc(1, sizeof(*effects));
	if (!effects)
		return tally_fail(ctx, ENOMEM, "out of memory");
	effects->ctx = ctx;
	effects->config = config;
	if (!effects->config->store)
		tally_log(ctx, TALLY_NOTICE, "judges nothing: there is no store to ask");
	*ret_self = TAKE(effects);
	return 0;
}

#define OPTION(key) .name = #key, .offset = offsetof(struct effects_config, key)

static const struct tally_option effects_options[] = {
	{OPTION(window), .type = TALLY_OPT_DURATION, .fallback = "1h", .accepts = "12s..1d",
	 .help = "How long before and after a change is compared; below 6min readings must come "
		 "faster than every twelfth of it"},
	{OPTION(kinds), .type = TALLY_OPT_LIST,
	 .fallback = "image config limits mounts env_names network scaled mark host",
	 .accepts = "image|config|limits|mounts|env_names|network|scaled|mark|host",
	 .help = "Of changes that are judged: what somebody did, not what happened"},
	{OPTION(store), .type = TALLY_OPT_STORE, .fallback = "*",
	 .help = "The output whose rows are compared"},
	{.name = NULL}};

static const struct tally_metric effects_metrics[] = {
	[METRIC_JUDGED] = {.name = "judged",
			   .help = "Changes of a service at one time whose effect was judged.",
			   .kind = TALLY_METRIC_COUNTER},
	[METRIC_FAILED] = {.name = "failed",
			   .help = "The same where it could not be, and never will.",
			   .kind = TALLY_METRIC_COUNTER},
	{.name = NULL}};

static const struct tally_table *const effects_tables[] = {&effects_table, NULL};
static const struct tally_input effects_input = {
	.size = sizeof(effects_input), .interval = 10 * CLOCK_SECOND, .gather = effects_gather};

TALLY_PLUGIN(.name = "effects", .version = TALLYD_VERSION,
	     .help = "What changes of services did: better, worse, or no difference",
	     .options = effects_options, .config_size = sizeof(struct effects_config),
	     .tables = effects_tables, .metrics = effects_metrics, .create = effects_create,
	     .start = effects_start, .destroy = effects_destroy, .input = &effects_input)

/*
 * A table as the store lists it, cut to the columns that somebody needs, is a table of its own: its
 * address stays, so that the engine finds its columns once.  Answers have their columns in the
 * order of the question, so rows can be passed on as they come.
 */
#include "past/past.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tallyd/query.h>

#include "base/clock.h"
#include "evaluate/columns.h"
#include "evaluate/identities.h"

enum { PAST_COLUMNS = COLUMNS_TAGS + RULE_CONDITIONS + 11 };

static const int64_t past_deadline = 30 * CLOCK_SECOND;

struct past_table {
	struct tally_table table; /* n_columns 0: the store does not have it */
	struct tally_column columns[PAST_COLUMNS];
	char names[PAST_COLUMNS][RULE_NAME_SIZE];
	char name[RULE_NAME_SIZE];
};

struct past {
	struct tally_ctx *ctx;
	struct tally_store *store;
	const struct rule *rule;
	struct past_table rows, info, events;
	struct past_table newest; /* tags of the rows, and the newest time of each series */
	bool has_newest;          /* nothing but these is needed of a row to know whose it is */
};

/* ---- Finding the tables ------------------------------------------------------ */

static void add_column(struct past_table *to, const struct tally_column *column)
{
	uint32_t n = to->table.n_columns;
	if (n == PAST_COLUMNS || columns_place(&to->table, column->name) != COLUMNS_NONE)
		return;
	snprintf(to->names[n], RULE_NAME_SIZE, "%s", column->name);
	to->columns[n] = (struct tally_column){
		.name = to->names[n], .type = column->type, .role = column->role};
	to->table.n_columns = n + 1;
}

/* The time, the tags, and those that are named. */
static void copy_table(struct past_table *to, const struct tally_table *table,
		       bool (*needed)(const void *arg, const struct tally_column *column),
		       const void *arg)
{
	snprintf(to->name, sizeof(to->name), "%s", table->name);
	to->table = (struct tally_table){.name = to->name,
					 .help = to->name,
					 .columns = to->columns,
					 .kind = table->kind,
					 .revision = 1};
	add_column(to, &table->columns[0]);
	for (uint32_t i = 1; i < table->n_columns; i++)
		if (table->columns[i].role == TALLY_TAG || needed(arg, &table->columns[i]))
			add_column(to, &table->columns[i]);
}

static bool is_one_of(const char *name, const char *const *names)
{
	while (*names && strcmp(*names, name) != 0)
		names++;
	return *names;
}

static bool rule_needs(const void *arg, const struct tally_column *column)
{
	static const char *const always[] = {"host", "container_id", "name", "service", NULL};
	const struct rule *rule = arg;
	if (column->role == TALLY_GONE || column->role == TALLY_ORDER ||
	    is_one_of(column->name, always) || strcmp(column->name, rule->column) == 0 ||
	    strcmp(column->name, rule->size) == 0 || strcmp(column->name, rule->tell) == 0)
		return true;
	for (unsigned i = 0; i < rule->n_conditions; i++)
		if (strcmp(column->name, rule->conditions[i].column) == 0)
			return true;
	return false;
}

static bool nothing_more(const void *arg, const struct tally_column *column)
{
	(void)arg;
	(void)column;
	return false;
}

static bool info_needs(const void *arg, const struct tally_column *column)
{
	static const char *const always[] = {"host",    "container_id",    "name",
					     "state",   "compose_project", "compose_service",
					     "service", "gone_at",         NULL};
	(void)arg;
	return is_one_of(column->name, always);
}

static bool event_needs(const void *arg, const struct tally_column *column)
{
	static const char *const always[] = {"host", "container_id", "name", "action", NULL};
	(void)arg;
	return is_one_of(column->name, always);
}

static void find_newest(struct past *past, const struct tally_table *table)
{
	static const struct tally_column newest = {.name = "newest", .type = TALLY_TIME};
	copy_table(&past->newest, table, nothing_more, NULL);
	past->has_newest = table->kind == TALLY_SERIES &&
			   past->newest.table.n_columns == past->rows.table.n_columns;
	add_column(&past->newest, &newest);
}

static int find_table(void *arg, const struct tally_table *table)
{
	struct past *past = arg;
	if (strcmp(table->name, past->rule->table) == 0) {
		copy_table(&past->rows, table, rule_needs, past->rule);
		find_newest(past, table);
	}
	if (strcmp(table->name, identities_table) == 0)
		copy_table(&past->info, table, info_needs, NULL);
	if (strcmp(table->name, "container_events") == 0)
		copy_table(&past->events, table, event_needs, NULL);
	return 0;
}

int past_open(struct tally_ctx *ctx, struct tally_store *store, const struct rule *rule,
	      struct past **ret)
{
	struct columns columns;
	struct past *past = calloc(1, sizeof(*past));
	if (!past)
		return tally_fail(ctx, ENOMEM, "out of memory");
	past->ctx = ctx;
	past->store = store;
	past->rule = rule;
	int r = tally_store_tables(ctx, store, find_table, past);
	if (r == 0 &&
	    (!past->rows.table.n_columns || !columns_find(&past->rows.table, rule, &columns)))
		r = tally_fail(ctx, ENOENT, "the store has no rows of %s with these columns",
			       rule->table);
	if (r < 0)
		past_close(past);
	else
		*ret = past;
	return r;
}

void past_close(struct past *past)
{
	free(past);
}

bool past_is_state(const struct past *past)
{
	return past->rows.table.kind == TALLY_STATE;
}

/* ---- Asking ------------------------------------------------------------------ */

struct asking {
	const struct tally_table *table;
	past_rows_fn *rows;
	void *arg;
};

static int take(void *arg, const struct tally_batch *answer)
{
	const struct asking *asking = arg;
	const struct tally_batch batch = {
		.table = asking->table, .cells = answer->cells, .n_rows = answer->n_rows};
	return answer->table->n_columns == asking->table->n_columns
		       ? asking->rows(asking->arg, &batch)
		       : -EPROTO;
}

static int run(const struct past *past, const struct past_table *of, struct tally_query *query,
	       past_rows_fn *rows, void *arg)
{
	struct asking asking = {.table = &of->table, .rows = rows, .arg = arg};
	query->size = sizeof(*query);
	query->table = of->name;
	query->limit = INT32_MAX;
	query->deadline = tally_monotonic(past->ctx) + past_deadline;
	return tally_query(past->ctx, past->store, query, take, &asking);
}

/* What the store can leave out by itself.  Where the newest row decides, those that do not match
 * are needed as well. */
static uint32_t add_filters(const struct rule *rule, struct tally_filter filters[RULE_CONDITIONS])
{
	uint32_t n = 0;
	for (unsigned i = 0; rule->function != RULE_NEWEST && i < rule->n_conditions; i++) {
		const struct rule_condition *condition = &rule->conditions[i];
		if (condition->type != TALLY_TEXT || condition->op != RULE_EQUAL)
			continue;
		filters[n++] =
			(struct tally_filter){.column = condition->column,
					      .match = TALLY_EQUALS,
					      .value = {.text = condition->text,
							.len = (uint32_t)strlen(condition->text),
							.set = 1}};
	}
	return n;
}

static int ask(const struct past *past, const struct past_table *of, int64_t from, int64_t to,
	       past_rows_fn *rows, void *arg)
{
	struct tally_select select[PAST_COLUMNS];
	struct tally_filter filters[RULE_CONDITIONS];
	struct tally_query query = {.from = from, .to = to, .select = select, .filters = filters};
	query.n_select = of->table.n_columns - 1;
	for (uint32_t i = 0; i < query.n_select; i++)
		select[i] =
			(struct tally_select){.column = of->names[i + 1], .aggregate = TALLY_RAW};
	if (of == &past->rows)
		query.n_filters = add_filters(past->rule, filters);
	return run(past, of, &query, rows, arg);
}

int past_rows(const struct past *past, int64_t from, int64_t to, past_rows_fn *rows, void *arg)
{
	return ask(past, &past->rows, from, to, rows, arg);
}

int past_newest(const struct past *past, int64_t from, int64_t to, past_rows_fn *rows, void *arg)
{
	const struct past_table *of = &past->newest;
	const struct tally_select newest = {.column = past->rows.names[0], .aggregate = TALLY_MAX};
	const char *tags[PAST_COLUMNS];
	struct tally_query query = {
		.from = from, .to = to, .select = &newest, .n_select = 1, .group_by = tags};
	if (!past->has_newest)
		return past_rows(past, from, to, rows, arg);
	query.n_group_by = of->table.n_columns - 2;
	for (uint32_t i = 0; i < query.n_group_by; i++)
		tags[i] = of->names[i + 1];
	return run(past, of, &query, rows, arg);
}

int past_identities(const struct past *past, past_rows_fn *rows, void *arg)
{
	return past->info.table.n_columns > 1 ? ask(past, &past->info, 0, INT64_MAX, rows, arg) : 0;
}

/* ---- States from events ------------------------------------------------------ */

enum { STATE_TIME, STATE_HOST, STATE_ID, STATE_NAME, STATE_STATE, STATE_COLUMNS };

static const struct tally_column state_columns[STATE_COLUMNS] = {
	[STATE_TIME] = {.name = "time", .type = TALLY_TIME},
	[STATE_HOST] = {.name = "host", .type = TALLY_TEXT, .role = TALLY_TAG},
	[STATE_ID] = {.name = "container_id", .type = TALLY_TEXT, .role = TALLY_TAG},
	[STATE_NAME] = {.name = "name", .type = TALLY_TEXT},
	[STATE_STATE] = {.name = "state", .type = TALLY_TEXT},
};
static const struct tally_table state_table = {.name = "container_info",
					       .help = "What events say of states",
					       .columns = state_columns,
					       .n_columns = STATE_COLUMNS,
					       .kind = TALLY_STATE,
					       .revision = 1};

/* Where the columns of a state are in a row of events. */
struct states {
	struct tally_ctx *ctx;
	struct tally_batch *batch;
	int32_t from[STATE_STATE], action;
};

static bool is_text(const struct tally_cell *cell, const char *text)
{
	return cell->set && cell->len == strlen(text) && memcmp(cell->text, text, cell->len) == 0;
}

static int add_state(const struct states *states, const struct tally_cell *event)
{
	bool starts = is_text(&event[states->action], "start");
	const char *state = starts ? "running" : "exited";
	if (!starts && !is_text(&event[states->action], "die"))
		return 0;
	struct tally_cell *row = tally_batch_row(states->ctx, states->batch);
	if (!row)
		return -ENOMEM;
	row[STATE_TIME] = event[states->from[STATE_TIME]];
	for (unsigned i = STATE_HOST; i < STATE_STATE; i++) {
		const struct tally_cell *cell = &event[states->from[i]];
		if (cell->set &&
		    tally_put_text(states->ctx, states->batch, row, i, cell->text, cell->len) < 0)
			return -ENOMEM;
	}
	tally_put_text_borrowed(row, STATE_STATE, state, strlen(state));
	return 0;
}

static int add_states(void *arg, const struct tally_batch *batch)
{
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < batch->n_rows; i++)
		r = add_state(arg, batch->cells + (size_t)i * batch->table->n_columns);
	return r;
}

int past_states(const struct past *past, int64_t from, int64_t to, struct tally_batch **ret)
{
	struct states states = {.ctx = past->ctx,
				.batch = tally_batch_new(past->ctx, &state_table)};
	if (!states.batch)
		return tally_fail(past->ctx, ENOMEM, "out of memory");
	states.action = columns_place(&past->events.table, "action");
	bool known = past->events.table.n_columns && states.action != COLUMNS_NONE;
	for (unsigned i = 0; known && i < STATE_STATE; i++) {
		states.from[i] = columns_place(&past->events.table, state_columns[i].name);
		known = states.from[i] != COLUMNS_NONE;
	}
	int r = known ? ask(past, &past->events, from, to, add_states, &states) : 0;
	if (r < 0)
		tally_batch_drop(past->ctx, states.batch);
	else
		*ret = states.batch;
	return r;
}

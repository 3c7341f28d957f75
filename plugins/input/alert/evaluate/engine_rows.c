/*
 * The way of a row: is it of the rule's table, does it fulfil the conditions, whose is it, and what
 * does it add.  On the thread of the input that emits it, so no more than a few hundred
 * instructions and no allocation for a subject that is known.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "evaluate/engine_parts.h"

/* Rows of a container that container_info has not named yet wait no longer than this. */
static const int64_t identity_patience = CLOCK_MINUTE;

enum { SHORT_ID = 12 };

/* ---- Whose it is ------------------------------------------------------------- */

struct span {
	const char *text;
	size_t len;
};

static struct span span_of(const struct tally_cell *row, int32_t place)
{
	if (place == COLUMNS_NONE || !row[place].set)
		return (struct span){NULL, 0};
	return (struct span){row[place].text, row[place].len};
}

static struct span span_of_text(const char *text)
{
	return (struct span){text, text ? strlen(text) : 0};
}

static struct span container_name(const struct columns *at, const struct tally_cell *row)
{
	struct span name = span_of(row, at->name), id = span_of(row, at->container_id);
	if (name.len)
		return name;
	return (struct span){id.text, id.len < SHORT_ID ? id.len : SHORT_ID};
}

/* An empty one: it cannot be said, or not yet. */
static struct span subject_text(const struct engine *engine, const struct columns *at,
				const struct tally_cell *row, struct span host, int64_t now)
{
	struct span id = span_of(row, at->container_id), service = span_of(row, at->service);
	if (engine->rule->by == RULE_BY_SERVICE && service.len)
		return service; /* the row says it itself */
	if (engine->rule->by == RULE_BY_HOST)
		return host;
	if (engine->rule->by == RULE_BY_CONTAINER)
		return container_name(at, row);
	const struct identity *identity =
		id.len ? identities_find(&engine->identities, id.text, id.len) : NULL;
	if (identity && engine->rule->by == RULE_BY_PROJECT)
		return span_of_text(identity->project);
	if (identity)
		return span_of_text(identity->service);
	if (engine->rule->by == RULE_BY_PROJECT || now - engine->setup.now < identity_patience)
		return (struct span){NULL, 0};
	return container_name(at, row);
}

/* By its tags; the numbers and yes-or-no among them count as well. */
static uint64_t series_hash(const struct columns *at, const struct tally_cell *row)
{
	uint64_t hash = 0;
	for (unsigned i = 0; i < at->n_tags; i++) {
		const struct tally_cell *cell = &row[at->tags[i]];
		if (at->table->columns[at->tags[i]].type == TALLY_TEXT && cell->set)
			hash = hash_bytes(hash, cell->text, cell->len);
		else
			hash = hash_word(hash, cell->set ? (uint64_t)cell->i : UINT64_MAX);
	}
	return hash;
}

static struct series *find_series(struct engine *engine, const struct columns *at,
				  const struct tally_cell *row, int64_t now)
{
	bool fresh;
	struct series *series = subjects_series(&engine->subjects, series_hash(at, row), &fresh);
	if (!series || (series->subject && series->version == engine->identities.version))
		return series;
	struct span host = span_of(row, at->host);
	if (!host.len)
		host = span_of_text(engine->setup.host);
	struct span text = subject_text(engine, at, row, host, now);
	/* A service or project is one, on however many hosts it runs. */
	bool across = engine->rule->by == RULE_BY_SERVICE || engine->rule->by == RULE_BY_PROJECT;
	if (across)
		host = span_of_text(engine->setup.host);
	struct subject *subject =
		text.len ? subjects_get(&engine->subjects, host.text, host.len, text.text, text.len)
			 : NULL;
	if (!subject && fresh)
		return series;
	if (subject)
		subjects_move(series, subject);
	series->version = engine->identities.version;
	return series;
}

/* ---- What it adds ------------------------------------------------------------ */

static void add_to_ring(const struct engine *engine, struct subject *subject, int64_t time,
			double value)
{
	if (!subject->ring)
		subject->ring = calloc(1, sizeof(*subject->ring));
	if (subject->ring)
		ring_add(subject->ring, engine->rule->window, time, value);
}

static void add_growth(const struct engine *engine, struct series *series, int64_t time,
		       double value)
{
	/* A counter that went back began anew, so all of it has grown since. */
	if (series->has_value && time > series->time)
		add_to_ring(engine, series->subject, time,
			    value >= series->value ? value - series->value : value);
	series->has_value = true;
	series->value = value;
}

static void add_newest_value(struct series *series, double value)
{
	struct subject *subject = series->subject;
	subject->sum += value - (series->has_value ? series->value : 0);
	subject->n_sum += !series->has_value;
	series->has_value = true;
	series->value = value;
}

/* The first number among the conditions is what a message shows. */
static void note_newest(const struct engine *engine, const struct columns *at,
			const struct tally_cell *row, struct subject *subject)
{
	subject->has_newest = false;
	for (unsigned i = 0; i < engine->rule->n_conditions && !subject->has_newest; i++)
		if (!engine->rule->conditions[i].text)
			subject->has_newest =
				columns_number(at, at->conditions[i], row, &subject->newest);
}

static void add_match(const struct engine *engine, const struct columns *at,
		      const struct tally_cell *row, struct series *series, int64_t time)
{
	struct subject *subject = series->subject;
	bool matches = columns_match(at, engine->rule, row, time);
	series->gone = at->gone != COLUMNS_NONE && row[at->gone].set;
	if (matches && !subject->n_true)
		subject->true_since = time;
	if (matches != series->matches)
		subject->n_true += matches ? 1 : UINT32_MAX;
	series->matches = matches;
	if (matches)
		note_newest(engine, at, row, subject);
}

/* Messages are lines. */
static void note_tell(const struct columns *at, const struct tally_cell *row,
		      struct subject *subject)
{
	struct span text = span_of(row, at->tell);
	if (!text.text)
		return;
	if (!subject->tell)
		subject->tell = malloc(SUBJECT_TELL);
	if (!subject->tell)
		return;
	size_t len = utf8_bound(text.text, text.len, SUBJECT_TELL - 1);
	for (size_t i = 0; i < len; i++)
		subject->tell[i] = (unsigned char)text.text[i] < ' ' ? ' ' : text.text[i];
	subject->tell[len] = '\0';
}

static void add_row(struct engine *engine, const struct columns *at, const struct tally_cell *row,
		    struct series *series, int64_t time)
{
	double value = 0, size = 0;
	if (engine->rule->column[0] && !columns_number(at, at->measured, row, &value))
		return;
	switch (engine->rule->function) {
	case RULE_NEWEST:
		add_match(engine, at, row, series, time);
		break;
	case RULE_SILENCE:
		break;
	case RULE_SUM:
		add_newest_value(series, value);
		break;
	case RULE_RATE:
		add_growth(engine, series, time, value);
		break;
	case RULE_FULL_IN:
		if (columns_number(at, at->size, row, &size))
			add_to_ring(engine, series->subject, time, size - value);
		break;
	default:
		add_to_ring(engine, series->subject, time, value);
	}
}

/* Older than the window, it has nothing to say; a clock that is ahead is brought back to ours. */
static bool is_late(const struct engine *engine, const struct series *series, int64_t time,
		    int64_t now)
{
	enum rule_function function = engine->rule->function;
	if (engine->rule->ages && time <= now - engine->rule->window)
		return true;
	if (function == RULE_NEWEST || function == RULE_SUM || function == RULE_RATE)
		return time < series->time;
	return function != RULE_SILENCE && time <= now - engine->rule->window;
}

/* Of a store that is asked again and again. */
static bool was_read(const struct series *series, int64_t time, int64_t order)
{
	return time < series->read_to || (time == series->read_to && order <= series->read_order);
}

/* Rows of a series come in the order of their times.  So a store's row is known if it is not before
 * the first that passed; and one that passes, as after a crash, if it is not after the last that
 * was read. */
static bool is_known(const struct engine *engine, struct series *series, int64_t time,
		     int64_t order)
{
	if (engine->setup.polls)
		return was_read(series, time, order);
	if (engine->past)
		return series->seen_from && time >= series->seen_from;
	if (!series->seen_from)
		series->seen_from = time;
	return time <= series->read_to;
}

static void watch_row(struct engine *engine, const struct columns *at, const struct tally_cell *row,
		      int64_t now)
{
	int64_t time = row[0].set && row[0].i < now ? row[0].i : now;
	int64_t order = at->order == COLUMNS_NONE ? 0 : row[at->order].i;
	if (engine->rule->function != RULE_NEWEST && !columns_match(at, engine->rule, row, now))
		return;
	struct series *series = find_series(engine, at, row, now);
	engine->counts.rows++;
	if (!series || !series->subject) {
		engine->counts.refused += !series || engine->subjects.n >= engine->subjects.max;
		return;
	}
	struct subject *subject = series->subject;
	if (is_known(engine, series, time, order) || is_late(engine, series, time, now))
		return;
	add_row(engine, at, row, series, time);
	note_tell(at, row, subject);
	if (time > series->time)
		series->time = time;
	if (time > subject->last_row)
		subject->last_row = time;
	if (!subject->first_row || time < subject->first_row)
		subject->first_row = time;
	if (engine->past && !was_read(series, time, order)) {
		series->read_to = time;
		series->read_order = order;
	}
	subject->known = true;
	subjects_mark(&engine->subjects, subject);
}

/* ---- Its table --------------------------------------------------------------- */

static const struct columns *find_table(struct engine *engine, const struct tally_table *table)
{
	for (unsigned i = 0; i < engine->n_tables; i++)
		if (engine->tables[i].table == table)
			return &engine->tables[i];
	if (strcmp(table->name, engine->rule->table) != 0)
		return NULL;
	struct columns *at = &engine->tables[engine->next_table];
	if (!columns_find(table, engine->rule, at)) {
		at->table = NULL;
		return NULL;
	}
	engine->next_table = (engine->next_table + 1) % ENGINE_TABLES;
	if (engine->n_tables < ENGINE_TABLES)
		engine->n_tables++;
	return at;
}

/* A container that stopped is rightly silent; one that runs again has its time to begin anew. */
static void watch_running(struct engine *engine, const struct columns *at, int32_t state,
			  const struct tally_cell *row, int64_t now)
{
	struct span host = span_of(row, at->host), name = container_name(at, row),
		    what = span_of(row, state);
	struct subject *subject =
		subjects_find(&engine->subjects, host.text, host.len, name.text, name.len);
	/* Another container may have had its name before, and the store may tell of it later. */
	if (!subject || (row[0].set && row[0].i < subject->gone_as_of))
		return;
	subject->gone_as_of = row[0].set ? row[0].i : 0;
	bool was = subject->gone;
	subject->gone =
		what.len != strlen("running") || memcmp(what.text, "running", what.len) != 0;
	if (was && !subject->gone && subject->last_row < now)
		subject->last_row = now;
	subjects_mark(&engine->subjects, subject);
}

static void watch_info(struct engine *engine, const struct tally_batch *batch, int64_t now)
{
	struct columns at;
	int32_t state = columns_place(batch->table, "state");
	if (!engine->wants_running || state == COLUMNS_NONE ||
	    !columns_find(batch->table, &(const struct rule){0}, &at))
		return;
	for (uint32_t i = 0; i < batch->n_rows; i++)
		watch_running(engine, &at, state,
			      batch->cells + (size_t)i * batch->table->n_columns, now);
}

bool engine_watch(struct engine *engine, const struct tally_batch *batch, int64_t now)
{
	bool info = (engine->wants_identities || engine->wants_running) &&
		    strcmp(batch->table->name, identities_table) == 0;
	if (info && engine->wants_identities && identities_watch(&engine->identities, batch) < 0)
		engine->counts.refused++;
	const struct columns *at = find_table(engine, batch->table);
	for (uint32_t i = 0; at && i < batch->n_rows; i++)
		watch_row(engine, at, batch->cells + (size_t)i * batch->table->n_columns, now);
	if (info)
		watch_info(engine, batch, now);
	return engine->subjects.dirty != NULL;
}

void engine_watch_past(struct engine *engine, const struct tally_batch *batch, int64_t now)
{
	engine->past = true;
	engine_watch(engine, batch, now);
	engine->past = false;
}

void engine_end_past(struct engine *engine, int64_t from)
{
	engine->whole_since = from;
}

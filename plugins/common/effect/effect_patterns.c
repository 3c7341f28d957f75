/*
 * See effect_patterns.h.
 *
 * New is what log_patterns saw first after the change, or in the second before it.  What was known
 * before has grown or vanished if the test of the metrics says so over a dozen points, surer than
 * there, since there are many patterns.  Lines are counted over as much time on both sides, so that
 * the numbers compare.
 */
#include "effect/effect_patterns.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_cell.h"
#include "ask/table.h"
#include "effect/effect_test.h"

enum { PATTERN_POINTS = 2 * EFFECT_BLOCKS, PATTERNS_SHOWN = 20 };

/* An engine notes that a container was started when its program may have printed already. */
static const int64_t pattern_lead = CLOCK_SECOND;
static const double pattern_confidence = 0.995, pattern_grown = 1.5;

/* In the order in which they are asked for, behind the time. */
enum {
	PATTERN_ID = 1,
	PATTERN_TEMPLATE,
	PATTERN_LEVEL,
	PATTERN_FIRST,
	PATTERN_EXAMPLE,
	PATTERN_COLUMNS
};
static const char *const pattern_columns[PATTERN_COLUMNS] = {NULL,    "id",         "template",
							     "level", "first_seen", "example"};

enum state { STATE_NEW, STATE_GROWN, STATE_VANISHED, STATES, STATE_NONE = STATES };

struct pattern_points {
	double of[EFFECT_RANGES][2 * PATTERN_POINTS + 2];
};

struct pattern {
	const struct tally_cell *row;
	struct pattern_points *points; /* NULL: it has no line in either range */
	enum state state;
	double before, after; /* lines; after NAN: not counted yet */
};

struct effect_patterns {
	struct result_set rows;
	struct pattern *list; /* by id, each once */
	uint32_t n, n_points;
};

/* As many as take what an answer of the store may. */
static const uint32_t pattern_points_most = RESULT_SET_MAX_BYTES / sizeof(struct pattern_points);

void effect_patterns_done(struct effect_patterns *patterns)
{
	if (!patterns)
		return;
	result_set_done(&patterns->rows);
	for (uint32_t i = 0; i < patterns->n; i++)
		free(patterns->list[i].points);
	free(patterns->list);
	free(patterns);
}

/* ---- Asking ------------------------------------------------------------------- */

/* Of several hosts the one that saw it first. */
static int compare_found(const void *left, const void *right)
{
	const struct tally_cell *a = ((const struct pattern *)left)->row;
	const struct tally_cell *b = ((const struct pattern *)right)->row;
	int order = cell_compare(&a[PATTERN_ID], &b[PATTERN_ID]);
	return order ? order : cell_compare(&a[PATTERN_FIRST], &b[PATTERN_FIRST]);
}

static void take_patterns(struct effect_patterns *patterns)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < patterns->rows.n_rows; i++)
		patterns->list[i].row = result_set_row(&patterns->rows, i);
	if (patterns->rows.n_rows)
		qsort(patterns->list, patterns->rows.n_rows, sizeof(*patterns->list),
		      compare_found);
	for (uint32_t i = 0; i < patterns->rows.n_rows; i++)
		if (n == 0 || cell_compare(&patterns->list[n - 1].row[PATTERN_ID],
					   &patterns->list[i].row[PATTERN_ID]) != 0)
			patterns->list[n++].row = patterns->list[i].row;
	patterns->n = n;
}

/* False: it is a table of another making. */
static bool ask_patterns(const struct effect *effect, const struct tally_table *table,
			 struct query *query)
{
	const struct tally_column *service = table_column(table, "service");
	const struct tally_column *host = table_column(table, "host");
	query_begin(query, effect->asker, table);
	for (uint32_t i = 1; i < PATTERN_COLUMNS; i++) {
		const struct tally_column *column = table_column(table, pattern_columns[i]);
		if (!column)
			return false;
		query_select(query, column, TALLY_RAW);
	}
	if (!service || !host)
		return false;
	query_filter(query, service, TALLY_EQUALS, effect->service);
	if (!effect->everywhere)
		query_filter(query, host, TALLY_EQUALS, effect->host);
	query->spec.limit = INT32_MAX; /* what they may take is bounded in bytes */
	return true;
}

int effect_patterns_find(struct effect *effect)
{
	struct asker *asker = effect->asker;
	const struct tally_table *table;
	struct query query;
	int r = asker->ops->table(asker, "log_patterns", &table);
	if (r < 0 || !table || !effect->service->set || !ask_patterns(effect, table, &query))
		return r;
	struct effect_patterns *patterns = calloc(1, sizeof(*patterns));
	if (!patterns)
		return asker_refuse(asker, ENOMEM, "out of memory");
	effect->patterns = patterns;
	r = query_run(&query, &patterns->rows);
	if (r < 0)
		return r;
	patterns->list = calloc(patterns->rows.n_rows + 1, sizeof(*patterns->list));
	if (!patterns->list)
		return asker_refuse(asker, ENOMEM, "out of memory");
	take_patterns(patterns);
	return 0;
}

static int compare_id(const void *key, const void *member)
{
	return cell_compare(key, &((const struct pattern *)member)->row[PATTERN_ID]);
}

static int add_points(struct effect_patterns *patterns, struct pattern *pattern)
{
	if (patterns->n_points == pattern_points_most)
		return -E2BIG;
	pattern->points = calloc(1, sizeof(*pattern->points));
	if (!pattern->points)
		return -ENOMEM;
	patterns->n_points++;
	return 0;
}

int effect_patterns_add(struct effect *effect, int range, int64_t time,
			const struct tally_cell *pattern, double lines)
{
	struct effect_patterns *patterns = effect->patterns;
	int point = effect_grid_point(&effect->patterns_grid, range, time);
	if (!patterns || point < 0)
		return 0;
	struct pattern *found =
		bsearch(pattern, patterns->list, patterns->n, sizeof(*found), compare_id);
	int r = found && !found->points ? add_points(patterns, found) : 0;
	if (found && r == 0)
		found->points->of[range][point] += lines;
	return r;
}

struct counts_reading {
	struct effect *effect;
	int range;
};

static int take_counts(void *arg, const struct tally_batch *batch)
{
	struct counts_reading *reading = arg;
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < batch->n_rows; i++) {
		const struct tally_cell *row = &batch->cells[(size_t)i * batch->table->n_columns];
		if (row[2].set)
			r = effect_patterns_add(reading->effect, reading->range, row[0].i, &row[1],
						(double)row[2].i);
	}
	return r;
}

int effect_patterns_count(struct effect *effect, int range)
{
	struct counts_reading reading = {.effect = effect, .range = range};
	const struct tally_table *table;
	struct query query;
	int r = effect->asker->ops->table(effect->asker, "log_pattern_counts", &table);
	if (r < 0 || !table || !effect->patterns || !table_column(table, "pattern") ||
	    !table_column(table, "lines"))
		return r;
	query_begin(&query, effect->asker, table);
	effect_grid_range(&effect->patterns_grid, range, &query);
	query.spec.bucket = effect->patterns_grid.step;
	query_group(&query, table_column(table, "pattern"));
	query_select(&query, table_column(table, "lines"), TALLY_SUM);
	effect_narrow(effect, &query);
	r = query_stream(&query, take_counts, &reading);
	return r == -ETIMEDOUT ? effect->asker->ops->failed(effect->asker, r) : r;
}

/* ---- Judging ---------------------------------------------------------------------- */

static double sum_of(const double *points, uint32_t n)
{
	double sum = 0;
	for (uint32_t i = 0; i < n; i++)
		sum += points[i];
	return sum;
}

/* The day before is known if any of its lines are. */
static enum state state_of_known(const struct effect *effect, const struct pattern *pattern)
{
	const struct effect_grid *grid = &effect->patterns_grid;
	bool known = !isnan(effect->points[EFFECT_LINES_ALL][1][0]);
	const struct effect_input input =
		effect_grid_input(grid, pattern->points->of[0], pattern->points->of[1], known);
	struct effect_result result;
	effect_compare(&input, &result);
	if (result.verdict == EFFECT_TOO_LITTLE || result.confidence < pattern_confidence)
		return STATE_NONE;
	if (result.verdict == EFFECT_WORSE &&
	    result.after.mean >= pattern_grown * result.before.mean)
		return STATE_GROWN;
	return result.verdict == EFFECT_BETTER && pattern->after <= 0 ? STATE_VANISHED : STATE_NONE;
}

/* All lines of a new one came after the change, also those in its point and in the newest. */
static void judge(const struct effect *effect, struct pattern *pattern)
{
	static const struct pattern_points none;
	const double *now = pattern->points ? pattern->points->of[0] : none.of[0];
	const struct effect_grid *grid = &effect->patterns_grid;
	const struct tally_cell *first = &pattern->row[PATTERN_FIRST];
	uint32_t before = grid->n_after < grid->n ? grid->n_after : grid->n;
	pattern->state = STATE_NONE;
	pattern->before = sum_of(now + grid->n - before, before);
	pattern->after = sum_of(now + grid->n + 1, grid->n_after);
	if (!first->set || first->i < effect->time - pattern_lead) {
		if (pattern->points)
			pattern->state = state_of_known(effect, pattern);
	} else if (first->i < effect->time + effect->window) {
		pattern->state = STATE_NEW;
		pattern->after += now[grid->n];
		if (grid->n_after < grid->n)
			pattern->after += now[grid->n + grid->n_after + 1];
		if (first->i >= effect->counted)
			pattern->after = NAN;
	}
}

static int severity(const struct tally_cell *level)
{
	if (cell_equals(level, "critical") || cell_equals(level, "error"))
		return 2;
	return cell_equals(level, "warning");
}

static double weight(const struct pattern *pattern)
{
	if (pattern->state == STATE_VANISHED)
		return pattern->before;
	return isnan(pattern->after) ? INFINITY : pattern->after;
}

/* By state, the worst level first, then the most lines. */
static int compare_judged(const void *left, const void *right)
{
	const struct pattern *a = left, *b = right;
	double more_a = weight(a), more_b = weight(b);
	int level = severity(&b->row[PATTERN_LEVEL]) - severity(&a->row[PATTERN_LEVEL]);
	if (a->state != b->state)
		return (int)a->state - (int)b->state;
	if (level)
		return level;
	if (more_a > more_b || more_a < more_b)
		return more_a < more_b ? 1 : -1;
	return cell_compare(&a->row[PATTERN_ID], &b->row[PATTERN_ID]);
}

/* ---- Writing ---------------------------------------------------------------------- */

static void write_lines(struct json_writer *json, const char *key, double lines)
{
	json_write_key(json, key);
	if (isnan(lines))
		json_write_null(json);
	else
		json_write_int(json, (int64_t)lines);
}

static void write_cell(struct json_writer *json, const char *key, uint16_t type,
		       const struct tally_cell *cell)
{
	json_write_key(json, key);
	json_write_cell(json, type, cell);
}

static void write_pattern(struct json_writer *json, const struct pattern *pattern)
{
	json_begin_object(json);
	write_cell(json, "pattern", TALLY_TEXT, &pattern->row[PATTERN_ID]);
	write_cell(json, "template", TALLY_TEXT, &pattern->row[PATTERN_TEMPLATE]);
	write_cell(json, "level", TALLY_TEXT, &pattern->row[PATTERN_LEVEL]);
	write_lines(json, "before", pattern->before);
	write_lines(json, "after", pattern->after);
	write_cell(json, "first_seen", TALLY_TIME, &pattern->row[PATTERN_FIRST]);
	write_cell(json, "example", TALLY_TEXT, &pattern->row[PATTERN_EXAMPLE]);
	json_end_object(json);
}

/* Returns where the next state begins. */
static uint32_t write_state(struct json_writer *json, const struct effect_patterns *patterns,
			    uint32_t from, enum state state, uint32_t *left_out)
{
	static const char *const names[STATES] = {"new", "grown", "vanished"};
	uint32_t i = from;
	json_write_key(json, names[state]);
	json_begin_array(json);
	for (; i < patterns->n && patterns->list[i].state == state; i++)
		if (i - from < PATTERNS_SHOWN)
			write_pattern(json, &patterns->list[i]);
		else
			(*left_out)++;
	json_end_array(json);
	return i;
}

void effect_patterns_write(const struct effect *effect, struct json_writer *json)
{
	struct effect_patterns *patterns = effect->patterns;
	uint32_t at = 0, left_out = 0;
	if (!patterns) {
		json_write_null(json);
		return;
	}
	for (uint32_t i = 0; i < patterns->n; i++)
		judge(effect, &patterns->list[i]);
	if (patterns->n)
		qsort(patterns->list, patterns->n, sizeof(*patterns->list), compare_judged);
	json_begin_object(json);
	for (int state = 0; state < STATES; state++)
		at = write_state(json, patterns, at, state, &left_out);
	json_write_key(json, "left_out");
	json_write_int(json, left_out);
	json_end_object(json);
}

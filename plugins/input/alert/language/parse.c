/*
 * By recursive descent, one token ahead.  Every name is looked up where it stands, so that a
 * message can point to it.
 */
#include "language/parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/suggest.h"
#include "language/token.h"
#include "language/value.h"

static const int64_t window_default = CLOCK_MINUTE, window_trend = 6 * CLOCK_HOUR,
		     window_trend_least = 10 * CLOCK_MINUTE;

struct parse {
	struct tokens tokens;
	const struct names *names;
	const struct tally_table *table; /* NULL: not known yet */
	struct rule *rule;
	struct error *error;
};

static int next(struct parse *parse)
{
	return tokens_next(&parse->tokens, parse->error);
}

#define fail(parse, ...) tokens_fail(&(parse)->tokens, (parse)->error, __VA_ARGS__)

static int fail_near(struct parse *parse, const char *what, const char *near)
{
	if (near)
		return fail(parse, "%s (did you mean %s?)", what, near);
	return fail(parse, "%s", what);
}

/* Apart from other mistakes: the input that has it may only not be configured here. */
static int fail_unknown(struct parse *parse, const char *what, const char *near)
{
	(void)fail_near(parse, what, near);
	parse->error->code = ENOENT;
	return -ENOENT;
}

static int expect(struct parse *parse, const char *sign)
{
	if (!tokens_is(&parse->tokens, sign))
		return fail(parse, "expected %s", sign);
	return next(parse);
}

/* ---- Names ------------------------------------------------------------------- */

static int take_table(struct parse *parse)
{
	const char *name = parse->tokens.text;
	parse->table = parse->tokens.kind == TOKEN_WORD ? names_table(parse->names, name) : NULL;
	if (!parse->table)
		return fail_unknown(parse, "no such table", names_near_table(parse->names, name));
	snprintf(parse->rule->table, RULE_NAME_SIZE, "%s", parse->table->name);
	return next(parse);
}

static int fail_ambiguous(struct parse *parse, const char *column)
{
	char all[200] = "";
	size_t len = 0;
	for (size_t i = 0; i < parse->names->n && len < sizeof(all); i++)
		if (names_column(parse->names->tables[i], column))
			len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s.%s",
						len ? ", " : "", parse->names->tables[i]->name,
						column);
	return fail(parse, "several tables have it: write one of %s", all);
}

/* The table of a rule is that of its first column. */
static int find_table(struct parse *parse, const char *table, const char *column, unsigned kind)
{
	size_t n = 0;
	if (parse->table && (!table || strcmp(table, parse->table->name) == 0))
		return 0;
	if (parse->table)
		return fail(parse, "a rule is about one table, here %s", parse->table->name);
	parse->table = table ? names_table(parse->names, table)
			     : names_table_with(parse->names, column, kind, &n);
	if (!parse->table && n > 1)
		return fail_ambiguous(parse, column);
	if (!parse->table && table)
		return fail_unknown(parse, "no such table", names_near_table(parse->names, table));
	if (!parse->table)
		return fail_unknown(parse, "no such column",
				    names_near_column(parse->names, NULL, column));
	snprintf(parse->rule->table, RULE_NAME_SIZE, "%s", parse->table->name);
	return 0;
}

static int take_column(struct parse *parse, unsigned kind, const struct tally_column **ret)
{
	char table[TOKEN_SIZE];
	const char *dot = strchr(parse->tokens.text, '.');
	const char *name = dot ? dot + 1 : parse->tokens.text;
	if (parse->tokens.kind != TOKEN_WORD)
		return fail(parse, "expected a column");
	snprintf(table, sizeof(table), "%.*s", dot ? (int)(dot - parse->tokens.text) : 0,
		 parse->tokens.text);
	int r = find_table(parse, dot ? table : NULL, name, kind);
	if (r < 0)
		return r;
	*ret = names_column(parse->table, name);
	if (*ret)
		return 0;
	char what[2 * RULE_NAME_SIZE];
	snprintf(what, sizeof(what), "%s has no such column", parse->table->name);
	return fail_unknown(parse, what, names_near_column(parse->names, parse->table, name));
}

/* ---- Conditions -------------------------------------------------------------- */

static int take_conditions(struct parse *parse, unsigned kind)
{
	const struct tally_column *column;
	struct rule *rule = parse->rule;
	do {
		if (rule->n_conditions == RULE_CONDITIONS)
			return fail(parse, "a rule has at most %d conditions", RULE_CONDITIONS);
		int r = rule->n_conditions ? next(parse) : 0;
		if (r == 0)
			r = take_column(parse, kind, &column);
		/* Of the newest row, which may be old itself, time alone would have to decide. */
		if (r == 0 && column->type == TALLY_TIME && kind)
			r = fail(parse, "%s is a time, which only `where` compares", column->name);
		if (r == 0)
			r = next(parse);
		if (r == 0)
			r = value_condition(&parse->tokens, column,
					    &rule->conditions[rule->n_conditions++], parse->error);
		if (r < 0)
			return r;
	} while (tokens_is(&parse->tokens, "and"));
	return 0;
}

/* ---- Functions --------------------------------------------------------------- */

static const struct {
	const char *name;
	enum rule_function function;
} functions[] = {{"avg", RULE_AVG},        {"min", RULE_MIN},   {"max", RULE_MAX},
		 {"sum", RULE_SUM},        {"rate", RULE_RATE}, {"count", RULE_COUNT},
		 {"full_in", RULE_FULL_IN}};

enum { FUNCTIONS = sizeof(functions) / sizeof(functions[0]) };

static int check_column(struct parse *parse, const struct tally_column *column)
{
	enum rule_function function = parse->rule->function;
	bool number = column->type == TALLY_INT || column->type == TALLY_REAL ||
		      column->type == TALLY_BOOL;
	if (!number)
		return fail(parse, "%s is not a number", column->name);
	if (function == RULE_RATE && column->role != TALLY_COUNTER)
		return fail(parse, "%s is not a counter: use avg, min, max or sum", column->name);
	if (function != RULE_RATE && column->role == TALLY_COUNTER)
		return fail(parse, "%s is a counter, which only grows: use rate(%s)", column->name,
			    column->name);
	return 0;
}

static int take_measured(struct parse *parse)
{
	const struct tally_column *column;
	if (parse->rule->function == RULE_COUNT)
		return take_table(parse);
	int r = take_column(parse, TALLY_SERIES, &column);
	if (r == 0)
		r = check_column(parse, column);
	if (r < 0)
		return r;
	snprintf(parse->rule->column, RULE_NAME_SIZE, "%s", column->name);
	parse->rule->unit = column->unit;
	return next(parse);
}

/* `full_in(used, size`: the time until one reaches the other. */
static int take_size(struct parse *parse)
{
	const struct tally_column *column;
	struct rule *rule = parse->rule;
	const char *unit = rule->unit ? rule->unit : "";
	int r = expect(parse, ",");
	if (r < 0)
		return r;
	r = take_column(parse, TALLY_SERIES, &column);
	if (r == 0)
		r = check_column(parse, column);
	if (r < 0)
		return r;
	if (strcmp(unit, column->unit ? column->unit : "") != 0)
		return fail(parse, "%s has another unit than %s", column->name, rule->column);
	snprintf(rule->size, RULE_NAME_SIZE, "%s", column->name);
	rule->unit = "s";
	rule->window = window_trend;
	return next(parse);
}

static int take_over(struct parse *parse)
{
	if (!tokens_is(&parse->tokens, "over") && !tokens_is(&parse->tokens, ","))
		return 0;
	int r = next(parse);
	if (r == 0)
		r = value_duration(&parse->tokens, &parse->rule->window, parse->error);
	if (r == 0 && parse->rule->size[0] && parse->rule->window < window_trend_least)
		r = error_set(parse->error, EINVAL, "full_in needs a window of at least 10min");
	return r;
}

static int take_where(struct parse *parse)
{
	if (!tokens_is(&parse->tokens, "where"))
		return 0;
	int r = next(parse);
	return r < 0 ? r : take_conditions(parse, 0);
}

static int take_threshold(struct parse *parse, struct rule_threshold *ret)
{
	const struct rule *rule = parse->rule;
	const char *what = rule->size[0] ? "full_in" : rule->column[0] ? rule->column : "a count";
	int r = value_operator(&parse->tokens, false, &ret->op, parse->error);
	if (r < 0)
		return r;
	return value_number(&parse->tokens, rule->unit, what, &ret->number, parse->error);
}

static int take_aggregate(struct parse *parse)
{
	int r = expect(parse, "(");
	if (r == 0)
		r = take_measured(parse);
	if (r == 0 && parse->rule->function == RULE_FULL_IN)
		r = take_size(parse);
	if (r == 0)
		r = take_over(parse);
	if (r == 0)
		r = take_where(parse);
	if (r == 0)
		r = expect(parse, ")");
	return r < 0 ? r : take_threshold(parse, &parse->rule->when);
}

/* ---- The whole --------------------------------------------------------------- */

/* A name followed by a parenthesis is a function, and a column without one. */
static bool is_call(const struct parse *parse)
{
	const char *at = parse->tokens.at;
	return parse->tokens.kind == TOKEN_WORD && at[strspn(at, " \t")] == '(';
}

static int take_call(struct parse *parse)
{
	const char *names[FUNCTIONS];
	for (unsigned i = 0; i < FUNCTIONS; i++) {
		names[i] = functions[i].name;
		if (!tokens_is(&parse->tokens, names[i]))
			continue;
		parse->rule->function = functions[i].function;
		int r = next(parse);
		return r < 0 ? r : take_aggregate(parse);
	}
	return fail_near(parse, "no such function: use avg, min, max, sum, rate, count or full_in",
			 suggest(parse->tokens.text, names, FUNCTIONS));
}

static int take_test(struct parse *parse)
{
	if (tokens_is(&parse->tokens, "no")) {
		parse->rule->function = RULE_SILENCE;
		int r = next(parse);
		return r < 0 ? r : take_table(parse);
	}
	if (is_call(parse))
		return take_call(parse);
	parse->rule->function = RULE_NEWEST;
	int r = take_conditions(parse, TALLY_STATE);
	parse->rule->ages = tokens_is(&parse->tokens, "over");
	return r < 0 || !parse->rule->ages ? r : take_over(parse);
}

static int take_for(struct parse *parse, int64_t *ret)
{
	if (!tokens_is(&parse->tokens, "for"))
		return 0;
	int r = next(parse);
	return r < 0 ? r : value_duration(&parse->tokens, ret, parse->error);
}

static int check_subject(struct parse *parse)
{
	const struct tally_table *table = parse->table;
	const char *by = rule_subject_text(parse->rule->by);
	bool service = parse->rule->by == RULE_BY_SERVICE && names_column(table, "service");
	if (parse->rule->by != RULE_BY_HOST && !service && !names_column(table, "container_id"))
		return fail(parse, "%s has no container_id, so no %s: use by host", table->name,
			    by);
	return 0;
}

static int take_by(struct parse *parse)
{
	static const char *const subjects[] = {"container", "service", "project", "host"};
	bool container = names_column(parse->table, "container_id");
	parse->rule->by = container ? RULE_BY_CONTAINER : RULE_BY_HOST;
	if (!tokens_is(&parse->tokens, "by"))
		return 0;
	int r = next(parse);
	for (unsigned i = 0; r == 0 && i < sizeof(subjects) / sizeof(subjects[0]); i++) {
		if (!tokens_is(&parse->tokens, subjects[i]))
			continue;
		parse->rule->by = (enum rule_subject)i;
		r = check_subject(parse);
		return r < 0 ? r : next(parse);
	}
	return r < 0 ? r
		     : fail_near(parse, "expected container, service, project or host",
				 suggest(parse->tokens.text, subjects, 4));
}

static int check_end(struct parse *parse)
{
	if (parse->tokens.kind == TOKEN_END)
		return 0;
	if (tokens_is(&parse->tokens, "or"))
		return fail(parse, "there is no or: write a second rule");
	return fail(parse, "expected nothing more");
}

static int take_when(struct parse *parse, const char *text)
{
	int r = tokens_init(&parse->tokens, text, parse->error);
	if (r == 0)
		r = take_test(parse);
	if (r == 0)
		r = take_for(parse, &parse->rule->when_for);
	if (r == 0)
		r = take_by(parse);
	if (r == 0)
		r = check_end(parse);
	bool silence = parse->rule->function == RULE_SILENCE;
	if (r == 0 && silence && parse->rule->by != RULE_BY_HOST &&
	    parse->rule->by != RULE_BY_CONTAINER)
		r = fail(parse, "who is silent is a container or a host");
	if (r == 0 && silence && !parse->rule->when_for)
		r = fail(parse, "say for how long: no %s for 5min", parse->rule->table);
	if (r < 0)
		error_prefix(parse->error, "when: ");
	return r;
}

/* `> 90` is not over at `> 80`, nor at `< 95`. */
static bool is_same_side(const struct rule_threshold *when, const struct rule_threshold *clear)
{
	bool when_up = when->op <= RULE_AT_LEAST, clear_up = clear->op <= RULE_AT_LEAST;
	bool both = when->op <= RULE_AT_MOST && clear->op <= RULE_AT_MOST;
	return (both && when_up == clear_up) ||
	       (both && rule_compare(clear->number, when->op, when->number) &&
		clear->number != when->number);
}

static int take_clear(struct parse *parse, const char *text)
{
	struct rule *rule = parse->rule;
	if (!text || !*text)
		return 0;
	int r = tokens_init(&parse->tokens, text, parse->error);
	if (r == 0 && rule->function <= RULE_SILENCE)
		r = error_set(parse->error, EINVAL,
			      "this rule compares no value that it could use");
	if (r == 0)
		r = take_threshold(parse, &rule->clear);
	if (r == 0)
		r = take_for(parse, &rule->clear_for);
	if (r == 0)
		r = check_end(parse);
	if (r == 0 && is_same_side(&rule->when, &rule->clear))
		r = error_set(parse->error, EINVAL,
			      "%s is itself a reason to fire: it must be on the other side of what "
			      "`when` says",
			      text);
	rule->has_clear = true;
	if (r < 0)
		error_prefix(parse->error, "clear: ");
	return r;
}

int parse_rule(const char *when, const char *clear, const struct names *names, struct rule **ret,
	       struct error *error)
{
	struct parse parse = {.names = names, .error = error};
	parse.rule = calloc(1, sizeof(*parse.rule));
	if (!parse.rule)
		return error_set(error, ENOMEM, "out of memory");
	parse.rule->window = window_default;
	snprintf(parse.rule->text, RULE_TEXT_SIZE, "%s", when);
	int r = take_when(&parse, when);
	if (r == 0)
		r = take_clear(&parse, clear);
	if (r < 0)
		rule_destroy(parse.rule);
	else
		*ret = parse.rule;
	return r;
}

int parse_tell(const char *column, const struct names *names, struct rule *rule,
	       struct error *error)
{
	if (!column || !*column)
		return 0;
	const struct tally_table *table = names_table(names, rule->table);
	const struct tally_column *found = table ? names_column(table, column) : NULL;
	const char *near = names_near_column(names, table, column);
	if (!found)
		return error_set(error, EINVAL, "tell: %s has no column %s%s%s%s", rule->table,
				 column, near ? " (did you mean " : "", near ? near : "",
				 near ? "?)" : "");
	if (found->type != TALLY_TEXT)
		return error_set(error, EINVAL, "tell: %s is not a text", column);
	snprintf(rule->tell, RULE_NAME_SIZE, "%s", column);
	return 0;
}

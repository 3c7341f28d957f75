/*
 * A unit that does not belong to its column is a mistake that would otherwise only show as an alert
 * that never comes, so it is refused with what would be right.
 */
#include "language/value.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "pattern.h"

static const int64_t duration_min = CLOCK_SECOND, duration_max = 7 * CLOCK_DAY;

int value_operator(struct tokens *tokens, bool texts, enum rule_operator *ret, struct error *error)
{
	unsigned n = texts ? RULE_NEWER : RULE_CONTAINS;
	for (unsigned op = 0; op < n; op++) {
		if (!tokens_is(tokens, rule_operator_text((enum rule_operator)op)))
			continue;
		*ret = (enum rule_operator)op;
		return tokens_next(tokens, error);
	}
	return tokens_fail(tokens, error, "expected one of > >= < <= = !=%s",
			   texts ? " contains matches" : "");
}

/* ---- Numbers ----------------------------------------------------------------- */

static bool is_unit(const char *unit, const char *name)
{
	return unit && strcmp(unit, name) == 0;
}

static const char *right_example(const char *unit)
{
	if (is_unit(unit, "bytes"))
		return "a size, such as 512Mi";
	if (is_unit(unit, "ns") || is_unit(unit, "s"))
		return "a duration, such as 5s";
	if (is_unit(unit, "percent"))
		return "a percentage, such as 90";
	return "a plain number";
}

/* 1.5, -3, 1e6 */
static bool plain_number(const char *text, double *ret, const char **ret_rest)
{
	char *end;
	double value = strtod(text, &end);
	if (end == text || !isfinite(value) || strpbrk(text, "xX"))
		return false;
	*ret = value;
	*ret_rest = end;
	return true;
}

static bool with_unit(const char *text, const char *unit, double *ret)
{
	int64_t whole;
	const char *rest;
	double number;
	if (is_unit(unit, "bytes") && text_parse_size(text, &whole) == 0) {
		*ret = (double)whole;
		return true;
	}
	if ((is_unit(unit, "ns") || is_unit(unit, "s")) && text_parse_duration(text, &whole) == 0) {
		*ret = is_unit(unit, "s") ? (double)whole / (double)CLOCK_SECOND : (double)whole;
		return true;
	}
	if (!plain_number(text, &number, &rest))
		return false;
	if (*rest && !(is_unit(unit, "percent") && strcmp(rest, "%") == 0))
		return false;
	*ret = number;
	return true;
}

int value_number(struct tokens *tokens, const char *unit, const char *what, double *ret,
		 struct error *error)
{
	double number;
	if (tokens->kind != TOKEN_NUMBER || !with_unit(tokens->text, unit, &number))
		return unit ? tokens_fail(tokens, error, "%s is in %s: expected %s", what, unit,
					  right_example(unit))
			    : tokens_fail(tokens, error, "%s has no unit: expected %s", what,
					  right_example(unit));
	*ret = number;
	return tokens_next(tokens, error);
}

int value_duration(struct tokens *tokens, int64_t *ret, struct error *error)
{
	int64_t value;
	if (tokens->kind != TOKEN_NUMBER || text_parse_duration(tokens->text, &value) < 0)
		return tokens_fail(tokens, error, "expected a duration, such as 5min");
	if (value < duration_min || value > duration_max)
		return tokens_fail(tokens, error, "expected a duration between 1s and 7d");
	*ret = value;
	return tokens_next(tokens, error);
}

/* ---- Conditions -------------------------------------------------------------- */

static int take_text(struct tokens *tokens, const char *column, struct rule_condition *ret,
		     struct error *error)
{
	char why[PATTERN_WHY_SIZE] = "";
	if (tokens->kind == TOKEN_END || tokens->kind == TOKEN_SIGN)
		return tokens_fail(tokens, error, "expected a text to compare %s with", column);
	ret->text = strdup(tokens->text);
	if (!ret->text)
		return error_set(error, ENOMEM, "out of memory");
	if (ret->op == RULE_MATCHES && pattern_create(ret->text, &ret->pattern, why) < 0)
		return tokens_fail(tokens, error, "%s", why[0] ? why : "out of memory");
	return tokens_next(tokens, error);
}

static int take_bool(struct tokens *tokens, const char *column, struct rule_condition *ret,
		     struct error *error)
{
	bool value;
	if (tokens->kind != TOKEN_WORD || text_parse_bool(tokens->text, &value) < 0)
		return tokens_fail(tokens, error, "%s is yes or no", column);
	ret->number = value;
	return tokens_next(tokens, error);
}

/* `newer than 10min` */
static int take_age(struct tokens *tokens, const char *column, struct rule_condition *ret,
		    struct error *error)
{
	int64_t age;
	bool newer = tokens_is(tokens, rule_operator_text(RULE_NEWER));
	if (!newer && !tokens_is(tokens, rule_operator_text(RULE_OLDER)))
		return tokens_fail(tokens, error,
				   "%s is a time: expected newer than or older than, such as "
				   "newer than 10min",
				   column);
	ret->op = newer ? RULE_NEWER : RULE_OLDER;
	int r = tokens_next(tokens, error);
	if (r == 0 && !tokens_is(tokens, "than"))
		return tokens_fail(tokens, error, "expected than");
	if (r == 0)
		r = tokens_next(tokens, error);
	if (r == 0)
		r = value_duration(tokens, &age, error);
	if (r == 0)
		ret->number = (double)age;
	return r;
}

int value_condition(struct tokens *tokens, const struct tally_column *column,
		    struct rule_condition *ret, struct error *error)
{
	bool text = column->type == TALLY_TEXT || column->type == TALLY_JSON;
	snprintf(ret->column, sizeof(ret->column), "%s", column->name);
	ret->type = column->type;
	if (column->type == TALLY_TIME)
		return take_age(tokens, column->name, ret, error);
	int r = value_operator(tokens, text, &ret->op, error);
	if (r < 0)
		return r;
	if (text && ret->op < RULE_EQUAL)
		return tokens_fail(tokens, error,
				   "%s is a text: compare it with =, !=, contains or matches",
				   column->name);
	if (text)
		return take_text(tokens, column->name, ret, error);
	if (column->type == TALLY_BOOL)
		return take_bool(tokens, column->name, ret, error);
	return value_number(tokens, column->unit, column->name, &ret->number, error);
}

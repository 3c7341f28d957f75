/*
 * Reads the parameters of a request by the specifications of its route.  http/server.c calls it
 * once per request, on libmicrohttpd's thread, before the request waits for anything: a mistake
 * costs neither a worker nor a query.  What depends on a table (fields, tags, the cursor's key) is
 * text here, and read by the endpoint.
 *
 *	arguments_read()    names and values in the order of the query, then what is missing
 *	read_value()        one parser per type
 *	window.c            from, to, step, points and tz, which depend on each other
 *
 * An unknown parameter is refused rather than ignored: "hosts=a" for "host=a" would otherwise give
 * the rows of all hosts, and look right.
 */
#include "message/arguments.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "message/context.h"
#include "base/suggest.h"
#include "message/time_expr.h"
#include "message/window.h"

enum { STEP_MOST_MONTHS = 120 };

/* ---- Values -------------------------------------------------------------- */

static int refuse_choice(struct context *context, const char *name, const char *choices,
			 const char *text)
{
	char word[64], list[256] = "", hint[96] = "";
	unsigned best = SUGGEST_NEAR;
	size_t len, written = 0;
	for (const char *at = choices; *at; at += len + (at[len] == '|')) {
		len = strcspn(at, "|");
		snprintf(word, sizeof(word), "%.*s", (int)len, at);
		if (suggest_nearer(text, word, &best))
			snprintf(hint, sizeof(hint), "; did you mean %s?", word);
		if (written < sizeof(list))
			written += (size_t)snprintf(list + written, sizeof(list) - written, "%s%s",
						    written ? ", " : "", word);
	}
	return response_problem(context->builder, 400, name, "\"%s\" is none of %s%s", text, list,
				hint);
}

static int read_choice(struct context *context, const char *name, const char *choices,
		       const char *text, int64_t *ret)
{
	size_t wanted = strlen(text);
	const char *at = choices;
	for (int64_t place = 0; *at; place++) {
		size_t len = (size_t)(strchrnul(at, '|') - at);
		if (len == wanted && memcmp(at, text, len) == 0) {
			*ret = place;
			return 0;
		}
		at += len + (at[len] == '|');
	}
	return refuse_choice(context, name, choices, text);
}

/* "min,avg,max".  A word that is cut here is none of the choices in any case. */
static int read_choices(struct context *context, const char *name, const char *choices,
			const char *text, int64_t *ret)
{
	char word[64];
	int64_t bits = 0, place;
	const char *at = text;
	while (true) {
		size_t len = strcspn(at, ",");
		snprintf(word, sizeof(word), "%.*s", (int)len, at);
		int r = read_choice(context, name, choices, word, &place);
		if (r < 0)
			return r;
		bits |= INT64_C(1) << place;
		if (!at[len])
			break;
		at += len + 1;
	}
	*ret = bits;
	return 0;
}

static int64_t int_max(const struct context *context, const struct param_spec *spec)
{
	return spec->flags & PARAM_RESULTS ? context->config->max_results_per_query : spec->max;
}

/* Digits only: strtoll() would also take blanks and a sign. */
static int read_int(struct context *context, const struct param_spec *spec, const char *text,
		    int64_t *ret)
{
	char *end;
	int64_t max = int_max(context, spec), value = strtoll(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || value < spec->min || value > max)
		return response_problem(context->builder, 400, spec->name,
					"\"%s\" is not a number from %" PRId64 " to %" PRId64, text,
					spec->min, max);
	*ret = value;
	return 0;
}

/* A sign is read only to say "too short" instead of "not a duration". */
static int read_duration(struct context *context, const struct param_spec *spec, const char *text,
			 int64_t *ret)
{
	char bound[32];
	bool negative = *text == '-';
	int r = span_read(text + negative, ret);
	if (r == -EINVAL)
		return response_problem(context->builder, 400, spec->name,
					"\"%s\" is not a duration (try 10s, 5m or 1h)", text);
	bool too_short = r == -EDOM || negative || (r == 0 && *ret < spec->min);
	if (r == 0 && !too_short && *ret <= spec->max)
		return 0;
	text_format_duration(too_short ? spec->min : spec->max, bound, sizeof(bound));
	return response_problem(
		context->builder, 400, spec->name, "\"%s\" is too %s: %s is at %s %s", text,
		too_short ? "short" : "long", spec->name, too_short ? "least" : "most", bound);
}

/* "3mo": as calendars have them.  What is no number of months is read as a duration. */
static int read_step(struct context *context, const struct param_spec *spec, const char *text,
		     int64_t *ret)
{
	char *end;
	long months = strtol(text, &end, 10);
	if (*text < '0' || *text > '9' || strcmp(end, "mo") != 0)
		return read_duration(context, spec, text, ret);
	if (months < 1 || months > STEP_MOST_MONTHS)
		return response_problem(context->builder, 400, spec->name,
					"\"%s\" is not a number of months from 1mo to %dmo", text,
					STEP_MOST_MONTHS);
	*ret = STEP_MONTHS + months;
	return 0;
}

static int read_value(struct context *context, const struct param_spec *spec, const char *text,
		      int64_t *ret)
{
	switch (spec->type) {
	case PARAM_INT:
		return read_int(context, spec, text, ret);
	case PARAM_CHOICE:
		return read_choice(context, spec->name, spec->choices, text, ret);
	case PARAM_CHOICES:
		return read_choices(context, spec->name, spec->choices, text, ret);
	case PARAM_FLAG:
		return read_choice(context, spec->name, "no|yes", text, ret);
	case PARAM_DURATION:
		return read_duration(context, spec, text, ret);
	case PARAM_STEP:
		return read_step(context, spec, text, ret);
	default:
		return 0;
	}
}

/* ---- Names --------------------------------------------------------------- */

static bool is_in_query(const struct param_spec *spec)
{
	return !(spec->flags & (PARAM_IN_PATH | PARAM_IN_HEADER));
}

/* NULL: the route has no such parameter. */
static const struct param_spec *find_spec(const struct route_params *params, const char *name)
{
	for (const struct param_spec *const *spec = params->list; spec && *spec; spec++)
		if (is_in_query(*spec) && strcmp((*spec)->name, name) == 0)
			return *spec;
	return NULL;
}

/* What to try instead: the name that is meant, or all there are. */
struct guess {
	unsigned best;
	const char *meant;
	char all[400];
};

static void add_name(struct guess *guess, const char *name, const char *candidate)
{
	size_t len = strlen(guess->all);
	if (suggest_nearer(name, candidate, &guess->best))
		guess->meant = candidate;
	snprintf(guess->all + len, sizeof(guess->all) - len, "%s%s", len ? ", " : "", candidate);
}

static int refuse_name(struct context *context, const struct route_params *params,
		       const char *const *tags, size_t n, const char *name)
{
	static const char none[] = "there is no such parameter here";
	struct guess guess = {.best = SUGGEST_NEAR};
	for (const struct param_spec *const *spec = params->list; spec && *spec; spec++)
		if (is_in_query(*spec))
			add_name(&guess, name, (*spec)->name);
	for (size_t i = 0; i < n; i++)
		add_name(&guess, name, tags[i]);
	if (guess.meant)
		return response_problem(context->builder, 400, name, "%s; did you mean %s?", none,
					guess.meant);
	return response_problem(context->builder, 400, name, "%s%s%s", none,
				guess.all[0] ? "; there are " : "", guess.all);
}

int arguments_check_tags(struct context *context, const struct route_params *params,
			 const char *const *tags, size_t n)
{
	for (uint32_t i = 0; i < context->target->n_params; i++) {
		const char *name = context->target->params[i].name;
		bool known = find_spec(params, name) != NULL;
		for (size_t k = 0; k < n && !known; k++)
			known = strcmp(tags[k], name) == 0;
		if (!known)
			return refuse_name(context, params, tags, n, name);
	}
	return 0;
}

/* ---- All of them --------------------------------------------------------- */

static int64_t *place_of(struct arguments *args, const struct param_spec *spec)
{
	return (int64_t *)(void *)((char *)args + spec->at);
}

/* Before anything is read.  A default that is more than the configuration allows becomes what it
 * allows. */
static int set_fallbacks(struct context *context, const struct route_params *params,
			 struct arguments *args)
{
	int r = 0;
	for (const struct param_spec *const *at = params->list; at && *at && r == 0; at++) {
		const struct param_spec *spec = *at;
		int64_t value = ARGUMENT_NONE;
		if (!spec->at)
			continue;
		if (spec->fallback && spec->type == PARAM_INT) {
			value = strtoll(spec->fallback, NULL, 10);
			value = value < int_max(context, spec) ? value : int_max(context, spec);
		} else if (spec->fallback) {
			r = read_value(context, spec, spec->fallback, &value);
		}
		*place_of(args, spec) = value;
	}
	return r;
}

/* TOPIC.NAME, where that is allowed: NAME's specification, under the whole name and without a place
 * for its value.  false: there is none. */
static bool find_spec_of_topic(const struct route_params *params, const char *name,
			       struct param_spec *ret)
{
	const char *dot = strchr(name, '.');
	const struct param_spec *spec = NULL;
	if (dot && params->others == OTHERS_OF_TOPICS)
		spec = find_spec(params, dot + 1);
	if (!spec)
		return false;
	*ret = *spec;
	ret->name = name;
	ret->at = 0;
	return true;
}

static int read_param(struct context *context, const struct route_params *params,
		      const struct param *param, struct arguments *args)
{
	const struct param_spec *spec = find_spec(params, param->name);
	struct param_spec of_topic;
	int64_t value = 0;
	if (!spec && find_spec_of_topic(params, param->name, &of_topic))
		spec = &of_topic;
	if (!spec)
		return params->others == OTHERS_REFUSED || params->others == OTHERS_OF_TOPICS
			       ? refuse_name(context, params, NULL, 0, param->name)
			       : 0;
	if (!(spec->flags & PARAM_REPEATED) &&
	    target_param(context->target, param->name) != param->value)
		return response_problem(context->builder, 400, param->name, "given more than once");
	int r = read_value(context, spec, param->value, &value);
	if (r == 0 && spec->at)
		*place_of(args, spec) = value;
	return r;
}

int arguments_read(struct context *context, const struct route_params *params,
		   struct arguments *ret)
{
	*ret = (struct arguments){.limit = 0};
	int r = set_fallbacks(context, params, ret);
	for (uint32_t i = 0; i < context->target->n_params && r == 0; i++)
		r = read_param(context, params, &context->target->params[i], ret);
	for (const struct param_spec *const *at = params->list; at && *at && r == 0; at++) {
		const char *text = target_param(context->target, (*at)->name);
		if ((*at)->flags & PARAM_REQUIRED && is_in_query(*at) && (!text || !*text))
			r = response_problem(context->builder, 400, (*at)->name,
					     "%s= is required: %s", (*at)->name, (*at)->help);
	}
	if (r == 0 && params->range)
		r = window_read(context, params->range, &ret->window);
	if (r == 0 && params->grid)
		r = window_set_grid(context, ret->step, ret->points, &ret->window);
	return r;
}

void arguments_done(struct arguments *args)
{
	free(args->window.edges);
	args->window.edges = NULL;
}

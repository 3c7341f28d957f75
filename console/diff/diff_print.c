/*
 * A change and its effect in plain words.  Whatever comes from elsewhere goes through text_show();
 * a line is cut where the screen of 80 columns ends.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/row.h"
#include "diff/diff.h"
#include "terminal/figures.h"
#include "terminal/text.h"

enum { PRINT_KEY = 14, PRINT_VERDICT = 8, PRINT_TEXT = 400 };

/* Appends foreign text, cut at what is left of the line. */
static void print_text(struct strbuf *out, size_t *used, const struct json_text *text)
{
	if (text->at && *used < DIFF_COLUMNS)
		*used += text_show_line(out, text->at, text->len, DIFF_COLUMNS - *used);
}

static void print_string(struct strbuf *out, size_t *used, const char *text)
{
	const struct json_text whole = {text, strlen(text)};
	print_text(out, used, &whole);
}

static void print_in(const struct diff *diff, struct strbuf *out, size_t *used, const char *colour,
		     const char *text)
{
	strbuf_add(out, "%s", diff->colours ? colour : "");
	print_string(out, used, text);
	strbuf_add(out, "%s", diff->colours && *colour ? "\x1b[0m" : "");
}

static const char *verdict_colour(const struct json_text *verdict)
{
	return json_text_is(verdict, "worse")    ? "\x1b[31m"
	       : json_text_is(verdict, "better") ? "\x1b[32m"
						 : "";
}

/* ---- What changed ------------------------------------------------------------------ */

/* A JSON value: a string without its quotes, sizes as people write them. */
static void print_value(struct strbuf *out, size_t *used, const struct json_text *key,
			const struct json_text *raw)
{
	char copy[PRINT_TEXT], size[FIGURE_SIZE];
	struct json_reader json;
	struct json_text text;
	struct json_int number;
	if (!raw->at) {
		print_string(out, used, FIGURE_NONE);
		return;
	}
	if (raw->len >= sizeof(copy)) {
		print_text(out, used, raw);
		return;
	}
	memcpy(copy, raw->at, raw->len);
	json_reader_init(&json, copy, raw->len);
	bool memory = key->len >= 6 && memcmp(key->at, "memory", 6) == 0;
	if (json_peek(&json) == JSON_NEXT_STRING && json_read_text(&json, &text)) {
		print_text(out, used, &text);
	} else if (memory && json_peek(&json) == JSON_NEXT_NUMBER &&
		   json_read_int(&json, &number) && number.set) {
		figure_bytes((double)number.value, size);
		print_string(out, used, size);
	} else {
		print_text(out, used, raw);
	}
}

static bool is_same(const struct json_text *a, const struct json_text *b)
{
	return a->at && b->at && a->len == b->len && memcmp(a->at, b->at, a->len) == 0;
}

/* Of values of variables there are only hashes. */
static void print_variable(struct strbuf *out, const struct change_member *member)
{
	size_t used = 0;
	print_string(out, &used, "  variable ");
	print_text(out, &used, &member->key);
	print_string(out, &used,
		     !member->before.at  ? " is new"
		     : !member->after.at ? " is gone"
					 : " has another value");
	strbuf_add(out, "\n");
}

static void print_member(struct strbuf *out, const struct change *change,
			 const struct change_member *member)
{
	size_t used = 0, begin = out->len;
	if (json_text_is(&change->kind, "env_names")) {
		print_variable(out, member);
		return;
	}
	if (is_same(&member->before, &member->after))
		return;
	print_string(out, &used, "  ");
	print_text(out, &used, &member->key);
	print_string(out, &used, " ");
	print_value(out, &used, &member->key, &member->before);
	print_string(out, &used, " → ");
	print_value(out, &used, &member->key, &member->after);
	if (used >= DIFF_COLUMNS) { /* on two lines then */
		out->len = begin;
		used = 0;
		print_string(out, &used, "  ");
		print_text(out, &used, &member->key);
		print_string(out, &used, " ");
		print_value(out, &used, &member->key, &member->before);
		strbuf_add(out, "\n");
		used = 0;
		print_string(out, &used, "    → ");
		print_value(out, &used, &member->key, &member->after);
	}
	strbuf_add(out, "\n");
}

/* A mark has its text, and the id of an image says little where its name is another one. */
static void print_change(struct strbuf *out, const struct change *change)
{
	bool named = false;
	for (unsigned i = 0; i < change->n; i++)
		named |= json_text_is(&change->members[i].key, "image") &&
			 !is_same(&change->members[i].before, &change->members[i].after);
	for (unsigned i = 0; i < change->n; i++) {
		const struct change_member *member = &change->members[i];
		if (named && (json_text_is(&member->key, "image_id") ||
			      json_text_is(&member->key, "digest")))
			continue;
		if (json_text_is(&change->kind, "mark") && json_text_is(&member->key, "text")) {
			size_t used = 0;
			print_string(out, &used, "  mark ");
			print_value(out, &used, &member->key, &member->after);
			strbuf_add(out, "\n");
			continue;
		}
		print_member(out, change, member);
	}
}

/* "shop/web, since 2026-01-31 12:00:00 on alpha: image, config" */
static void print_head(const struct diff *diff, struct strbuf *out)
{
	const struct change *change = &diff->changes[0];
	char time[40];
	size_t used = 0;
	row_time(change->time, time, sizeof(time));
	time[19] = '\0'; /* to the second */
	print_text(out, &used, &change->service);
	print_string(out, &used, ", since the change at ");
	print_in(diff, out, &used, "\x1b[1m", time);
	print_string(out, &used, " on ");
	print_text(out, &used, &change->host);
	strbuf_add(out, "\n");
	for (unsigned i = 0; i < diff->n; i++) {
		used = 0;
		print_string(out, &used, i == 0 ? "changed: " : "    and: ");
		print_text(out, &used, &diff->changes[i].kind);
		strbuf_add(out, "\n");
		print_change(out, &diff->changes[i]);
	}
	for (unsigned i = 0; i < diff->n_since; i++) {
		char times[32];
		used = 0;
		snprintf(times, sizeof(times), ", %u time%s", diff->since[i].n,
			 diff->since[i].n > 1 ? "s" : "");
		print_string(out, &used, "since then: ");
		print_text(out, &used, &diff->since[i].kind);
		print_string(out, &used, times);
		strbuf_add(out, "\n");
	}
}

/* ---- Its effect -------------------------------------------------------------------- */

static const struct {
	const char *name, *words;
} metric_words[] = {
	{"cpu", "CPU"},
	{"memory", "memory"},
	{"memory_growth", "memory grows by"},
	{"network", "network"},
	{"disk", "disk"},
	{"throttling", "throttled"},
	{"lines_error", "error lines"},
	{"lines_warning", "warning lines"},
	{"lines", "lines"},
	{"ends", "containers that ended"},
};

static void print_name(struct strbuf *out, size_t *used, const struct json_text *name)
{
	for (size_t i = 0; i < sizeof(metric_words) / sizeof(*metric_words); i++)
		if (json_text_is(name, metric_words[i].name)) {
			print_string(out, used, metric_words[i].words);
			return;
		}
	print_text(out, used, name);
}

static void figure_of(const struct effect_metric *metric, double value, char ret[2 * FIGURE_SIZE])
{
	char size[FIGURE_SIZE];
	if (json_text_is(&metric->unit, "percent")) {
		figure_percent(value, ret);
	} else if (json_text_is(&metric->unit, "bytes")) {
		figure_bytes(value, ret);
	} else if (json_text_is(&metric->unit, "bytes/h")) {
		figure_bytes(value, size);
		snprintf(ret, 2 * FIGURE_SIZE, "%s/h", size);
	} else if (json_text_is(&metric->name, "disk")) {
		figure_disk_rate(value, ret);
	} else if (json_text_is(&metric->unit, "bytes/s")) {
		figure_rate(value, ret);
	} else if (json_text_is(&metric->unit, "ns/s")) {
		snprintf(ret, 2 * FIGURE_SIZE, "%.3g ms/s", value / 1e6);
	} else {
		const char *slash =
			metric->unit.at ? memchr(metric->unit.at, '/', metric->unit.len) : NULL;
		snprintf(ret, 2 * FIGURE_SIZE, "%.3g%.8s", value, slash ? slash : "");
	}
}

static void print_metric(const struct diff *diff, struct strbuf *out,
			 const struct effect_metric *metric)
{
	char before[2 * FIGURE_SIZE], after[2 * FIGURE_SIZE], words[PRINT_VERDICT + 1],
		more[32] = "";
	size_t used = 0;
	bool growth = json_text_is(&metric->name, "memory_growth");
	figure_of(metric, metric->before, before);
	figure_of(metric, metric->after, after);
	snprintf(words, sizeof(words), "%-*s", PRINT_VERDICT, metric->verdict.at);
	print_in(diff, out, &used, verdict_colour(&metric->verdict), words);
	print_name(out, &used, &metric->name);
	print_string(out, &used, " ");
	print_string(out, &used, growth ? after : before);
	print_string(out, &used, growth ? ", before by " : " → ");
	print_string(out, &used, growth ? before : after);
	if (!growth && metric->before > 0 && isfinite(metric->after))
		snprintf(more, sizeof(more), " (%+.3g %%)",
			 (metric->after / metric->before - 1) * 100);
	print_string(out, &used, more);
	strbuf_add(out, "\n");
}

/* "no difference: CPU, memory" */
static void print_others(const struct diff *diff, struct strbuf *out, const char *verdict)
{
	size_t used = 0;
	bool any = false;
	for (unsigned i = 0; i < diff->effect.n_metrics; i++) {
		const struct effect_metric *metric = &diff->effect.metrics[i];
		bool growth = json_text_is(&metric->name, "memory_growth");
		if (!json_text_is(&metric->verdict, verdict))
			continue;
		print_string(out, &used, any ? ", " : verdict);
		if (!any)
			print_string(out, &used, ": ");
		any = true;
		if (growth)
			print_string(out, &used, "growth of memory");
		else
			print_name(out, &used, &metric->name);
	}
	if (any)
		strbuf_add(out, "\n");
}

static void print_pattern(struct strbuf *out, const struct effect_pattern *pattern, int state)
{
	char lines[80];
	size_t used = 0;
	if (state == PATTERN_NEW && pattern->after.set)
		snprintf(lines, sizeof(lines), "%lld lines: ", (long long)pattern->after.value);
	else if (state == PATTERN_NEW)
		snprintf(lines, sizeof(lines), "just now: ");
	else
		snprintf(lines, sizeof(lines),
			 "%lld → %lld lines: ", (long long)pattern->before.value,
			 (long long)pattern->after.value);
	const char letter[] = {' ', ' ', row_letter(&pattern->level), ' ', '\0'};
	print_string(out, &used, letter);
	print_string(out, &used, lines);
	print_text(out, &used, &pattern->template);
	strbuf_add(out, "\n");
}

static void print_patterns(const struct effect *effect, struct strbuf *out)
{
	static const char *const heads[PATTERN_STATES] = {
		"new in its log:", "more often in its log:", "no longer in its log:"};
	for (int state = 0; state < PATTERN_STATES; state++) {
		if (effect->n_patterns[state])
			strbuf_add(out, "%s\n", heads[state]);
		for (unsigned i = 0; i < effect->n_patterns[state]; i++)
			print_pattern(out, &effect->patterns[state][i], state);
	}
	if (effect->left_out.set && effect->left_out.value > 0)
		strbuf_add(out, "and %lld more patterns\n", (long long)effect->left_out.value);
}

void diff_print(const struct diff *diff, struct strbuf *out)
{
	const struct effect *effect = &diff->effect;
	size_t used = 0;
	print_head(diff, out);
	print_string(out, &used, "effect, up to ");
	print_string(out, &used, diff->window);
	print_string(out, &used, " after against before: ");
	if (effect->verdict.at)
		print_in(diff, out, &used, verdict_colour(&effect->verdict), effect->verdict.at);
	strbuf_add(out, "\n");
	for (int worse = 1; worse >= 0; worse--)
		for (unsigned i = 0; i < effect->n_metrics; i++)
			if (json_text_is(&effect->metrics[i].verdict, worse ? "worse" : "better"))
				print_metric(diff, out, &effect->metrics[i]);
	print_others(diff, out, "no difference");
	print_others(diff, out, "too little data");
	print_patterns(effect, out);
}

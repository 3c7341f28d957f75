/* See effect.h.  What is unknown is skipped, so that newer APIs are understood. */
#include "diff/effect.h"

#include <math.h>
#include <stdlib.h>

#include "base/rfc3339.h"

/* ---- A change -------------------------------------------------------------------- */

static struct change_member *member_of(struct change *change, const struct json_text *key)
{
	for (unsigned i = 0; i < change->n; i++)
		if (json_text_is(key, change->members[i].key.at))
			return &change->members[i];
	if (change->n == CHANGE_MEMBERS)
		return NULL;
	change->members[change->n].key = *key;
	return &change->members[change->n++];
}

static void read_members(struct json_reader *json, struct change *change, bool after)
{
	struct json_text key, raw;
	json_enter_object(json);
	while (json_next_key(json, &key)) {
		struct change_member *member = member_of(change, &key);
		if (json_read_raw(json, &raw) && member)
			*(after ? &member->after : &member->before) = raw;
	}
}

bool change_read(char *text, size_t len, struct change *ret)
{
	const struct {
		const char *key;
		struct json_text *text;
	} texts[] = {{"time", &ret->at},
		     {"id", &ret->id},
		     {"host", &ret->host},
		     {"service", &ret->service},
		     {"kind", &ret->kind}};
	struct json_reader json;
	struct json_text key;
	*ret = (struct change){.n = 0};
	json_reader_init(&json, text, len);
	json_enter_object(&json);
	while (json_next_key(&json, &key)) {
		size_t i = 0;
		while (i < sizeof(texts) / sizeof(*texts) && !json_text_is(&key, texts[i].key))
			i++;
		if (i < sizeof(texts) / sizeof(*texts))
			json_read_text(&json, texts[i].text);
		else if (json_text_is(&key, "before") || json_text_is(&key, "after"))
			read_members(&json, ret, json_text_is(&key, "after"));
		else
			json_skip(&json);
	}
	return json_finish(&json) && ret->id.at && ret->kind.at && ret->at.at &&
	       rfc3339_parse(ret->at.at, ret->at.len, &ret->time) == 0;
}

/* ---- Its effect ------------------------------------------------------------------- */

/* A number is followed by what ends it, so strtod() stays within the text. */
static double read_mean(struct json_reader *json)
{
	struct json_text key, raw;
	double mean = NAN;
	json_enter_object(json);
	while (json_next_key(json, &key))
		if (json_read_raw(json, &raw) && json_text_is(&key, "mean"))
			mean = strtod(raw.at, NULL);
	return mean;
}

static void read_metric(struct json_reader *json, struct effect_metric *ret)
{
	struct json_text key;
	*ret = (struct effect_metric){.before = NAN, .after = NAN};
	json_enter_object(json);
	while (json_next_key(json, &key)) {
		if (json_text_is(&key, "name"))
			json_read_text(json, &ret->name);
		else if (json_text_is(&key, "unit"))
			json_read_text(json, &ret->unit);
		else if (json_text_is(&key, "verdict"))
			json_read_text(json, &ret->verdict);
		else if (json_text_is(&key, "before"))
			ret->before = read_mean(json);
		else if (json_text_is(&key, "after"))
			ret->after = read_mean(json);
		else
			json_skip(json);
	}
}

static void read_pattern(struct json_reader *json, struct effect_pattern *ret)
{
	struct json_text key;
	*ret = (struct effect_pattern){.before.set = false};
	json_enter_object(json);
	while (json_next_key(json, &key)) {
		if (json_text_is(&key, "template"))
			json_read_text(json, &ret->template);
		else if (json_text_is(&key, "level"))
			json_read_text(json, &ret->level);
		else if (json_text_is(&key, "before"))
			json_read_int(json, &ret->before);
		else if (json_text_is(&key, "after"))
			json_read_int(json, &ret->after);
		else
			json_skip(json);
	}
}

static void read_patterns(struct json_reader *json, struct effect *ret)
{
	static const char *const states[PATTERN_STATES] = {"new", "grown", "vanished"};
	struct effect_pattern pattern;
	struct json_text key;
	json_enter_object(json);
	while (json_next_key(json, &key)) {
		int state = 0;
		while (state < PATTERN_STATES && !json_text_is(&key, states[state]))
			state++;
		if (state == PATTERN_STATES) {
			if (json_text_is(&key, "left_out"))
				json_read_int(json, &ret->left_out);
			else
				json_skip(json);
			continue;
		}
		json_enter_array(json);
		while (json_next_item(json)) {
			read_pattern(json, &pattern);
			if (ret->n_patterns[state] < EFFECT_PATTERNS)
				ret->patterns[state][ret->n_patterns[state]++] = pattern;
		}
	}
}

bool effect_read(char *text, size_t len, struct effect *ret)
{
	struct effect_metric metric;
	struct json_reader json;
	struct json_text key;
	*ret = (struct effect){.n_metrics = 0};
	json_reader_init(&json, text, len);
	json_enter_object(&json);
	while (json_next_key(&json, &key)) {
		if (json_text_is(&key, "verdict")) {
			json_read_text(&json, &ret->verdict);
		} else if (json_text_is(&key, "patterns")) {
			read_patterns(&json, ret);
		} else if (json_text_is(&key, "metrics")) {
			json_enter_array(&json);
			while (json_next_item(&json)) {
				read_metric(&json, &metric);
				if (ret->n_metrics < EFFECT_METRICS)
					ret->metrics[ret->n_metrics++] = metric;
			}
		} else {
			json_skip(&json);
		}
	}
	return json_finish(&json);
}

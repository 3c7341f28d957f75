/*
 * The dashboard's containers.ts in C.  A list is a merge: containers that stay keep their reading,
 * which gives rates with the next one.  All texts of a container are one piece of memory, which is
 * replaced with each list.
 */
#include "top/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_reader.h"
#include "base/rfc3339.h"
#include "base/strbuf.h"

static const struct rates rates_unknown = {NAN, NAN, NAN, NAN};

/* ---- Finding --------------------------------------------------------------------- */

static int model_order(const struct container *container, const char *host, const char *id)
{
	int order = strcmp(container->texts[MODEL_ID], id);
	return order ? order : strcmp(container->texts[MODEL_HOST], host);
}

/* The first that is not before it. */
static size_t model_place(const struct model *model, const char *host, const char *id)
{
	size_t low = 0, high = model->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (model_order(model->containers[middle], host, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct container *model_find(const struct model *model, const char *host, const char *id)
{
	size_t at = model_place(model, host, id);
	bool here = at < model->n && model_order(model->containers[at], host, id) == 0;
	return here ? model->containers[at] : NULL;
}

static void container_destroy(struct container *container)
{
	if (container)
		free(container->memory);
	free(container);
}

void model_done(struct model *model)
{
	for (size_t i = 0; i < model->n; i++)
		container_destroy(model->containers[i]);
	free(model->containers);
	*model = (struct model){0};
}

/* ---- Reading JSON -------------------------------------------------------------------- */

/* A number; NAN for null and whatever else. */
static double read_number(struct json_reader *json)
{
	char text[64];
	struct json_text raw;
	bool number = json_peek(json) == JSON_NEXT_NUMBER;
	if (!json_read_raw(json, &raw) || !number || raw.len >= sizeof(text))
		return NAN;
	memcpy(text, raw.at, raw.len);
	text[raw.len] = '\0';
	return strtod(text, NULL);
}

static int64_t read_time(struct json_reader *json)
{
	struct json_text text;
	int64_t time;
	if (!json_read_text(json, &text) || !text.at || rfc3339_parse(text.at, text.len, &time) < 0)
		return 0;
	return time;
}

static bool read_reading_member(struct json_reader *json, const struct json_text *key,
				struct reading *reading)
{
	const struct {
		const char *key;
		double *to;
	} numbers[] = {{"cpu_percent", &reading->cpu_percent},
		       {"mem_used_bytes", &reading->mem_used},
		       {"net_rx_bytes", &reading->net_rx},
		       {"net_tx_bytes", &reading->net_tx},
		       {"blk_read_bytes", &reading->blk_read},
		       {"blk_write_bytes", &reading->blk_write},
		       {"pids", &reading->pids}};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (json_text_is(key, numbers[i].key)) {
			*numbers[i].to = read_number(json);
			return true;
		}
	if (!json_text_is(key, "time"))
		return false;
	reading->time = read_time(json);
	return true;
}

static const struct reading reading_unknown = {0, NAN, NAN, NAN, NAN, NAN, NAN, NAN};

static void read_reading(struct json_reader *json, struct reading *reading)
{
	struct json_text key;
	*reading = reading_unknown;
	json_enter_object(json);
	while (json_next_key(json, &key))
		if (!read_reading_member(json, &key, reading))
			json_skip(json);
}

/* ---- Readings -------------------------------------------------------------------------- */

static double model_growth(double before, double now, double seconds)
{
	return now >= before && seconds > 0 ? (now - before) / seconds : NAN;
}

static void model_take(struct model *model, struct container *container,
		       const struct reading *reading)
{
	const struct reading *before = &container->now;
	if (reading->time <= before->time)
		return;
	double seconds = (double)(reading->time - before->time) / CLOCK_SECOND;
	if (before->time)
		container->rates = (struct rates){
			model_growth(before->net_rx, reading->net_rx, seconds),
			model_growth(before->net_tx, reading->net_tx, seconds),
			model_growth(before->blk_read, reading->blk_read, seconds),
			model_growth(before->blk_write, reading->blk_write, seconds)};
	container->now = *reading;
	if (reading->time > model->newest)
		model->newest = reading->time;
}

bool model_reading(struct model *model, char *text, size_t len)
{
	struct json_reader json;
	struct json_text key, host = {0}, id = {0};
	struct reading reading = reading_unknown;
	json_reader_init(&json, text, len);
	json_enter_object(&json);
	while (json_next_key(&json, &key)) {
		if (json_text_is(&key, "host"))
			json_read_text(&json, &host);
		else if (json_text_is(&key, "container_id"))
			json_read_text(&json, &id);
		else if (!read_reading_member(&json, &key, &reading))
			json_skip(&json);
	}
	if (!json_finish(&json) || !host.at || !id.at)
		return false;
	struct container *container = model_find(model, host.at, id.at);
	if (container && container_runs(container))
		model_take(model, container, &reading);
	return container != NULL;
}

/* ---- The list ---------------------------------------------------------------------------- */

void model_list_begin(struct model *model)
{
	for (size_t i = 0; i < model->n; i++)
		model->containers[i]->listed = false;
	model->cut = false;
}

void model_list_end(struct model *model)
{
	size_t kept = 0;
	for (size_t i = 0; i < model->n; i++) {
		if (model->containers[i]->listed)
			model->containers[kept++] = model->containers[i];
		else
			container_destroy(model->containers[i]);
	}
	model->n = kept;
	model->loaded = true;
}

/* One row of the list, with its texts still in the answer. */
struct listed {
	struct json_text texts[MODEL_TEXTS];
	struct strbuf labels;
	struct container is;
	struct reading reading;
};

static void listed_labels(struct json_reader *json, struct listed *listed)
{
	struct json_text key, value;
	if (json_peek(json) != JSON_NEXT_OBJECT) {
		json_skip(json);
		return;
	}
	json_enter_object(json);
	while (json_next_key(json, &key)) {
		if (json_peek(json) != JSON_NEXT_STRING) {
			json_skip(json);
			continue;
		}
		json_read_text(json, &value);
		if (value.at && listed->labels.len + key.len + value.len < MODEL_LABELS_SIZE)
			strbuf_add(&listed->labels, "%s=%s\n", key.at, value.at);
	}
}

static bool listed_text(struct json_reader *json, const struct json_text *key,
			struct listed *listed)
{
	static const char *const names[MODEL_TEXTS] = {
		[MODEL_HOST] = "host",
		[MODEL_ID] = "container_id",
		[MODEL_NAME] = "name",
		[MODEL_IMAGE] = "image",
		[MODEL_STATE] = "state",
		[MODEL_HEALTH] = "health",
		[MODEL_COMMAND] = "command",
		[MODEL_PROJECT] = "compose_project",
		[MODEL_SERVICE] = "compose_service",
		[MODEL_STATUS] = "status",
	};
	for (size_t i = 0; i < MODEL_TEXTS; i++)
		if (names[i] && json_text_is(key, names[i])) {
			json_read_text(json, &listed->texts[i]);
			return true;
		}
	return false;
}

static void listed_member(struct json_reader *json, const struct json_text *key,
			  struct listed *listed)
{
	struct container *is = &listed->is;
	const struct {
		const char *key;
		double *to;
	} numbers[] = {{"exit_code", &is->exit_code},
		       {"restart_count", &is->restarts},
		       {"cpu_limit_cores", &is->cpu_limit},
		       {"mem_limit_bytes", &is->mem_limit}};
	if (listed_text(json, key, listed))
		return;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (json_text_is(key, numbers[i].key)) {
			*numbers[i].to = read_number(json);
			return;
		}
	if (json_text_is(key, "started_at"))
		is->started_at = read_time(json);
	else if (json_text_is(key, "oom_killed"))
		json_read_bool(json, &is->oom_killed);
	else if (json_text_is(key, "labels"))
		listed_labels(json, listed);
	else if (json_text_is(key, "stats"))
		read_reading(json, &listed->reading);
	else
		json_skip(json);
}

/* Copies the texts.  False: no memory. */
static bool listed_keep(struct listed *listed)
{
	size_t size = 0;
	if (listed->labels.data)
		listed->texts[MODEL_LABELS] =
			(struct json_text){listed->labels.data, listed->labels.len};
	for (size_t i = 0; i < MODEL_TEXTS; i++)
		size += listed->texts[i].at ? listed->texts[i].len + 1 : 0;
	char *at = malloc(size ? size : 1);
	listed->is.memory = at;
	for (size_t i = 0; i < MODEL_TEXTS && at; i++) {
		if (!listed->texts[i].at)
			continue;
		memcpy(at, listed->texts[i].at, listed->texts[i].len + 1);
		listed->is.texts[i] = at;
		at += listed->texts[i].len + 1;
	}
	return at != NULL;
}

/* NULL: no memory, or too many. */
static struct container *model_add(struct model *model, const char *host, const char *id)
{
	model->cut |= model->n == MODEL_MAX_CONTAINERS;
	if (model->n == MODEL_MAX_CONTAINERS)
		return NULL;
	size_t at = model_place(model, host, id);
	struct container **grown =
		realloc(model->containers, (model->n + 1) * sizeof(struct container *));
	if (!grown)
		return NULL;
	model->containers = grown;
	struct container *container = calloc(1, sizeof(*container));
	if (!container)
		return NULL;
	for (size_t i = 0; i < MODEL_TRENDS; i++)
		container->trend[i] = NAN;
	container->now = reading_unknown;
	container->rates = rates_unknown;
	container->held = NAN;
	memmove(grown + at + 1, grown + at, (model->n - at) * sizeof(struct container *));
	grown[at] = container;
	model->n++;
	return container;
}

static void model_put(struct model *model, struct listed *listed)
{
	const char *host = listed->texts[MODEL_HOST].at, *id = listed->texts[MODEL_ID].at;
	if (!listed_keep(listed))
		return;
	struct container *old = model_find(model, host, id);
	if (!old)
		old = model_add(model, host, id);
	if (!old) {
		free(listed->is.memory);
		return;
	}
	struct container *is = &listed->is;
	is->now = old->now;
	is->rates = old->rates;
	is->held = old->held;
	is->trended = old->trended;
	is->listed = true;
	memcpy(is->trend, old->trend, sizeof(is->trend));
	free(old->memory);
	*old = *is;
	if (listed->reading.time) {
		model_take(model, old, &listed->reading);
	} else {
		old->now = reading_unknown;
		old->rates = rates_unknown;
	}
}

void model_list_row(struct model *model, char *text, size_t len)
{
	struct json_reader json;
	struct json_text key;
	struct listed listed = {
		.is = {.exit_code = NAN, .restarts = NAN, .cpu_limit = NAN, .mem_limit = NAN},
		.reading = reading_unknown};
	json_reader_init(&json, text, len);
	json_enter_object(&json);
	while (json_next_key(&json, &key))
		listed_member(&json, &key, &listed);
	if (json_finish(&json) && listed.texts[MODEL_HOST].at && listed.texts[MODEL_ID].at)
		model_put(model, &listed);
	strbuf_done(&listed.labels);
}

/* ---- Trends ------------------------------------------------------------------------------- */

/* The last points of a series: as many as a sparkline has. */
static void read_points(struct json_reader *json, float ret[MODEL_TRENDS])
{
	for (size_t i = 0; i < MODEL_TRENDS; i++)
		ret[i] = NAN;
	if (json_peek(json) != JSON_NEXT_ARRAY) {
		json_skip(json);
		return;
	}
	json_enter_array(json);
	while (json_next_item(json)) {
		memmove(ret, ret + 1, (MODEL_TRENDS - 1) * sizeof(*ret));
		ret[MODEL_TRENDS - 1] = (float)read_number(json);
	}
}

/* The last point that is known, of the last two: the last one may not have begun. */
static double last_point(const float points[MODEL_TRENDS])
{
	float last = points[MODEL_TRENDS - 1];
	return isfinite(last) ? last : points[MODEL_TRENDS - 2];
}

static void model_trend(struct model *model, struct json_reader *json)
{
	struct json_text key, host = {0}, id = {0};
	float cpu[MODEL_TRENDS], points[MODEL_TRENDS];
	struct rates rates = rates_unknown;
	const struct {
		const char *key;
		double *to;
	} counters[] = {{"net_rx_bytes", &rates.net_rx},
			{"net_tx_bytes", &rates.net_tx},
			{"blk_read_bytes", &rates.blk_read},
			{"blk_write_bytes", &rates.blk_write}};
	for (size_t i = 0; i < MODEL_TRENDS; i++)
		cpu[i] = NAN;
	json_enter_object(json);
	while (json_next_key(json, &key)) {
		double *to = NULL;
		for (size_t i = 0; i < sizeof(counters) / sizeof(*counters) && !to; i++)
			to = json_text_is(&key, counters[i].key) ? counters[i].to : NULL;
		if (json_text_is(&key, "host")) {
			json_read_text(json, &host);
		} else if (json_text_is(&key, "container_id")) {
			json_read_text(json, &id);
		} else if (json_text_is(&key, "cpu_percent")) {
			read_points(json, cpu);
		} else if (to) {
			read_points(json, points);
			*to = last_point(points);
		} else {
			json_skip(json);
		}
	}
	struct container *container = host.at && id.at ? model_find(model, host.at, id.at) : NULL;
	if (!container || json->problem)
		return;
	memcpy(container->trend, cpu, sizeof(cpu));
	if (container->now.time && isnan(container->rates.net_rx) &&
	    isnan(container->rates.blk_read))
		container->rates = rates;
}

void model_trends(struct model *model, char *text, size_t len)
{
	struct json_reader json;
	struct json_text key;
	json_reader_init(&json, text, len);
	json_enter_object(&json);
	while (json_next_key(&json, &key)) {
		if (!json_text_is(&key, "series")) {
			json_skip(&json);
			continue;
		}
		json_enter_array(&json);
		while (json_next_item(&json))
			model_trend(model, &json);
	}
}

/* ---- In words ------------------------------------------------------------------------------ */

bool container_is(const struct container *container, enum model_text text, const char *value)
{
	return container->texts[text] && strcmp(container->texts[text], value) == 0;
}

bool container_runs(const struct container *container)
{
	return container_is(container, MODEL_STATE, "running") ||
	       container_is(container, MODEL_STATE, "paused");
}

double container_up(const struct container *container, int64_t now)
{
	if (!container_runs(container) || !container->started_at)
		return NAN;
	return (double)(now - container->started_at) / CLOCK_SECOND;
}

void container_note(const struct container *container, char *ret, size_t size)
{
	const char *state = container->texts[MODEL_STATE] ? container->texts[MODEL_STATE] : "";
	bool ended = strcmp(state, "exited") == 0 || strcmp(state, "dead") == 0 ||
		     strcmp(state, "restarting") == 0;
	bool sick = container_is(container, MODEL_HEALTH, "unhealthy");
	char end[64] = "", restarts[32] = "";
	if (container->oom_killed && ended && isfinite(container->exit_code))
		snprintf(end, sizeof(end), "exit %.0f (out of memory)", container->exit_code);
	else if (container->oom_killed && ended)
		snprintf(end, sizeof(end), "exit ? (out of memory)");
	else if (ended && isfinite(container->exit_code) && container->exit_code != 0)
		snprintf(end, sizeof(end), "exit %.0f", container->exit_code);
	else if (container->oom_killed)
		snprintf(end, sizeof(end), "was out of memory");
	if (container->restarts > 0)
		snprintf(restarts, sizeof(restarts), "%.0f restart%s", container->restarts,
			 container->restarts == 1 ? "" : "s");
	snprintf(ret, size, "%s%s%s%s%s", sick ? "unhealthy" : "", sick && *end ? ", " : "", end,
		 (sick || *end) && *restarts ? ", " : "", restarts);
}

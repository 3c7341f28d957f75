/*
 * The cache class of each endpoint, and the key under which an answer is cached.  dispatch.c calls
 * it on the HTTP thread for every request that is not answered directly; response_cache.c asks for
 * the TTL of a class.  No state, no lock, no I/O; only memory for a key can be missing.
 *
 * Classes follow from what makes an answer wrong.  Lists of containers change with events, so rows
 * of container_events invalidate them; newest readings change all the time and only live briefly;
 * series of the past hardly change.
 */
#include "cache/cache_policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "query/window.h"
#include "message/params_check.h"

static const struct {
	endpoint_fn *answer;
	enum cache_class kind;
} classes[] = {
	{containers_list, CACHE_CLASS_CONTAINERS},
	{containers_one, CACHE_CLASS_CONTAINERS},
	{hosts_list, CACHE_CLASS_CONTAINERS},
	{hosts_summary, CACHE_CLASS_CONTAINERS},
	{tables_list, CACHE_CLASS_CONTAINERS},
	{stats_latest, CACHE_CLASS_STATS},
	{stats_top, CACHE_CLASS_STATS},
	{tables_rows, CACHE_CLASS_STATS},
	{metrics_containers, CACHE_CLASS_STATS},
	{containers_logs, CACHE_CLASS_STATS},
	{containers_events, CACHE_CLASS_STATS},
	{logs_list, CACHE_CLASS_STATS},
	{events_list, CACHE_CLASS_STATS},
	{images_list, CACHE_CLASS_IMAGES},
	{images_one, CACHE_CLASS_IMAGES},
	{images_versions, CACHE_CLASS_IMAGES},
	{containers_stats, CACHE_CLASS_HISTORY},
	{stats_many, CACHE_CLASS_HISTORY},
};

enum cache_class cache_class_of(const struct endpoint *endpoint)
{
	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++)
		if (classes[i].answer == endpoint->answer)
			return classes[i].kind;
	return CACHE_CLASS_NONE;
}

int64_t cache_class_ttl(const struct http_config *config, enum cache_class kind)
{
	switch (kind) {
	case CACHE_CLASS_CONTAINERS:
		return config->cache_ttl_containers;
	case CACHE_CLASS_STATS:
		return config->cache_ttl_stats;
	case CACHE_CLASS_IMAGES:
		return config->cache_ttl_images;
	case CACHE_CLASS_HISTORY:
		return config->cache_ttl_history;
	default:
		return 0;
	}
}

const char *const cache_tables[CACHE_TABLES] = {"container_events", "docker_images",
						"image_versions"};

bool cache_class_depends_on(enum cache_class kind, const char *table)
{
	static const bool depends[CACHE_CLASS_NONE][CACHE_TABLES] = {
		[CACHE_CLASS_CONTAINERS] = {true, false, false},
		[CACHE_CLASS_IMAGES] = {true, true, true},
	};
	for (int i = 0; i < CACHE_TABLES; i++)
		if (depends[kind][i] && (!table || strcmp(table, cache_tables[i]) == 0))
			return true;
	return false;
}

/* ---- Keys ---------------------------------------------------------------- */

static bool is_series(const struct endpoint *endpoint)
{
	return endpoint->answer == containers_stats || endpoint->answer == stats_many;
}

/* A fixed point in time, not one relative to now: only that can be moved onto the grid without
 * changing what the client asked for. */
static bool is_fixed(const struct target *target, const char *name)
{
	const char *text = target_param(target, name);
	return text && strncmp(text, "now", 3) != 0;
}

/* Each text goes with its length, so that ("ab", "c") and ("a", "bc") have different keys. */
static void write_part(struct json_writer *key, const char *text)
{
	char len[24];
	snprintf(len, sizeof(len), "%zu:", strlen(text));
	json_write_raw(key, len, strlen(len));
	json_write_raw(key, text, strlen(text));
}

static void write_number(struct json_writer *key, const char *name, int64_t value)
{
	char text[64];
	snprintf(text, sizeof(text), "|%s=%" PRId64, name, value);
	json_write_raw(key, text, strlen(text));
}

/* Begins with '=', which no target does, so it cannot equal the other kind of key.  from and to are
 * left out as texts and added as numbers on the grid of the step: a dashboard that asks every few
 * seconds for the last hour then finds the answer of its neighbour. */
static char *key_of_grid(const struct context *context, const struct window *window)
{
	const struct target *target = context->target;
	bool to = is_fixed(target, "to"), from = to || is_fixed(target, "from");
	struct json_writer key;
	json_writer_init(&key, 4 * HTTP_MAX_TARGET);
	json_write_raw(&key, "=", 1);
	for (uint32_t i = 0; i < target->n_segments; i++)
		write_part(&key, target->segments[i]);
	for (uint32_t i = 0; i < target->n_params; i++) {
		const struct param *param = &target->params[i];
		bool left_out = (from && strcmp(param->name, "from") == 0) ||
				(to && strcmp(param->name, "to") == 0);
		write_part(&key, "&");
		write_part(&key, param->name);
		write_part(&key, left_out ? "" : param->value);
	}
	if (from)
		write_number(&key, "from", window->from);
	if (to)
		write_number(&key, "to", window->to);
	write_number(&key, "step", window->step);
	json_write_raw(&key, "", 1);
	if (key.error)
		json_writer_done(&key);
	return key.data;
}

/* The window, if the parameters are right; else the target itself is the key, and the answer to the
 * mistake is cached under it.  The builder takes the error text, which nobody reads. */
static bool key_read_window(struct context *context, const struct endpoint *endpoint,
			    struct window *ret)
{
	struct response_builder scratch;
	response_builder_init(&scratch);
	context->builder = &scratch;
	bool good = params_check(context, endpoint->params, NULL, 0) == 0 &&
		    window_read_grid(context, ret) == 0;
	context->builder = NULL;
	response_builder_done(&scratch);
	return good;
}

char *cache_key_of(struct context *context, const struct endpoint *endpoint)
{
	struct window window;
	if (is_series(endpoint) &&
	    (is_fixed(context->target, "from") || is_fixed(context->target, "to")) &&
	    key_read_window(context, endpoint, &window))
		return key_of_grid(context, &window);
	return strdup(context->raw);
}

/*
 * What the cache classes of routes mean, and the key under which an answer is cached.  dispatch.c
 * calls it on the HTTP thread for every request that is not answered directly; response_cache.c
 * asks for the TTL of a class.  No state, no lock, no I/O; only memory for a key can be missing.
 *
 * Classes (route_table.c) follow from what makes an answer wrong.  Lists of containers change with
 * events, so rows of container_events invalidate them; newest readings, which lists have too,
 * change all the time and only live briefly once there are newer ones; series of the past hardly
 * change.
 */
#include "cache/cache_policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message/request.h"
#include "routes/endpoint.h"

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

int64_t cache_class_ttl_of_old(const struct http_config *config, enum cache_class kind)
{
	int64_t ttl = cache_class_ttl(config, kind), stats = config->cache_ttl_stats;
	return kind == CACHE_CLASS_CONTAINERS && ttl > stats ? stats : ttl;
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

bool cache_class_shows(enum cache_class kind, const char *table)
{
	return kind == CACHE_CLASS_STATS ||
	       (kind == CACHE_CLASS_CONTAINERS && strcmp(table, "container_stats") == 0);
}

/* ---- Keys ---------------------------------------------------------------- */

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

/* Begins with '=', which no target does, so it cannot equal the other kind of key.  A fixed from or
 * to is left out as text and added as a number on the grid of the step: a dashboard that asks every
 * few seconds for the last hour then finds the answer of its neighbour.  With a fixed `to` the
 * default of from is fixed, too. */
static char *key_of_grid(const struct request *request)
{
	const struct target *target = &request->target;
	const struct window *window = &request->args.window;
	bool to = window->to_is_fixed, from = to || window->from_is_fixed;
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

char *cache_key_of(const struct request *request)
{
	const struct window *window = &request->args.window;
	if (request->endpoint->params.grid && (window->from_is_fixed || window->to_is_fixed))
		return key_of_grid(request);
	return strdup(request->raw);
}

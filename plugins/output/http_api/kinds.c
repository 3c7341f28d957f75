#include "kinds.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "window.h"

static const struct {
	endpoint_fn *answer;
	enum http_kind kind;
} kinds[] = {
	{containers_list, KIND_CONTAINERS},
	{containers_one, KIND_CONTAINERS},
	{hosts_list, KIND_CONTAINERS},
	{hosts_summary, KIND_CONTAINERS},
	{tables_list, KIND_CONTAINERS},
	{stats_latest, KIND_STATS},
	{stats_top, KIND_STATS},
	{tables_rows, KIND_STATS},
	{metrics_containers, KIND_STATS},
	{containers_logs, KIND_STATS},
	{containers_events, KIND_STATS},
	{logs_list, KIND_STATS},
	{events_list, KIND_STATS},
	{images_list, KIND_IMAGES},
	{images_one, KIND_IMAGES},
	{images_versions, KIND_IMAGES},
	{containers_stats, KIND_HISTORY},
	{stats_many, KIND_HISTORY},
};

enum http_kind kind_of(const struct endpoint *endpoint)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (kinds[i].answer == endpoint->answer)
			return kinds[i].kind;
	return KIND_NONE;
}

int64_t kind_ttl(const struct http_config *config, enum http_kind kind)
{
	switch (kind) {
	case KIND_CONTAINERS:
		return config->cache_ttl_containers;
	case KIND_STATS:
		return config->cache_ttl_stats;
	case KIND_IMAGES:
		return config->cache_ttl_images;
	case KIND_HISTORY:
		return config->cache_ttl_history;
	default:
		return 0;
	}
}

const char *const *kind_sources(enum http_kind kind)
{
	static const char *const none[] = {NULL};
	static const char *const sources[][KIND_MAX_SOURCES + 1] = {
		[KIND_CONTAINERS] = {"container_events"},
		[KIND_IMAGES] = {"container_events", "docker_images", "image_versions"},
	};
	return kind == KIND_CONTAINERS || kind == KIND_IMAGES ? sources[kind] : none;
}

/* ---- Keys ---------------------------------------------------------------- */

static bool is_series(const struct endpoint *endpoint)
{
	return endpoint->answer == containers_stats || endpoint->answer == stats_many;
}

/* A point in time, and not one that moves with now. */
static bool is_fixed(const struct target *target, const char *name)
{
	const char *text = target_param(target, name);
	return text && strncmp(text, "now", 3) != 0;
}

/* Lengths stand before texts, so that no text can look like two. */
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

/* Begins with '=', as no target does. */
static char *key_of_grid(const struct call *call, const struct window *window)
{
	const struct target *target = call->target;
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

/* A target whose parameters are wrong, or given twice, stands for itself. */
static bool key_read_window(struct call *call, const struct endpoint *endpoint, struct window *ret)
{
	struct reply scratch;
	reply_init(&scratch);
	call->reply = &scratch;
	bool good = endpoint_check_params(call, endpoint->params, NULL, 0) == 0 &&
		    window_read_grid(call, ret) == 0;
	call->reply = NULL;
	reply_done(&scratch);
	return good;
}

char *kind_key(struct call *call, const struct endpoint *endpoint)
{
	struct window window;
	if (is_series(endpoint) &&
	    (is_fixed(call->target, "from") || is_fixed(call->target, "to")) &&
	    key_read_window(call, endpoint, &window))
		return key_of_grid(call, &window);
	return strdup(call->raw);
}

/*
 * The table of all endpoints, and the way from a target to its entry.  Finding is on
 *libmicrohttpd's thread, once per request, by a scan over some thirty paths; answering is on a
 *worker's thread, or on libmicrohttpd's for the endpoints that are direct.
 *
 *	request_route()      the target taken apart, its endpoint found
 *	endpoint_answer()    the names of parameters, then the endpoint's own function
 *
 * What can fail is a target that is none (400) and a path that is not here (404), each as a problem
 *in the request's own builder.
 */
#include "routes/endpoint.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "message/params_check.h"
#include "message/request.h"
#include "query/catalog_cache.h"

#define GRID "from to step points fields agg format csv_safe times "
#define LINES "from to order limit cursor format csv_safe "

const struct endpoint endpoints[] = {
	{"/api/v1/containers", containers_list,
	 "host+ state+ health+ name+ image+ label+ project+ gone limit cursor", HTTP_CONTAINERS,
	 false, 0},
	{"/api/v1/containers/{}", containers_one, "host", HTTP_CONTAINERS, false, 0},
	{"/api/v1/containers/{}/stats", containers_stats, GRID "host", HTTP_STATS, false, 0},
	{"/api/v1/containers/{}/logs", containers_logs, LINES "q+ stream+ level+ host", HTTP_LOGS,
	 false, 0},
	{"/api/v1/containers/{}/events", containers_events, LINES "action+ host", HTTP_EVENTS,
	 false, 0},
	{"/api/v1/logs", logs_list, LINES "q+ stream+ level+ host+ name+ container+", HTTP_LOGS,
	 false, 0},
	{"/api/v1/events", events_list, LINES "action+ host+ name+ image+ container+", HTTP_EVENTS,
	 false, 0},
	{"/api/v1/stream/stats", stream_stats, "host+ name+ container+", HTTP_STREAM, false,
	 1U << HTTP_STATS},
	{"/api/v1/stream/logs", stream_logs, "q+ stream+ level+ host+ name+ container+",
	 HTTP_STREAM, false, 1U << HTTP_LOGS},
	{"/api/v1/stream/events", stream_events, "action+ host+ name+ image+ container+",
	 HTTP_STREAM, false, 1U << HTTP_EVENTS},
	{"/api/v1/images", images_list,
	 "host+ reference+ dangling outdated gone limit cursor format csv_safe", HTTP_IMAGES, false,
	 0},
	{"/api/v1/images/versions", images_versions,
	 "from to host+ reference outdated limit cursor", HTTP_IMAGES, false, 0},
	{"/api/v1/images/{}", images_one, "host", HTTP_IMAGES, false, 0},
	{"/api/v1/stats", stats_many, GRID "ids host", HTTP_STATS, false, 0},
	{"/api/v1/stats/latest", stats_latest, "host+ fields format csv_safe", HTTP_STATS, false,
	 0},
	{"/api/v1/top", stats_top, "by host+ window limit format csv_safe", HTTP_STATS, false, 0},
	{"/api/v1/hosts", hosts_list, "", HTTP_DAEMON, false, 0},
	{"/api/v1/summary", hosts_summary, "", HTTP_DAEMON, false, 0},
	{"/api/v1/tables", tables_list, "", HTTP_TABLES, false, 0},
	{"/api/v1/tables/{}", tables_rows, NULL, HTTP_TABLES, false, 0},
	{"/api/v1/pipeline", daemon_pipeline, "", HTTP_DAEMON, true, 0},
	{"/api/v1/plugins", daemon_plugins, "", HTTP_DAEMON, true, 0},
	{"/api/v1/version", daemon_version, "", HTTP_DAEMON, true, 0},
	{"/healthz", health_live, NULL, HTTP_HEALTH, true, 0},
	{"/readyz", health_ready, NULL, HTTP_HEALTH, false, 0},
	{"/metrics", metrics_text, NULL, HTTP_METRICS, true, 0},
	{"/metrics/containers", metrics_containers, "host+", HTTP_METRICS, false, 0},
	{"/openapi.json", openapi_document, "", HTTP_OTHER, true, 0},
	{"/docs", openapi_page, "", HTTP_OTHER, true, 0},
	{"/", index_page, NULL, HTTP_OTHER, true, 0},
	{.path = NULL},
};

/* ---- Which one ----------------------------------------------------------- */

/* What an image's name looks like that was not escaped. */
static int image_with_slashes(struct context *context)
{
	char name[256] = "";
	size_t len = 0;
	const char *at = context->raw;
	for (int slashes = 0; slashes < 4; at++)
		slashes += *at == '/';
	for (; *at && *at != '?' && len + 4 < sizeof(name); at++) {
		const char one[] = {*at, '\0'};
		len += (size_t)snprintf(name + len, sizeof(name) - len, "%s",
					*at == '/' ? "%2F" : one);
	}
	return response_problem(
		context->builder, 404, NULL,
		"there is nothing here; a / in the name of an image is written %%2F: "
		"/api/v1/images/%s",
		name);
}

/* Not among those to be listed. */
static const struct endpoint slashes = {.path = "/api/v1/images/{}/{}",
					.answer = image_with_slashes,
					.class = HTTP_IMAGES,
					.direct = true};

static bool is_image_with_slashes(const struct target *target)
{
	static const char *const path[] = {"api", "v1", "images"};
	for (uint32_t i = 0; i < 3; i++)
		if (target->n_segments < 5 || strcmp(target->segments[i], path[i]) != 0)
			return false;
	return *target->segments[3] && *target->segments[target->n_segments - 1];
}

/* Literal segments win over {}, because the table names them first or at other lengths. */
static bool endpoint_matches(const struct endpoint *endpoint, const struct target *target,
			     const char **ret_segment)
{
	const char *pattern = endpoint->path;
	*ret_segment = NULL;
	for (uint32_t i = 0; i < target->n_segments; i++) {
		if (*pattern != '/')
			return false;
		pattern++;
		size_t len = strcspn(pattern, "/");
		const char *segment = target->segments[i];
		if (len == 2 && memcmp(pattern, "{}", 2) == 0 && *segment)
			*ret_segment = segment;
		else if (strlen(segment) != len || memcmp(pattern, segment, len) != 0)
			return false;
		pattern += len;
	}
	return *pattern == '\0';
}

const struct endpoint *endpoint_find(const struct target *target, const char **ret_segment)
{
	for (const struct endpoint *endpoint = endpoints; endpoint->path; endpoint++)
		if (endpoint_matches(endpoint, target, ret_segment))
			return endpoint;
	*ret_segment = NULL;
	return is_image_with_slashes(target) ? &slashes : NULL;
}

int request_route(struct request *request)
{
	struct response_builder *builder = &request->builder;
	target_sort(request->raw);
	int r = target_parse(request->raw, &request->target);
	if (r == -ENOMEM)
		return response_unavailable(builder, "out of memory");
	if (r == -E2BIG)
		return response_problem(
			builder, 400, NULL,
			"too many parts in the URI: a path has at most %d segments, a "
			"query %d parameters",
			TARGET_MAX_SEGMENTS, PARAMS_MAX);
	if (r < 0)
		return response_problem(
			builder, 400, NULL,
			"the URI is not a path with a query, or has a wrong %% escape");
	const char *param;
	if (!target_is_utf8(&request->target, &param))
		return response_problem(builder, 400, param, "not UTF-8");
	request->endpoint = endpoint_find(&request->target, &request->segment);
	if (!request->endpoint)
		return response_problem(builder, 404, NULL,
					"there is nothing here; / lists what is");
	return 0;
}

/* ---- Answering ----------------------------------------------------------- */

void endpoint_answer(const struct endpoint *endpoint, struct context *context)
{
	if (endpoint->params && params_check(context, endpoint->params, NULL, 0) < 0)
		return;
	endpoint->answer(context);
	catalog_drop(context->catalog);
	context->catalog = NULL;
}

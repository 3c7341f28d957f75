/*
 * From a target to its route.  http/server.c calls request_route() on libmicrohttpd's thread, once
 * per request; a scan over some thirty paths is faster than any table of hashes would make worth.
 * The endpoint itself runs on a worker's thread, or on libmicrohttpd's if it is direct.
 *
 * What can fail is a malformed target (400) and an unknown path (404), each as a problem in the
 * request's own builder.
 */
#include "routes/endpoint.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "message/context.h"
#include "message/request.h"
#include "query/catalog_cache.h"

/* An image's name whose slashes were not escaped: "ghcr.io/x/db" arrives as three segments. */
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
	return response_problem(context->builder, 404, NULL,
				"no such path; a / in the name of an image is written %%2F: "
				"/api/v1/images/%s",
				name);
}

/* Not among those to be listed. */
static const struct endpoint slashes = {.path = "/api/v1/images/{id}/{id}",
					.answer = image_with_slashes,
					.class = HTTP_IMAGES,
					.cached = CACHE_CLASS_NONE,
					.direct = true,
					.params = {.others = OTHERS_IGNORED}};

static bool is_image_with_slashes(const struct target *target)
{
	static const char *const path[] = {"api", "v1", "images"};
	for (uint32_t i = 0; i < 3; i++)
		if (target->n_segments < 5 || strcmp(target->segments[i], path[i]) != 0)
			return false;
	return *target->segments[3] && *target->segments[target->n_segments - 1];
}

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
		if (*pattern == '{' && *segment)
			*ret_segment = segment;
		else if (strlen(segment) != len || memcmp(pattern, segment, len) != 0)
			return false;
		pattern += len;
	}
	return *pattern == '\0';
}

const struct endpoint *endpoint_find(const struct target *target, enum request_method method,
				     const char **ret_segment)
{
	for (const struct endpoint *endpoint = endpoints; endpoint->path; endpoint++)
		if (endpoint->method == method && endpoint_matches(endpoint, target, ret_segment))
			return endpoint;
	*ret_segment = NULL;
	return method == METHOD_GET && is_image_with_slashes(target) ? &slashes : NULL;
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
			"the URI has too many parts: a path has at most %d segments, a "
			"query %d parameters",
			TARGET_MAX_SEGMENTS, PARAMS_MAX);
	if (r < 0)
		return response_problem(
			builder, 400, NULL,
			"the URI is not a path with a query, or has a malformed %% escape");
	const char *param;
	if (!target_is_utf8(&request->target, &param))
		return response_problem(builder, 400, param, "is not valid UTF-8");
	request->endpoint = endpoint_find(&request->target, request->method, &request->segment);
	if (!request->endpoint)
		return response_problem(builder, 404, NULL, "no such path; / lists what there is");
	return 0;
}

void endpoint_answer(const struct endpoint *endpoint, struct context *context)
{
	context->builder->body.times = (enum json_times)context->args->times;
	context->builder->body.ints_as_text = context->args->ints != 0;
	endpoint->answer(context);
	catalog_drop(context->catalog);
	context->catalog = NULL;
}

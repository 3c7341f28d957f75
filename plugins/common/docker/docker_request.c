/*
 * The table of requests, and the check of a path against it.  docker.c calls the check before each
 * request is sent; tests/config print the table into docs/security.md.  The check is the last line
 * behind code that builds paths out of names and ids: whatever it does not know is refused, so a
 * mistake there cannot become a request that changes something.
 */
#include "docker/docker_request.h"

#include <string.h>

const struct docker_request docker_requests[] = {
	{.path = "/version",
	 .call = DOCKER_VERSION,
	 .used_by = "all, to agree on an API version whenever a connection is made, and to see "
		    "whether a silent engine is alive"},
	{.path = "/info",
	 .call = DOCKER_INFO,
	 .used_by = "all, for the machine's name, if tallyd runs in a container and `host` is not "
		    "set"},
	{.path = "/events",
	 .params = {"since", "filters"},
	 .call = DOCKER_EVENTS,
	 .used_by = "`input.docker_status`, `input.docker_images`, `input.docker_logs`; "
		    "`input.docker_stats`, unless `source = api`"},
	{.path = "/containers/json",
	 .params = {"all", "filters"},
	 .call = DOCKER_LIST,
	 .used_by = "all"},
	{.path = "/containers/{id}/json",
	 .call = DOCKER_INSPECT,
	 .used_by = "`input.docker_status`, `input.docker_logs`; `input.docker_images`, of "
		    "containers whose tag had moved; `input.docker_stats`, of each new container"},
	{.path = "/containers/{id}/stats",
	 .params = {"stream", "one-shot"},
	 .call = DOCKER_STATS,
	 .used_by = "`input.docker_stats`, where it does not read the containers' cgroup files"},
	{.path = "/containers/{id}/logs",
	 .params = {"stdout", "stderr", "timestamps", "follow", "tail", "since"},
	 .call = DOCKER_LOGS,
	 .used_by = "`input.docker_logs`, where it does not read the engine's log files"},
	{.path = "/images/json",
	 .params = {"shared-size"},
	 .call = DOCKER_IMAGES,
	 .used_by = "`input.docker_images`"},
	{.path = "/images/{id}/json",
	 .call = DOCKER_IMAGES,
	 .used_by = "`input.docker_status`, once for each image that containers use, for its "
		    "digest"},
	{0}};

static const char id_letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				 "_.-";

/* Returns what follows the path; NULL: it is another path. */
static const char *match_path(const char *path, const char *wanted)
{
	while (*wanted) {
		/* A name or id.  Neither a slash nor a leading dot: ".." would be another path. */
		size_t id = strspn(path, id_letters);
		if (strncmp(wanted, "{id}", 4) == 0) {
			if (id == 0 || path[0] == '.')
				return NULL;
			path += id;
			wanted += 4;
		} else if (*wanted++ != *path++) {
			return NULL;
		}
	}
	return path;
}

static bool is_param(const struct docker_request *request, const char *name, size_t len)
{
	for (const char *const *param = request->params; *param; param++)
		if (strlen(*param) == len && strncmp(*param, name, len) == 0)
			return true;
	return false;
}

/* ?name=value&… */
static bool match_params(const struct docker_request *request, const char *query)
{
	char mark = '?';
	for (; *query; mark = '&') {
		size_t len = strcspn(query + 1, "=&");
		if (*query != mark || !is_param(request, query + 1, len))
			return false;
		query += 1 + len;
		query += strcspn(query, "&");
	}
	return true;
}

bool docker_request_is_listed(enum docker_call call, const char *path)
{
	for (const struct docker_request *request = docker_requests; request->path; request++) {
		const char *query = request->call == call ? match_path(path, request->path) : NULL;
		if (query && match_params(request, query))
			return true;
	}
	return false;
}

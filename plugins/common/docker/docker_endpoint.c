/*
 * Parsing of the option `endpoint`.  Called by docker_create(), also in a dry run, so it opens
 * nothing.  What is accepted becomes part of URLs for libcurl, so host and port may have plain
 * characters only; everything else is refused with a sentence for the operator.
 */
#include "docker/docker_endpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static const char *after(const char *text, const char *scheme)
{
	size_t len = strlen(scheme);
	return strncmp(text, scheme, len) == 0 ? text + len : NULL;
}

/* Letters, digits, dots, dashes, or anything of an IPv6 address in brackets. */
static bool is_host(const char *text, size_t len)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789.-_";
	if (len > 2 && text[0] == '[' && text[len - 1] == ']')
		return strspn(text + 1, "0123456789abcdefABCDEF:.") == len - 2;
	return len > 0 && strspn(text, plain) >= len;
}

static const char *parse_tcp(const char *address, const char *scheme, struct docker_endpoint *ret)
{
	size_t len = strcspn(address, "/");
	const char *colon = memrchr(address, ':', len);
	char port[6];
	if (address[len] && address[len + 1])
		return "has a path after its port; only host and port are allowed";
	if (!colon || len - (size_t)(colon + 1 - address) >= sizeof(port))
		return "needs a host and a port (try tcp://127.0.0.1:2375)";
	snprintf(port, sizeof(port), "%.*s", (int)(address + len - colon - 1), colon + 1);
	long number = strtol(port, NULL, 10);
	if (port[strspn(port, "0123456789")] || number < 1 || number > 65535)
		return "needs a port from 1 to 65535";
	if (!is_host(address, (size_t)(colon - address)))
		return "needs a host name or address before the port";
	snprintf(ret->url, sizeof(ret->url), "%s://%.*s", scheme, (int)len, address);
	return NULL;
}

const char *docker_endpoint_parse(const char *text, struct docker_endpoint *ret)
{
	struct docker_endpoint endpoint = {0};
	const char *rest, *problem = NULL;
	if (strlen(text) > DOCKER_ENDPOINT_SIZE - sizeof("https://"))
		return "is too long";
	snprintf(endpoint.text, sizeof(endpoint.text), "%s", text);
	if ((rest = after(text, "unix://")) != NULL) {
		if (rest[0] != '/')
			return "needs a full path (try unix:///var/run/docker.sock)";
		/* connect() takes no longer path.  Source: unix(7), sun_path. */
		if (strlen(rest) >= sizeof(((struct sockaddr_un *)0)->sun_path))
			return "is longer than the path of a socket can be (107 bytes)";
		snprintf(endpoint.path, sizeof(endpoint.path), "%s", rest);
		/* libcurl connects to the socket; the host is only the Host header. */
		snprintf(endpoint.url, sizeof(endpoint.url), "http://localhost");
	} else if ((rest = after(text, "tcp://")) != NULL) {
		problem = parse_tcp(rest, "http", &endpoint);
	} else if ((rest = after(text, "https://")) != NULL) {
		endpoint.tls = true;
		problem = parse_tcp(rest, "https", &endpoint);
	} else {
		return "does not begin with unix://, tcp:// or https://";
	}
	if (!problem)
		*ret = endpoint;
	return problem;
}

bool docker_endpoint_other(char ret[DOCKER_ENDPOINT_SIZE])
{
	static const struct {
		bool own;
		const char *path;
	} places[] = {{false, "/var/run/docker.sock"},
		      {false, "/run/podman/podman.sock"},
		      {true, "/docker.sock"},
		      {true, "/podman/podman.sock"}};
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const char *folder = places[i].own ? runtime : "";
		int len =
			folder ? snprintf(ret, DOCKER_ENDPOINT_SIZE, "%s%s", folder, places[i].path)
			       : DOCKER_ENDPOINT_SIZE;
		if (len < DOCKER_ENDPOINT_SIZE && access(ret, F_OK) == 0)
			return true;
	}
	return false;
}

/*
 * CORS, as https://fetch.spec.whatwg.org/#http-cors-protocol has it.  create() checks the option;
 * server.c asks cors_match() per request on the HTTP thread, and response_send.c adds the headers.
 * No state and no failures: an origin that does not match gets no headers, and its browser then
 * withholds the answer from the page.
 */
#include "http/cors.h"

#include <string.h>

static const char *header_of(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static bool is_origin(const char *text)
{
	const char *host = strstr(text, "://");
	return host && host > text && host[3] && !strpbrk(host + 3, "/?#@ *");
}

const char *cors_check(const char *const *origins)
{
	for (; origins && *origins; origins++)
		if (strcmp(*origins, "*") != 0 && !is_origin(*origins))
			return *origins;
	return NULL;
}

bool cors_allows_all(const char *const *origins)
{
	for (; origins && *origins; origins++)
		if (strcmp(*origins, "*") == 0)
			return true;
	return false;
}

const char *cors_match(const struct http_config *config, struct MHD_Connection *connection)
{
	const char *origin = config->cors_origins ? header_of(connection, "Origin") : NULL;
	if (!origin)
		return NULL;
	for (const char *const *own = config->cors_origins; *own; own++)
		if (strcmp(*own, "*") == 0 || strcmp(*own, origin) == 0)
			return *own;
	return NULL;
}

bool cors_is_preflight(struct MHD_Connection *connection, const char *method)
{
	return strcmp(method, "OPTIONS") == 0 &&
	       header_of(connection, "Access-Control-Request-Method");
}

void cors_add_headers(const char *match, bool preflight, struct MHD_Response *response)
{
	if (!match)
		return;
	MHD_add_response_header(response, "Access-Control-Allow-Origin", match);
	if (!preflight) {
		MHD_add_response_header(response, "Access-Control-Expose-Headers",
					"Age, ETag, Link, Retry-After, WWW-Authenticate, "
					"X-Cache");
		return;
	}
	MHD_add_response_header(response, "Access-Control-Allow-Methods", "GET, HEAD");
	MHD_add_response_header(response, "Access-Control-Allow-Headers",
				"Authorization, If-None-Match, Last-Event-ID");
	MHD_add_response_header(response, "Access-Control-Max-Age", "600");
}

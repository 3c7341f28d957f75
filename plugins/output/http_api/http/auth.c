/*
 * server.c calls auth_check() on the HTTP thread for each routed request, before anything is
 * answered: first the Host header (only on loopback without tokens), then the token or the session
 * and its scopes; sign_in.c asks auth_identify() who is there.
 * A refusal is a problem document in request->builder: 421 wrong host, 401 no or unknown token, 403
 * missing scope, 429 too many wrong tokens from this address.
 */
#include "http/auth.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "routes/endpoint.h"

enum { AUTH_HOST_SIZE = 256 };

/* The name in "name:port" or "[address]:port".  false: too long, or malformed. */
static bool auth_parse_host(const char *host, char ret[AUTH_HOST_SIZE])
{
	bool bracket = *host == '[';
	size_t len = strcspn(host += bracket, bracket ? "]" : ":");
	if (len >= AUTH_HOST_SIZE || (bracket && host[len] != ']'))
		return false;
	memcpy(ret, host, len);
	ret[len] = '\0';
	return true;
}

/* Against DNS rebinding: a page's origin is a name that its owner can point to 127.0.0.1, and the
 * browser then sends that name as Host.  It cannot send an address that the page did not name. */
bool auth_is_own_name(const char *host)
{
	char name[AUTH_HOST_SIZE];
	struct in6_addr address;
	if (!auth_parse_host(host, name))
		return false;
	return strcasecmp(name, "localhost") == 0 || inet_pton(AF_INET, name, &address) == 1 ||
	       inet_pton(AF_INET6, name, &address) == 1;
}

static int auth_check_host(const struct auth *auth, struct request *request,
			   struct MHD_Connection *connection)
{
	const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");
	char name[AUTH_HOST_SIZE];
	if (!host || auth_is_own_name(host)) /* HTTP/1.0: no browser */
		return 0;
	if (auth_parse_host(host, name))
		for (const char *const *allowed = auth->allowed_hosts; allowed && *allowed;
		     allowed++)
			if (strcasecmp(*allowed, name) == 0)
				return 0;
	return response_problem(
		&request->builder, 421, NULL,
		"the header Host has a name that is not allowed: use localhost, or add the "
		"name to allowed_hosts");
}

/* The challenges of RFC 6750, section 3: insufficient_scope names the scope that would do. */
#define NEED(bits, words)                                                                          \
	{                                                                                          \
		bits, words,                                                                       \
			"Bearer realm=\"tallyd\", error=\"insufficient_scope\", scope=\"" words    \
			"\""                                                                       \
	}
#define BIT(class) (1U << HTTP_##class)

static const struct need {
	unsigned scopes;
	const char *words, *challenge;
} needs[] = {
	NEED(BIT(CONTAINERS), "containers"),
	NEED(BIT(STATS), "stats"),
	NEED(BIT(LOGS), "logs"),
	NEED(BIT(EVENTS), "events"),
	NEED(BIT(IMAGES), "images"),
	NEED(BIT(TABLES), "tables"),
	NEED(BIT(DAEMON), "daemon"),
	NEED(BIT(HEALTH), "health"),
	NEED(BIT(METRICS), "metrics"),
	NEED(BIT(STREAM), "stream"),
	NEED(BIT(STREAM) | BIT(STATS), "stats stream"),
	NEED(BIT(STREAM) | BIT(LOGS), "logs stream"),
	NEED(BIT(STREAM) | BIT(EVENTS), "events stream"),
	NEED(BIT(EVENTS) | BIT(STATS) | BIT(LOGS), "events stats logs"),
};

static int auth_explain_scope(struct response_builder *builder, unsigned scopes)
{
	const struct need *need = needs;
	while (need->scopes != scopes && need < needs + sizeof(needs) / sizeof(*needs) - 1)
		need++;
	response_problem(builder, 403, NULL, "this token needs the scope \"%s\", or \"read\"",
			 need->words);
	builder->challenge = need->challenge;
	return -1;
}

int auth_refuse_token(const struct auth *auth, struct request *request,
		      struct MHD_Connection *connection)
{
	static const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct response_builder *builder = &request->builder;
	unsigned wait = auth_throttle_note(auth->throttle, info ? info->client_addr : &nowhere,
					   request->started, &request->hold);
	if (wait) {
		response_problem(builder, 429, NULL,
				 "too many wrong tokens have come from this address");
		builder->retry_after = wait;
		builder->close = true;
		return -1;
	}
	response_problem(builder, 401, NULL, "no such token");
	builder->challenge = "Bearer realm=\"tallyd\", error=\"invalid_token\"";
	return -1;
}

/* ---- Who asks ------------------------------------------------------------ */

const char auth_cookie[] = "tallyd_session";

/*
 * A cookie goes along with requests that pages of other ports of this machine cause, which is the
 * same site to SameSite=Strict.  They could not read the answer, but see how long it takes; so
 * where the browser says who caused a request (Fetch Metadata), the cookie counts only for this
 * origin and for the address line.
 */
static const char *auth_find_cookie(struct MHD_Connection *connection)
{
	const char *site =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Sec-Fetch-Site");
	if (site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0)
		return NULL;
	return MHD_lookup_connection_value(connection, MHD_COOKIE_KIND, auth_cookie);
}

enum auth_visitor auth_identify(const struct auth *auth, struct MHD_Connection *connection,
				int64_t now, struct token_grant *ret)
{
	static const char scheme[] = "Bearer ";
	const char *shown = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
							MHD_HTTP_HEADER_AUTHORIZATION);
	sessions_follow(auth->sessions, tokens_generation(auth->tokens));
	/* Another scheme is for a proxy in front. */
	if (shown && strncasecmp(shown, scheme, strlen(scheme)) == 0) {
		shown += strlen(scheme);
		shown += strspn(shown, " ");
		return tokens_find(auth->tokens, shown, strlen(shown), ret) ? AUTH_KNOWN
									    : AUTH_UNKNOWN_TOKEN;
	}
	const char *cookie = auth_find_cookie(connection);
	if (!cookie)
		return AUTH_ANONYMOUS;
	return sessions_find(auth->sessions, cookie, now, ret) ? AUTH_KNOWN : AUTH_ENDED;
}

bool auth_still_allows(const void *arg, struct MHD_Connection *connection, unsigned scopes,
		       int64_t now)
{
	const struct auth *auth = arg;
	struct token_grant grant = {.scopes = 0};
	return !auth->tokens || (auth_identify(auth, connection, now, &grant) == AUTH_KNOWN &&
				 (grant.scopes & scopes) == scopes);
}

static int auth_check_visitor(const struct auth *auth, struct request *request,
			      struct MHD_Connection *connection)
{
	const struct endpoint *endpoint = request->endpoint;
	bool any = !endpoint || endpoint->class >= HTTP_OTHER;
	unsigned scopes = any ? 0 : 1U << endpoint->class | endpoint->scopes;
	struct token_grant grant = {.scopes = 0};
	enum auth_visitor visitor = auth_identify(auth, connection, request->started, &grant);
	if (visitor == AUTH_UNKNOWN_TOKEN)
		return auth_refuse_token(auth, request, connection);
	if (visitor != AUTH_KNOWN) {
		response_problem(&request->builder, 401, NULL,
				 visitor == AUTH_ENDED
					 ? "this session has ended: sign in again"
					 : "a token is required: Authorization: Bearer …, or sign "
					   "in at / or /docs");
		request->builder.challenge = "Bearer realm=\"tallyd\"";
		return -1;
	}
	request->scopes = grant.scopes;
	if ((grant.scopes & scopes) == scopes)
		return 0;
	return auth_explain_scope(&request->builder, scopes);
}

int auth_check(const struct auth *auth, struct request *request, struct MHD_Connection *connection)
{
	if (auth->own_names && auth_check_host(auth, request, connection) < 0)
		return -1;
	/* With every request, so that the last sum is logged also when no wrong token comes. */
	if (auth->throttle)
		auth_throttle_flush_log(auth->throttle, request->started);
	request->scopes = auth->tokens ? 0 : ~0U;
	if (!auth->tokens || (request->endpoint && request->endpoint->public))
		return 0;
	return auth_check_visitor(auth, request, connection);
}

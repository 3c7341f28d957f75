/*
 * A browser cannot put a token into what EventSource sends, nor into what it loads for a page.  So
 * a page POSTs it here once and gets a cookie, which stands for the token in every GET after that.
 * On the HTTP thread, as an endpoint that asks no store.
 *
 *	same origin?  →  JSON with a token?  →  known?  →  a session, and its cookie
 *
 * The cookie is HttpOnly, so no script reads it, SameSite=Strict, so no page of another site uses
 * it, and Secure where the browser came by TLS.  These are the only requests besides GET and HEAD,
 * and the only ones that change anything, so they are what a foreign page could gain from (signing
 * somebody out, or in with a token of its own): both have to come from a page of this origin.
 * Wrong tokens are slowed down like those of any request.
 */
#include "http/sign_in.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json_reader.h"
#include "message/request.h"
#include "routes/endpoint.h"

static const char sign_in_path[] = "/api/v1/session";

bool sign_in_is_target(const char *raw)
{
	/* "http://host/path" is allowed, too (RFC 9112, section 3.2.2). */
	const char *authority = *raw == '/' ? NULL : strstr(raw, "://");
	if (authority)
		raw = authority + 3 + strcspn(authority + 3, "/?");
	size_t len = strcspn(raw, "?");
	return len == sizeof(sign_in_path) - 1 && memcmp(raw, sign_in_path, len) == 0;
}

static const char *header_of(const struct visitor *visitor, const char *name)
{
	return MHD_lookup_connection_value(visitor->connection, MHD_HEADER_KIND, name);
}

/* ---- Same origin --------------------------------------------------------- */

/* Browsers set both themselves.  Sec-Fetch-Site comes first: behind a proxy that passes on another
 * Host, Origin cannot be compared.  It is sent over TLS and to loopback only; Origin with every
 * POST and DELETE.  The scheme is left alone, since a proxy may have taken TLS off. */
static bool is_same_origin(const struct visitor *visitor)
{
	const char *site = header_of(visitor, "Sec-Fetch-Site");
	if (site)
		return strcmp(site, "same-origin") == 0;
	const char *origin = header_of(visitor, "Origin"), *host = header_of(visitor, "Host");
	const char *authority = origin ? strstr(origin, "://") : NULL;
	return authority && host && strcasecmp(authority + 3, host) == 0;
}

static int refuse_other_origin(struct response_builder *builder)
{
	return response_problem(builder, 403, NULL,
				"only pages of this origin sign in and out: Sec-Fetch-Site must be "
				"same-origin, or Origin name the same host as Host");
}

/* ---- Cookies ------------------------------------------------------------- */

/* value "": the browser forgets it.  Without memory there is no cookie, and nobody is signed in. */
static void set_cookie(const struct visitor *visitor, const char *value, int64_t seconds)
{
	const char *origin = header_of(visitor, "Origin");
	bool secure = visitor->auth->tls || (origin && strncasecmp(origin, "https://", 8) == 0);
	char *cookie = NULL;
	int len =
		asprintf(&cookie, "%s=%s; Path=/; Max-Age=%" PRId64 "; HttpOnly; SameSite=Strict%s",
			 auth_cookie, value, seconds, secure ? "; Secure" : "");
	visitor->request->builder.cookie = len < 0 ? NULL : cookie;
}

/* ---- The endpoints ------------------------------------------------------- */

static void write_scopes(struct json_writer *out, unsigned scopes)
{
	json_begin_array(out);
	if (scopes == ~0U)
		json_write_string(out, "read");
	for (unsigned i = 0; i < HTTP_OTHER && scopes != ~0U; i++)
		if (scopes & 1U << i)
			json_write_string(out, http_class_names[i]);
	json_end_array(out);
}

int session_show(struct context *context)
{
	const struct visitor *visitor = context->visitor;
	const struct auth *auth = visitor->auth;
	struct json_writer *out = &context->builder->body;
	struct token_grant grant = {.scopes = 0};
	bool known = auth->tokens && auth_identify(auth, visitor->connection,
						   visitor->request->started, &grant) == AUTH_KNOWN;
	json_begin_object(out);
	json_write_key(out, "required");
	json_write_bool(out, auth->tokens != NULL);
	json_write_key(out, "signed_in");
	json_write_bool(out, known);
	json_write_key(out, "scopes");
	write_scopes(out, auth->tokens ? grant.scopes : ~0U);
	json_end_object(out);
	return 0;
}

static bool is_json(const char *type)
{
	static const char json[] = "application/json";
	return type && strncasecmp(type, json, strlen(json)) == 0 &&
	       strchr("; \t", type[strlen(json)]); /* or its end */
}

/* {"token": "…"}, in place.  0, or a problem. */
static int read_token(struct request *request, struct json_text *ret)
{
	struct json_reader json;
	struct json_text name;
	json_reader_init(&json, request->upload, request->upload_len);
	if (request->upload && json_peek(&json) == JSON_NEXT_OBJECT) {
		json_enter_object(&json);
		while (json_next_key(&json, &name)) {
			if (json_text_is(&name, "token"))
				json_read_text(&json, ret);
			else
				json_skip(&json);
		}
	}
	if (!request->upload || !json_finish(&json) || !ret->at)
		return response_problem(&request->builder, 400, "token",
					"the body must be {\"token\": \"…\"}");
	return 0;
}

static int begin(struct context *context, const struct token_grant *grant)
{
	const struct visitor *visitor = context->visitor;
	char text[SESSIONS_TEXT_SIZE];
	int r = sessions_begin(visitor->auth->sessions, grant, visitor->request->started, text);
	if (r < 0)
		return response_unavailable(context->builder, "cannot make a session: %s",
					    strerror(-r));
	set_cookie(visitor, text, context->config->session_life / CLOCK_SECOND);
	explicit_bzero(text, sizeof(text));
	context->builder->status = 204;
	return 0;
}

int session_begin(struct context *context)
{
	const struct visitor *visitor = context->visitor;
	const struct auth *auth = visitor->auth;
	struct json_text token = {.at = NULL};
	struct token_grant grant;
	if (!auth->tokens)
		return response_problem(context->builder, 404, NULL,
					"no token is required here: tokens_file is not set");
	if (!is_same_origin(visitor))
		return refuse_other_origin(context->builder);
	if (!is_json(header_of(visitor, "Content-Type")))
		return response_problem(context->builder, 415, NULL,
					"the Content-Type must be application/json");
	if (read_token(visitor->request, &token) < 0)
		return -EINVAL;
	sessions_follow(auth->sessions, tokens_generation(auth->tokens));
	if (!tokens_find(auth->tokens, token.at, token.len, &grant))
		return auth_refuse_token(auth, visitor->request, visitor->connection);
	return begin(context, &grant);
}

int session_end(struct context *context)
{
	const struct visitor *visitor = context->visitor;
	const struct auth *auth = visitor->auth;
	if (!is_same_origin(visitor))
		return refuse_other_origin(context->builder);
	const char *cookie =
		MHD_lookup_connection_value(visitor->connection, MHD_COOKIE_KIND, auth_cookie);
	if (cookie && auth->sessions)
		sessions_end(auth->sessions, cookie);
	set_cookie(visitor, "", 0);
	context->builder->status = 204;
	return 0;
}

/*
 * server.c calls send_answer() on the HTTP thread when a request has its response: pick the coding,
 * build a libmicrohttpd response with all headers or take a prebuilt one, and queue it with 200,
 * 304 or whatever its status is.  The body is not copied; libmicrohttpd holds a reference until it
 * is sent. Only memory can be missing: then MHD_NO, and libmicrohttpd closes the connection.
 */
#include "http/response_send.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "message/accept.h"
#include "http/cors.h"
#include "http/security_headers.h"
#include "cache/cache_policy.h"
#include "routes/endpoint.h"

static void add_number(struct MHD_Response *mhd_response, const char *name, int64_t value)
{
	char text[24];
	snprintf(text, sizeof(text), "%" PRId64, value);
	MHD_add_response_header(mhd_response, name, text);
}

/* ---- Validation and caching ---------------------------------------------- */

static bool is_validated(const struct request *request)
{
	return request->response->status == 200 && request->endpoint &&
	       endpoint_is_validated(request->endpoint);
}

/* What we do not cache clients revalidate each time. */
static void add_cache_control(const struct http_config *config, struct MHD_Response *mhd_response,
			      const struct request *request)
{
	int64_t seconds = cache_class_ttl_of_old(config, request->kind) / CLOCK_SECOND;
	const char *private = config->tokens_file ? "private, " : "";
	char text[64];
	if (!is_validated(request))
		snprintf(text, sizeof(text), "no-store");
	else if (request->origin == ORIGIN_OFF || seconds == 0)
		snprintf(text, sizeof(text), "%sno-cache", private);
	else
		snprintf(text, sizeof(text), "%smax-age=%" PRId64, private, seconds);
	MHD_add_response_header(mhd_response, "Cache-Control", text);
}

static void add_origin(struct MHD_Response *mhd_response, const struct request *request,
		       int64_t age)
{
	static const char *const names[] = {[ORIGIN_OFF] = "off",
					    [ORIGIN_MISS] = "miss",
					    [ORIGIN_HIT] = "hit",
					    [ORIGIN_STALE] = "stale"};
	MHD_add_response_header(mhd_response, "X-Cache", names[request->origin]);
	if (request->origin == ORIGIN_HIT || request->origin == ORIGIN_STALE)
		add_number(mhd_response, "Age", age);
}

/* ---- Headers ------------------------------------------------------------- */

/* What most answers do not have. */
static void add_rare(struct MHD_Response *mhd_response, const struct response *response)
{
	if (response->status >= 400 || response->type == content_type_html)
		security_headers_add(mhd_response, response->policy);
	if (response->link)
		MHD_add_response_header(mhd_response, "Link", response->link);
	if (response->cookie)
		MHD_add_response_header(mhd_response, "Set-Cookie", response->cookie);
	if (response->allow)
		MHD_add_response_header(mhd_response, "Allow", response->allow);
	if (response->challenge)
		MHD_add_response_header(mhd_response, "WWW-Authenticate", response->challenge);
	if (response->close)
		MHD_add_response_header(mhd_response, "Connection", "close");
	if (response->retry_after)
		add_number(mhd_response, "Retry-After", response->retry_after);
}

static void release(void *arg)
{
	response_drop(arg);
}

static struct MHD_Response *full_answer(struct response *response, enum response_coding coding)
{
	struct MHD_Response *mhd_response = MHD_create_response_from_buffer_with_free_callback_cls(
		response->body[coding].len, response->body[coding].data, release, response);
	if (!mhd_response)
		return NULL;
	response_keep(response);
	MHD_add_response_header(mhd_response, "Content-Type", response->type);
	if (coding == RESPONSE_GZIP)
		MHD_add_response_header(mhd_response, "Content-Encoding", "gzip");
	return mhd_response;
}

static ssize_t read_nothing(void *arg, uint64_t position, char *buffer, size_t max)
{
	(void)arg;
	(void)position;
	(void)buffer;
	(void)max;
	return MHD_CONTENT_READER_END_OF_STREAM;
}

static void add_stream_headers(struct MHD_Response *mhd_response, const struct response *response)
{
	MHD_add_response_header(mhd_response, "Content-Type", response->type);
	/* nginx would hold events back until a buffer of its own is full. */
	MHD_add_response_header(mhd_response, "X-Accel-Buffering", "no");
}

/* The answer to HEAD for a stream: no Content-Length, since nobody knows it.  HTTP/1.0 keeps
 * libmicrohttpd from sending a last chunk, which would be a body. */
static struct MHD_Response *head_of_stream(const struct response *response)
{
	struct MHD_Response *mhd_response =
		MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 1, read_nothing, NULL, NULL);
	if (!mhd_response)
		return NULL;
	add_stream_headers(mhd_response, response);
	MHD_set_response_options(mhd_response, MHD_RF_HTTP_VERSION_1_0_ONLY, MHD_RO_END);
	return mhd_response;
}

static struct MHD_Response *any_answer(const struct sender *sender, const struct request *request,
				       enum response_coding coding,
				       struct MHD_Connection *connection)
{
	struct response *response = request->response;
	if (!response->source.arg)
		return full_answer(response, coding);
	if (request->head)
		return head_of_stream(response);
	struct body_source *source = &response->source;
	struct MHD_Response *mhd_response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, BODY_SOURCE_BLOCK, source->read, source->arg, source->free);
	if (!mhd_response)
		return NULL;
	source->start(source->arg, connection, sender->connections);
	*source = (struct body_source){.arg = NULL};
	add_stream_headers(mhd_response, response);
	return mhd_response;
}

/*
 * With all headers.  Also used for a 304, for which libmicrohttpd sends the headers only.
 *
 * Vary is what an answer depends on besides its target.  Authorization and Cookie are part of it
 * wherever tokens are required: a browser's cache belongs to a profile, and would otherwise give
 * one token's answers to a request with another.
 */
static struct MHD_Response *new_answer(const struct sender *sender, const struct request *request,
				       struct MHD_Connection *connection,
				       const struct prebuilt_key *key)
{
	static const char *const vary[2][2] = {{"Accept-Encoding", "Accept-Encoding, Origin"},
					       {"Accept-Encoding, Authorization, Cookie",
						"Accept-Encoding, Authorization, Cookie, Origin"}};
	const struct http_config *config = sender->config;
	struct MHD_Response *mhd_response = any_answer(sender, request, key->coding, connection);
	if (!mhd_response)
		return NULL;
	MHD_add_response_header(mhd_response, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(mhd_response, "Vary",
				vary[config->tokens_file != NULL][config->cors_origins != NULL]);
	if (is_validated(request))
		MHD_add_response_header(mhd_response, "ETag",
					request->response->body[key->coding].etag);
	add_cache_control(config, mhd_response, request);
	add_origin(mhd_response, request, key->age);
	add_rare(mhd_response, request->response);
	cors_add_headers(request->cors, request->preflight, mhd_response);
	return mhd_response;
}

static bool is_known(const struct request *request, struct MHD_Connection *connection,
		     enum response_coding coding)
{
	const char *known =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "If-None-Match");
	return is_validated(request) &&
	       accept_none_match(known, request->response->body[coding].etag);
}

enum MHD_Result send_answer(struct sender *sender, const struct request *request,
			    struct MHD_Connection *connection, int64_t now, unsigned *ret_status)
{
	struct response *response = request->response;
	const struct prebuilt_key key = {
		.response = response,
		.coding = request->gzip && response->body[RESPONSE_GZIP].data ? RESPONSE_GZIP
									      : RESPONSE_IDENTITY,
		.age = (now - response->made) / CLOCK_SECOND,
	};
	/* A hit will be asked for again.  Not with CORS, whose headers depend on the request. */
	bool again = request->origin == ORIGIN_HIT && !request->cors;
	struct MHD_Response *prebuilt = again ? prebuilt_find(&sender->prebuilt, &key) : NULL;
	struct MHD_Response *mhd_response =
		prebuilt ? prebuilt : new_answer(sender, request, connection, &key);
	if (!mhd_response)
		return MHD_NO;
	*ret_status = is_known(request, connection, key.coding) ? 304 : response->status;
	enum MHD_Result r = MHD_queue_response(connection, *ret_status, mhd_response);
	if (!prebuilt && !(again && prebuilt_take(&sender->prebuilt, &key, mhd_response)))
		MHD_destroy_response(mhd_response);
	return r;
}

#include "send.h"

#include <inttypes.h>
#include <stdio.h>

#include "accept.h"
#include "cors.h"
#include "security_headers.h"
#include "stream.h"

static const char *header_of(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static void add_number(struct MHD_Response *response, const char *name, int64_t value)
{
	char text[24];
	snprintf(text, sizeof(text), "%" PRId64, value);
	MHD_add_response_header(response, name, text);
}

/* ---- Which, and whether -------------------------------------------------- */

static bool is_validated(const struct request *request)
{
	enum http_class class = request->endpoint ? request->endpoint->class : HTTP_OTHER;
	return request->parcel->status == 200 && request->endpoint && class != HTTP_HEALTH &&
	       class != HTTP_METRICS && class != HTTP_STREAM;
}

/* Kept by clients as long as here; what is not kept here they ask about each time. */
static void add_cache_control(const struct http_config *config, struct MHD_Response *response,
			      const struct request *request)
{
	int64_t seconds = kind_ttl(config, request->kind) / HTTP_SECOND;
	const char *private = config->tokens_file ? "private, " : "";
	char text[64];
	if (!is_validated(request))
		snprintf(text, sizeof(text), "no-store");
	else if (request->origin == ORIGIN_OFF || seconds == 0)
		snprintf(text, sizeof(text), "%sno-cache", private);
	else
		snprintf(text, sizeof(text), "%smax-age=%" PRId64, private, seconds);
	MHD_add_response_header(response, "Cache-Control", text);
}

static void add_origin(struct MHD_Response *response, const struct request *request, int64_t age)
{
	static const char *const names[] = {[ORIGIN_OFF] = "off",
					    [ORIGIN_MISS] = "miss",
					    [ORIGIN_HIT] = "hit",
					    [ORIGIN_STALE] = "stale"};
	MHD_add_response_header(response, "X-Cache", names[request->origin]);
	if (request->origin == ORIGIN_HIT || request->origin == ORIGIN_STALE)
		add_number(response, "Age", age);
}

/* ---- Headers ------------------------------------------------------------- */

/*
 * What an answer depends on besides its target.  Authorization is among it wherever tokens are
 * asked for: a browser keeps answers for all users of a machine's profile, and gives them to
 * whoever asks next, whatever token he shows.
 */
static const char *vary(const struct http_config *config)
{
	static const char *const values[2][2] = {
		{"Accept-Encoding", "Accept-Encoding, Origin"},
		{"Accept-Encoding, Authorization", "Accept-Encoding, Authorization, Origin"}};
	return values[config->tokens_file != NULL][config->cors_origins != NULL];
}

static void add_meta(const struct http_config *config, struct MHD_Response *response,
		     const struct request *request, enum parcel_coding coding)
{
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(response, "Vary", vary(config));
	if (is_validated(request))
		MHD_add_response_header(response, "ETag", request->parcel->body[coding].etag);
	add_cache_control(config, response, request);
}

static void add_rare(struct MHD_Response *response, const struct parcel *parcel)
{
	if (parcel->status >= 400 || parcel->type == reply_html)
		security_headers_add(response, parcel->policy);
	if (parcel->link)
		MHD_add_response_header(response, "Link", parcel->link);
	if (parcel->allow)
		MHD_add_response_header(response, "Allow", parcel->allow);
	if (parcel->challenge)
		MHD_add_response_header(response, "WWW-Authenticate", parcel->challenge);
	if (parcel->close)
		MHD_add_response_header(response, "Connection", "close");
	if (parcel->retry_after)
		add_number(response, "Retry-After", parcel->retry_after);
}

static void release(void *arg)
{
	parcel_drop(arg);
}

static struct MHD_Response *full_answer(struct parcel *parcel, enum parcel_coding coding)
{
	struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
		parcel->body[coding].len, parcel->body[coding].data, release, parcel);
	if (!response)
		return NULL;
	parcel_keep(parcel);
	MHD_add_response_header(response, "Content-Type", parcel->type);
	if (coding == PARCEL_GZIP)
		MHD_add_response_header(response, "Content-Encoding", "gzip");
	return response;
}

static ssize_t read_nothing(void *arg, uint64_t position, char *buffer, size_t max)
{
	(void)arg;
	(void)position;
	(void)buffer;
	(void)max;
	return MHD_CONTENT_READER_END_OF_STREAM;
}

/* Of an answer without an end only the head: nobody knows its length.  libmicrohttpd would end it
 * in a chunk, unless it may not use any. */
static struct MHD_Response *head_of_stream(void)
{
	struct MHD_Response *response =
		MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 1, read_nothing, NULL, NULL);
	if (!response)
		return NULL;
	MHD_add_response_header(response, "Content-Type", stream_type);
	MHD_add_response_header(response, "X-Accel-Buffering", "no");
	MHD_set_response_options(response, MHD_RF_HTTP_VERSION_1_0_ONLY, MHD_RO_END);
	return response;
}

static struct MHD_Response *any_answer(const struct sender *sender, const struct request *request,
				       enum parcel_coding coding, struct MHD_Connection *connection)
{
	struct parcel *parcel = request->parcel;
	if (!parcel->stream)
		return full_answer(parcel, coding);
	if (request->head)
		return head_of_stream();
	struct MHD_Response *response = stream_response(parcel->stream, connection, sender->guests);
	if (response)
		parcel->stream = NULL;
	return response;
}

/* With its headers.  It also goes with a 304, of which libmicrohttpd sends no more than these. */
static struct MHD_Response *new_answer(const struct sender *sender, const struct request *request,
				       struct MHD_Connection *connection,
				       const struct ready_key *key)
{
	struct MHD_Response *response = any_answer(sender, request, key->coding, connection);
	if (!response)
		return NULL;
	add_meta(sender->config, response, request, key->coding);
	add_origin(response, request, key->age);
	add_rare(response, request->parcel);
	cors_add_headers(request->cors, request->preflight, response);
	return response;
}

static bool is_known(const struct request *request, struct MHD_Connection *connection,
		     enum parcel_coding coding)
{
	return is_validated(request) && accept_none_match(header_of(connection, "If-None-Match"),
							  request->parcel->body[coding].etag);
}

enum MHD_Result send_answer(struct sender *sender, const struct request *request,
			    struct MHD_Connection *connection, int64_t now, unsigned *ret_status)
{
	struct parcel *parcel = request->parcel;
	const struct ready_key key = {
		.parcel = parcel,
		.coding = request->gzip && parcel->body[PARCEL_GZIP].data ? PARCEL_GZIP
									  : PARCEL_IDENTITY,
		.age = (now - parcel->made) / HTTP_SECOND,
	};
	/* What is kept will be asked for again; pages of other origins get headers of their own. */
	bool again = request->origin == ORIGIN_HIT && !request->cors;
	struct MHD_Response *ready = again ? ready_find(&sender->ready, &key) : NULL;
	struct MHD_Response *response =
		ready ? ready : new_answer(sender, request, connection, &key);
	if (!response)
		return MHD_NO;
	*ret_status = is_known(request, connection, key.coding) ? 304 : parcel->status;
	enum MHD_Result r = MHD_queue_response(connection, *ret_status, response);
	if (!ready && !(again && ready_take(&sender->ready, &key, response)))
		MHD_destroy_response(response);
	return r;
}

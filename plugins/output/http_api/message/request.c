/*
 * What a request owns, from its first line until its last reference goes: the connection,
 * and the fetch that it waits for.  Made on libmicrohttpd's thread by http/server.c; the last
 * reference may go on a worker's thread.  All fields have one writer at a time, by the request's
 * stage; request.h says which.
 *
 * What can fail is memory, and a target that names another host than the header does (RFC 9112,
 * section 3.2.2, where the target would win; here such a request is refused, since nobody sends it
 * by accident).
 */
#include "message/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct request *request_create(const char *raw)
{
	struct request *request = calloc(1, sizeof(*request));
	if (!request)
		return NULL;
	request->raw = strdup(raw);
	if (!request->raw) {
		free(request);
		return NULL;
	}
	atomic_init(&request->references, 1);
	response_builder_init(&request->builder);
	request->kind = CACHE_CLASS_NONE;
	return request;
}

int request_read_target(struct request *request, struct MHD_Connection *connection)
{
	static const char *const schemes[] = {"http://", "https://"};
	char *authority = NULL;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
		if (strncasecmp(request->raw, schemes[i], strlen(schemes[i])) == 0)
			authority = request->raw + strlen(schemes[i]);
	if (!authority)
		return 0;
	const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");
	size_t len = strcspn(authority, "/?");
	if (len == 0 || !host || strlen(host) != len || strncasecmp(host, authority, len) != 0)
		return -EINVAL;
	/* Without a path it means "/" (section 3.2.1 there); the byte before is of the host, which
	 * is not needed any more. */
	char *path = authority + len;
	if (*path != '/')
		*--path = '/';
	memmove(request->raw, path, strlen(path) + 1);
	return 0;
}

int request_read_last_event_id(struct request *request, struct MHD_Connection *connection)
{
	const char *id = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Last-Event-ID");
	if (!id || !*id)
		return 0;
	request->last_event_id = strdup(id);
	return request->last_event_id ? 0 : -ENOMEM;
}

int request_add_upload(struct request *request, const char *bytes, size_t len)
{
	if (len > HTTP_MAX_UPLOAD - request->upload_len)
		return -E2BIG;
	if (!request->upload)
		request->upload = malloc(HTTP_MAX_UPLOAD);
	if (!request->upload)
		return -ENOMEM;
	memcpy(request->upload + request->upload_len, bytes, len);
	request->upload_len += len;
	return 0;
}

struct context request_context(const struct request *request, struct tally_ctx *ctx,
			       const struct http_config *config, struct response_builder *builder)
{
	return (struct context){
		.ctx = ctx,
		.config = config,
		.route = request->endpoint,
		.target = &request->target,
		.args = &request->args,
		.raw = request->raw,
		.segment = request->segment,
		.now = request->now,
		.deadline = request->deadline,
		.last_event_id = request->last_event_id,
		.scopes = request->scopes,
		.builder = builder,
	};
}

struct request *request_keep(struct request *request)
{
	atomic_fetch_add_explicit(&request->references, 1, memory_order_relaxed);
	return request;
}

void request_drop(struct request *request)
{
	if (!request ||
	    atomic_fetch_sub_explicit(&request->references, 1, memory_order_acq_rel) != 1)
		return;
	response_builder_done(&request->builder);
	response_drop(request->response);
	response_drop(request->fallback);
	arguments_done(&request->args);
	target_done(&request->target);
	free(request->last_event_id);
	/* A token may be in it. */
	if (request->upload)
		explicit_bzero(request->upload, HTTP_MAX_UPLOAD);
	free(request->upload);
	free(request->raw);
	free(request);
}

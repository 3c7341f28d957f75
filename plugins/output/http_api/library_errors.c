#include "library_errors.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_api.h"
#include "reply.h"
#include "security_headers.h"

static _Thread_local unsigned logged_status; /* 0: none */

void library_errors_note_log(const char *text)
{
	const char *at = strstr(text, "HTTP response code is ");
	if (at)
		logged_status = (unsigned)strtoul(at + strlen("HTTP response code is "), NULL, 10);
}

/* Of what it says in its pages. */
static void write_problem(struct reply *reply, unsigned status)
{
	if (status == 431)
		reply_problem(reply, status, NULL, "the headers are longer than %d bytes",
			      HTTP_MAX_HEADERS);
	else if (status == 414)
		reply_problem(reply, status, NULL, "the URI is longer than %d bytes",
			      HTTP_MAX_TARGET);
	else if (status == 413)
		reply_problem(reply, status, NULL, "requests with a body are not taken");
	else if (status == 505)
		reply_problem(reply, status, NULL, "this is not HTTP/1.0 or HTTP/1.1");
	else
		reply_problem(reply, status, NULL, "this is not an HTTP request");
}

/* NULL: no memory; then its own page will do. */
static struct MHD_Response *problem_response(unsigned status)
{
	struct reply reply;
	reply_init(&reply);
	write_problem(&reply, status);
	if (reply.body.error) {
		reply_done(&reply);
		return NULL;
	}
	struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback(
		reply.body.len, reply.body.data, free);
	if (!response) {
		reply_done(&reply);
		return NULL;
	}
	MHD_add_response_header(response, "Content-Type", reply.type);
	MHD_add_response_header(response, "Cache-Control", "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	security_headers_add(response, NULL);
	return response;
}

static struct MHD_Response *copy_response(size_t size, const void *buffer)
{
	void *copy = malloc(size ? size : 1);
	if (!copy)
		return NULL;
	memcpy(copy, buffer, size);
	return MHD_create_response_from_buffer_with_free_callback(size, copy, free);
}

static void keep(void *buffer)
{
	(void)buffer;
}

/* As libmicrohttpd's own, but for its pages. */
__attribute__((visibility("default"))) struct MHD_Response *
MHD_create_response_from_buffer(size_t size, void *buffer, enum MHD_ResponseMemoryMode mode)
{
	static const char page[] = "<html><head><title>";
	unsigned status = logged_status;
	logged_status = 0;
	struct MHD_Response *problem = NULL;
	if (mode == MHD_RESPMEM_PERSISTENT && status >= 400 && size >= sizeof(page) &&
	    memcmp(buffer, page, sizeof(page) - 1) == 0)
		problem = problem_response(status);
	if (problem)
		return problem;
	if (mode == MHD_RESPMEM_MUST_COPY)
		return copy_response(size, buffer);
	return MHD_create_response_from_buffer_with_free_callback(
		size, buffer, mode == MHD_RESPMEM_MUST_FREE ? free : keep);
}

/*
 * libmicrohttpd logs the status of a request that it refuses, then makes its page with
 * MHD_create_response_from_buffer(), both on the HTTP thread.  server.c passes the log line to
 * library_errors_note_log(), which remembers the status; the function of the same name below takes
 * the place of the library's by symbol interposition and, for such a page, makes a problem
 * document.  For anything else, and without memory, it does what the library's function does.
 */
#include "http/library_errors.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_api.h"
#include "message/response_builder.h"
#include "http/security_headers.h"

static _Thread_local unsigned logged_status; /* 0: none */

void library_errors_note_log(const char *text)
{
	const char *at = strstr(text, "HTTP response code is ");
	if (at)
		logged_status = (unsigned)strtoul(at + strlen("HTTP response code is "), NULL, 10);
}

/* The statuses that libmicrohttpd 0.9.75 sends by itself. */
static void write_problem(struct response_builder *builder, unsigned status)
{
	if (status == 431)
		response_problem(builder, status, NULL, "the headers are longer than %d bytes",
				 HTTP_MAX_HEADERS);
	else if (status == 414)
		response_problem(builder, status, NULL, "the URI is longer than %d bytes",
				 HTTP_MAX_TARGET);
	else if (status == 413)
		response_problem(builder, status, NULL, "requests with a body are not taken");
	else if (status == 505)
		response_problem(builder, status, NULL, "this is not HTTP/1.0 or HTTP/1.1");
	else
		response_problem(builder, status, NULL, "this is not an HTTP request");
}

/* NULL: no memory; then the library's page is sent. */
static struct MHD_Response *problem_response(unsigned status)
{
	struct response_builder builder;
	response_builder_init(&builder);
	write_problem(&builder, status);
	if (builder.body.error) {
		response_builder_done(&builder);
		return NULL;
	}
	struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback(
		builder.body.len, builder.body.data, free);
	if (!response) {
		response_builder_done(&builder);
		return NULL;
	}
	MHD_add_response_header(response, "Content-Type", builder.type);
	MHD_add_response_header(response, "Cache-Control", "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	security_headers_add(response, NULL);
	return response;
}

static void keep(void *buffer)
{
	(void)buffer;
}

/* One of its pages: made right after a status was logged, from constant memory, and it begins as
 * they all do. */
__attribute__((visibility("default"))) struct MHD_Response *
MHD_create_response_from_buffer(size_t size, void *buffer, enum MHD_ResponseMemoryMode mode)
{
	static const char paging[] = "<html><head><title>";
	unsigned status = logged_status;
	logged_status = 0;
	struct MHD_Response *problem = NULL;
	if (mode == MHD_RESPMEM_PERSISTENT && status >= 400 && size >= sizeof(paging) &&
	    memcmp(buffer, paging, sizeof(paging) - 1) == 0)
		problem = problem_response(status);
	if (problem)
		return problem;
	if (mode == MHD_RESPMEM_MUST_COPY) {
		void *copy = malloc(size ? size : 1);
		if (!copy)
			return NULL;
		buffer = memcpy(copy, buffer, size);
		mode = MHD_RESPMEM_MUST_FREE;
	}
	return MHD_create_response_from_buffer_with_free_callback(
		size, buffer, mode == MHD_RESPMEM_MUST_FREE ? free : keep);
}

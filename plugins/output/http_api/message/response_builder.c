/*
 * An answer being written.  One thread at a time: the one that answers, then whoever finishes it.
 *
 *	response_builder_init()      nothing decided yet
 *	…                            an endpoint writes the body, or a problem
 *	response_builder_finish()    the status, and what went wrong meanwhile
 *
 * Writing is not checked step by step: the body's writer remembers the first thing that failed, and
 * response_builder_finish() turns it into a problem, 413 for an answer beyond the bound and 503
 * without memory.  A problem forgets what was written before, so an answer is never half a list and
 * half an error.
 */
#include "message/response_builder.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "http_api.h"

enum { RESPONSE_BUILDER_DETAIL_SIZE = 1024, RESPONSE_BUILDER_RETRY_SECONDS = 2 };

const char content_type_json[] = "application/json; charset=utf-8";
const char content_type_csv[] = "text/csv; charset=utf-8";
const char content_type_ndjson[] = "application/x-ndjson; charset=utf-8";
const char content_type_metrics[] = "text/plain; version=0.0.4; charset=utf-8";
const char content_type_html[] = "text/html; charset=utf-8";
const char content_type_script[] = "text/javascript; charset=utf-8";
const char content_type_style[] = "text/css; charset=utf-8";
const char content_type_svg[] = "image/svg+xml";
static const char response_builder_problem_json[] = "application/problem+json; charset=utf-8";

void response_builder_init(struct response_builder *builder)
{
	*builder = (struct response_builder){.type = content_type_json};
	json_writer_init(&builder->body, HTTP_MAX_BODY);
}

void body_source_done(struct body_source *source)
{
	if (source->arg)
		source->free(source->arg);
	*source = (struct body_source){.arg = NULL};
}

void response_builder_done(struct response_builder *builder)
{
	json_writer_done(&builder->body);
	free(builder->link);
	builder->link = NULL;
	free(builder->policy);
	builder->policy = NULL;
	free(builder->cookie);
	builder->cookie = NULL;
	body_source_done(&builder->source);
}

/* RFC 9457 wants as title what the status is called in HTTP, where type is about:blank. */
static const struct {
	unsigned status;
	const char *title;
} titles[] = {
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{409, "Conflict"},
	{413, "Content Too Large"},
	{414, "URI Too Long"},
	{415, "Unsupported Media Type"},
	{421, "Misdirected Request"},
	{429, "Too Many Requests"},
	{431, "Request Header Fields Too Large"},
	{500, "Internal Server Error"},
	{503, "Service Unavailable"},
	{505, "HTTP Version Not Supported"},
};

static void response_builder_write_problem(struct response_builder *builder, unsigned status,
					   const char *parameter, const char *detail)
{
	struct json_writer *json = &builder->body;
	response_builder_done(builder);
	builder->status = status;
	builder->type = response_builder_problem_json;
	json_begin_object(json);
	json_write_key(json, "type");
	json_write_string(json, "about:blank");
	json_write_key(json, "title");
	const char *title = "Error";
	for (size_t i = 0; i < sizeof(titles) / sizeof(*titles); i++)
		if (titles[i].status == status)
			title = titles[i].title;
	json_write_string(json, title);
	json_write_key(json, "status");
	json_write_int(json, status);
	json_write_key(json, "detail");
	json_write_string(json, detail);
	if (parameter) {
		json_write_key(json, "parameter");
		json_write_string(json, parameter);
	}
	json_end_object(json);
}

int response_problem(struct response_builder *builder, unsigned status, const char *parameter,
		     const char *fmt, ...)
{
	char detail[RESPONSE_BUILDER_DETAIL_SIZE];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	response_builder_write_problem(builder, status, parameter, detail);
	return -EINVAL;
}

int response_unavailable(struct response_builder *builder, const char *fmt, ...)
{
	char detail[RESPONSE_BUILDER_DETAIL_SIZE];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	response_builder_write_problem(builder, 503, NULL, detail);
	builder->retry_after = RESPONSE_BUILDER_RETRY_SECONDS;
	return -EINVAL;
}

void response_builder_finish(struct response_builder *builder)
{
	if (builder->body.error == -E2BIG)
		response_problem(
			builder, 413, NULL,
			"too many results: the answer would be larger than %d MiB; ask for "
			"a shorter range, a larger step or fewer fields",
			HTTP_MAX_BODY >> 20);
	else if (builder->body.error)
		response_unavailable(builder, "out of memory");
	if (builder->status == 0)
		builder->status = 200;
}

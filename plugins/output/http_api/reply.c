#include "reply.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "http_api.h"
#include "stream.h"

enum { REPLY_DETAIL_SIZE = 1024, REPLY_RETRY_SECONDS = 2 };

const char reply_json[] = "application/json; charset=utf-8";
const char reply_csv[] = "text/csv; charset=utf-8";
const char reply_ndjson[] = "application/x-ndjson; charset=utf-8";
const char reply_metrics[] = "text/plain; version=0.0.4; charset=utf-8";
const char reply_html[] = "text/html; charset=utf-8";
static const char reply_problem_json[] = "application/problem+json; charset=utf-8";

void reply_init(struct reply *reply)
{
	*reply = (struct reply){.type = reply_json};
	json_writer_init(&reply->body, HTTP_MAX_BODY);
}

void reply_done(struct reply *reply)
{
	json_writer_done(&reply->body);
	free(reply->link);
	reply->link = NULL;
	free(reply->policy);
	reply->policy = NULL;
	stream_free(reply->stream);
	reply->stream = NULL;
}

static const char *reply_title(unsigned status)
{
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
		{421, "Misdirected Request"},
		{429, "Too Many Requests"},
		{431, "Request Header Fields Too Large"},
		{500, "Internal Server Error"},
		{503, "Service Unavailable"},
		{505, "HTTP Version Not Supported"},
	};
	for (size_t i = 0; i < sizeof(titles) / sizeof(*titles); i++)
		if (titles[i].status == status)
			return titles[i].title;
	return "Error";
}

static void reply_write_problem(struct reply *reply, unsigned status, const char *parameter,
				const char *detail)
{
	struct json_writer *json = &reply->body;
	reply_done(reply);
	reply->status = status;
	reply->type = reply_problem_json;
	json_begin_object(json);
	json_write_key(json, "type");
	json_write_string(json, "about:blank");
	json_write_key(json, "title");
	json_write_string(json, reply_title(status));
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

int reply_problem(struct reply *reply, unsigned status, const char *parameter, const char *fmt, ...)
{
	char detail[REPLY_DETAIL_SIZE];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	reply_write_problem(reply, status, parameter, detail);
	return -EINVAL;
}

int reply_unavailable(struct reply *reply, const char *fmt, ...)
{
	char detail[REPLY_DETAIL_SIZE];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	reply_write_problem(reply, 503, NULL, detail);
	reply->retry_after = REPLY_RETRY_SECONDS;
	return -EINVAL;
}

void reply_finish(struct reply *reply)
{
	if (reply->body.error == -E2BIG)
		reply_problem(reply, 413, NULL,
			      "too many results: the answer would be larger than %d MiB; ask for "
			      "a shorter range, a larger step or fewer fields",
			      HTTP_MAX_BODY >> 20);
	else if (reply->body.error)
		reply_unavailable(reply, "out of memory");
	if (reply->status == 0)
		reply->status = 200;
}

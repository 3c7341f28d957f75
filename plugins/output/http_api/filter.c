#include "filter.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "http_api.h"

struct headers {
	unsigned content_lengths, hosts;
	const char *problem;
};

/* token of RFC 9110, section 5.6.2 */
static bool filter_is_token(const char *text, size_t len)
{
	static const char others[] = "!#$%&'*+-.^_`|~";
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!letter && !(c >= '0' && c <= '9') && !memchr(others, c, sizeof(others) - 1))
			return false;
	}
	return len > 0;
}

static const char *filter_content_length(struct headers *headers, const char *value)
{
	if (headers->content_lengths++)
		return "more than one Content-Length";
	if (*value == '\0' || value[strspn(value, "0123456789")])
		return "an odd Content-Length";
	if (value[strspn(value, "0")])
		return "requests with a body are not taken";
	return NULL;
}

static const char *filter_header(struct headers *headers, const char *name, size_t name_len,
				 const char *value)
{
	if (!filter_is_token(name, name_len))
		return "a header name that is none";
	if (strcasecmp(name, "Transfer-Encoding") == 0)
		return "Transfer-Encoding is not taken";
	if (strcasecmp(name, "Content-Length") == 0)
		return filter_content_length(headers, value);
	if (strcasecmp(name, "Host") == 0 && headers->hosts++)
		return "more than one Host";
	return NULL;
}

static enum MHD_Result filter_each(void *arg, enum MHD_ValueKind kind, const char *name,
				   size_t name_len, const char *value, size_t value_len)
{
	struct headers *headers = arg;
	(void)kind;
	(void)value_len;
	headers->problem = filter_header(headers, name, name_len, value ? value : "");
	return headers->problem ? MHD_NO : MHD_YES;
}

static size_t filter_header_bytes(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	return info ? info->header_size : 0;
}

static int filter_refuse(struct MHD_Connection *connection, const char *method, const char *raw,
			 struct reply *reply)
{
	struct headers headers = {0};
	size_t target_len = strlen(raw);
	if (target_len > HTTP_MAX_TARGET)
		return reply_problem(reply, 414, NULL, "the URI is longer than %d bytes",
				     HTTP_MAX_TARGET);
	if (filter_header_bytes(connection) > target_len + HTTP_MAX_HEADERS)
		return reply_problem(reply, 431, NULL, "the headers are longer than %d bytes",
				     HTTP_MAX_HEADERS);
	if (strcasestr(raw, "%00"))
		return reply_problem(reply, 400, NULL, "a NUL in the URI");
	MHD_get_connection_values_n(connection, MHD_HEADER_KIND, filter_each, &headers);
	if (headers.problem)
		return reply_problem(reply, 400, NULL, "%s", headers.problem);
	if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
		return 0;
	reply_problem(reply, 405, NULL, "only GET and HEAD are answered here");
	reply->allow = "GET, HEAD";
	return -EINVAL;
}

int filter_check(struct MHD_Connection *connection, const char *method, const char *raw,
		 struct reply *reply)
{
	int r = filter_refuse(connection, method, raw, reply);
	reply->close = r < 0;
	return r;
}

/*
 * server.c calls request_check() on the HTTP thread once the headers of a request are there, before
 * anything else looks at them.  libmicrohttpd has parsed them leniently by then, so what it dropped
 * or joined has to be inferred from what is left: pointers into its buffer, and the size that it
 * read. Any oddity is a 400 and closes the connection, since where the next request begins is then
 * a matter of opinion (RFC 9112, section 11.2, request smuggling).
 */
#include "http/request_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http_api.h"

struct headers {
	unsigned content_lengths, hosts, authorizations;
	size_t uploads; /* bytes of a body that may come */
	bool large;     /* more than those */
	size_t bytes;   /* of their lines */
	const char *problem;
};

enum {
	LINE_END = 2,      /* CR and LF */
	UPLOAD_DIGITS = 8, /* of a length that is read at all */
};

/* token of RFC 9110, section 5.6.2 */
static bool is_token(const char *text, size_t len)
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

static const char *check_header(struct headers *headers, const char *name, size_t name_len,
				const char *value)
{
	if (!is_token(name, name_len))
		return "a header name that is none";
	if (strcasecmp(name, "Transfer-Encoding") == 0)
		return "Transfer-Encoding is not taken";
	if (strcasecmp(name, "Content-Length") == 0) {
		if (headers->content_lengths++)
			return "more than one Content-Length";
		if (*value == '\0' || value[strspn(value, "0123456789")])
			return "an odd Content-Length";
		/* Some clients send "Content-Length: 0" with a GET; that is harmless. */
		value += strspn(value, "0");
		if (*value && headers->uploads == 0)
			return "requests with a body are not taken";
		headers->large = strlen(value) > UPLOAD_DIGITS ||
				 strtoul(value, NULL, 10) > headers->uploads;
		return NULL;
	}
	if (strcasecmp(name, "Host") == 0 && headers->hosts++)
		return "more than one Host";
	if (strcasecmp(name, "Authorization") == 0 && headers->authorizations++)
		return "more than one Authorization";
	return NULL;
}

/* A bare CR above all, which other parsers take for the end of a line. */
static bool has_control(const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)value[i] < ' ' && value[i] != '\t') || value[i] == 0x7f)
			return true;
	return false;
}

/*
 * libmicrohttpd 0.9.75 adds a folded line to the header's name, in a copy: a folded Content-Length
 * of 44 would be one called Content-Length44.  Of a header on one line the value stands behind the
 * name, as it came, with nothing but blanks and the overwritten colon between them.
 */
static bool is_one_line(const char *name, size_t name_len, const char *value)
{
	uintptr_t begin = (uintptr_t)name + name_len, end = (uintptr_t)value;
	if (end < begin || end - begin > 2 * HTTP_MAX_HEADERS)
		return false;
	for (const char *at = name + name_len; at < value; at++)
		if (*at != '\0' && *at != ' ' && *at != '\t')
			return false;
	return true;
}

static enum MHD_Result check_each_header(void *arg, enum MHD_ValueKind kind, const char *name,
					 size_t name_len, const char *value, size_t value_len)
{
	struct headers *headers = arg;
	(void)kind;
	if (!value)
		value = name + name_len;
	headers->bytes += (size_t)(value + value_len - name) + LINE_END;
	if (!is_one_line(name, name_len, value))
		headers->problem = "a header that goes on in the next line";
	else if (has_control(value, value_len))
		headers->problem = "a control character in a header";
	else
		headers->problem = check_header(headers, name, name_len, value);
	return headers->problem ? MHD_NO : MHD_YES;
}

static size_t header_size(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	return info ? info->header_size : 0;
}

/*
 * libmicrohttpd ends texts at a NUL, takes several blanks for one and a bare LF for the end of a
 * line, and leaves no trace of it but this: what it read is more, or less, than all that it tells.
 */
static bool sizes_add_up(const struct request_line *line, const struct headers *headers,
			 size_t header_bytes)
{
	size_t first = strlen(line->method) + strlen(line->raw) + strlen(line->version) + 2;
	return first + LINE_END + headers->bytes + LINE_END == header_bytes;
}

/* NULL: its URI and headers can be read in one way only. */
static const char *find_oddity(struct MHD_Connection *connection, const struct request_line *line,
			       struct headers *headers)
{
	for (const char *at = line->raw; *at; at++)
		if ((unsigned char)*at <= ' ' || *at == 0x7f)
			return "a blank or a control character in the URI";
	if (strcasestr(line->raw, "%00"))
		return "a NUL in the URI";
	MHD_get_connection_values_n(connection, MHD_HEADER_KIND, check_each_header, headers);
	if (headers->problem)
		return headers->problem;
	if (!headers->hosts && strcmp(line->version, "HTTP/1.0") != 0)
		return "no Host";
	if (!sizes_add_up(line, headers, header_size(connection)))
		return "a NUL, a line that ends without CR, or blanks where none belong";
	return NULL;
}

static bool takes_method(const struct request_line *line)
{
	const char *method = line->method;
	return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 || line->preflight ||
	       (line->signs && (strcmp(method, "POST") == 0 || strcmp(method, "DELETE") == 0));
}

int request_check(struct MHD_Connection *connection, const struct request_line *line,
		  struct response_builder *builder)
{
	size_t target_len = strlen(line->raw);
	/* Until it has passed: after one that is refused nobody knows where the next one begins. */
	builder->close = true;
	if (target_len > HTTP_MAX_TARGET)
		return response_problem(builder, 414, NULL, "the URI is longer than %d bytes",
					HTTP_MAX_TARGET);
	if (header_size(connection) > target_len + HTTP_MAX_HEADERS)
		return response_problem(builder, 431, NULL, "the headers are longer than %d bytes",
					HTTP_MAX_HEADERS);
	if (!takes_method(line)) {
		response_problem(builder, 405, NULL, "only GET and HEAD are answered here%s",
				 line->signs ? ", and POST and DELETE" : "");
		builder->allow = line->signs ? "GET, HEAD, POST, DELETE" : "GET, HEAD";
		return -EINVAL;
	}
	struct headers headers = {
		.uploads = line->signs && strcmp(line->method, "POST") == 0 ? HTTP_MAX_UPLOAD : 0};
	const char *oddity = find_oddity(connection, line, &headers);
	if (oddity)
		return response_problem(builder, 400, NULL, "%s", oddity);
	if (headers.large)
		return response_problem(builder, 413, NULL, "the body is longer than %d bytes",
					HTTP_MAX_UPLOAD);
	builder->close = false;
	return 0;
}

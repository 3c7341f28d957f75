/*
 * /openapi.json and /docs: what can be asked, for programs and for people.  Both are files that the
 * build embeds (embed.cmake), answered on libmicrohttpd's thread, finished once and kept by the
 * server.
 */
#include "embedded.h"
#include "routes/endpoint.h"
#include "http/security_headers.h"

static int answer_file(struct context *context, const char *type, const unsigned char *bytes,
		       size_t size)
{
	context->builder->type = type;
	json_write_raw(&context->builder->body, (const char *)bytes, size);
	return 0;
}

int openapi_document(struct context *context)
{
	return answer_file(context, content_type_json, openapi_json, openapi_json_size);
}

int openapi_page(struct context *context)
{
	context->builder->policy = security_policy_of((const char *)docs_html, docs_html_size);
	return answer_file(context, content_type_html, docs_html, docs_html_size);
}

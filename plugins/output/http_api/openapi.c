/* /openapi.json and /docs: what can be asked, for programs and for people. */
#include "embedded.h"
#include "endpoint.h"
#include "security_headers.h"

static int answer_file(struct call *call, const char *type, const unsigned char *bytes, size_t size)
{
	call->reply->type = type;
	json_write_raw(&call->reply->body, (const char *)bytes, size);
	return 0;
}

int openapi_document(struct call *call)
{
	return answer_file(call, reply_json, openapi_json, openapi_json_size);
}

int openapi_page(struct call *call)
{
	call->reply->policy = security_policy_of((const char *)docs_html, docs_html_size);
	return answer_file(call, reply_html, docs_html, docs_html_size);
}

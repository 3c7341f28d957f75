/*
 * / and /assets/…: the dashboard.  Its files are made by npm from dashboard/ and embedded by the
 * build (embed.cmake), so each path has a route of its own and none leads to a file system.  On
 * libmicrohttpd's thread; the server keeps the finished responses, with their gzip form and ETag.
 *
 * The page itself holds links to the endpoints, for browsers without scripts.  It may load only
 * what is of its own origin (security_policy_of_dashboard()).
 */
#include "embedded.h"
#include "http/security_headers.h"
#include "routes/endpoint.h"

static int answer_file(struct context *context, const char *type, const unsigned char *bytes,
		       size_t size)
{
	context->builder->type = type;
	json_write_raw(&context->builder->body, (const char *)bytes, size);
	return 0;
}

int index_page(struct context *context)
{
	context->builder->policy = security_policy_of_dashboard();
	return answer_file(context, content_type_html, index_html, index_html_size);
}

int dashboard_script(struct context *context)
{
	return answer_file(context, content_type_script, dashboard_js, dashboard_js_size);
}

int dashboard_style(struct context *context)
{
	return answer_file(context, content_type_style, dashboard_css, dashboard_css_size);
}

int dashboard_icon(struct context *context)
{
	return answer_file(context, content_type_svg, icon_svg, icon_svg_size);
}

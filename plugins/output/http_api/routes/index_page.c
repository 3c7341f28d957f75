/*
 * /: links to the endpoints, for people who open the address in a browser.  On libmicrohttpd's
 * thread; the server keeps the finished response.  Nothing in it is fetched from elsewhere and no
 * script runs, so the page's policy (security_policy_of()) allows its one style by hash and nothing
 * else.
 */
#include <string.h>

#include "routes/endpoint.h"
#include "http/security_headers.h"

static const char page[] =
	"<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>tallyd</title>"
	"<style>body{font:16px/1.5 system-ui,sans-serif;margin:3em auto;max-width:40em;"
	"padding:0 1em}li{margin:.2em 0}code{font-size:.95em}</style>"
	"<h1>tallyd</h1><p>This is the HTTP API. It answers in JSON; <a href=\"/docs\">all of "
	"it</a> "
	"is described in <a href=\"/openapi.json\"><code>/openapi.json</code></a>. Where tokens "
	"are "
	"required, <a href=\"/docs\">sign in</a> first.</p><ul>"
	"<li><a href=\"/api/v1/summary\"><code>/api/v1/summary</code></a>"
	"<li><a href=\"/api/v1/hosts\"><code>/api/v1/hosts</code></a>"
	"<li><a href=\"/api/v1/containers\"><code>/api/v1/containers</code></a>"
	"<li><code>/api/v1/containers/{id, beginning of an id, or name}</code>"
	"<li><code>/api/v1/containers/{id}/stats?from=now-1h&amp;points=300</code>"
	"<li><a href=\"/api/v1/stats/latest\"><code>/api/v1/stats/latest</code></a>"
	"<li><code>/api/v1/stats?ids=web,db&amp;fields=cpu_percent</code>"
	"<li><a href=\"/api/v1/top?by=mem\"><code>/api/v1/top?by=cpu|mem|net|blk</code></a>"
	"<li><a href=\"/api/v1/logs?q=error\"><code>/api/v1/logs?q=error</code></a>"
	"<li><a href=\"/api/v1/events\"><code>/api/v1/events</code></a>"
	"<li><a href=\"/api/v1/images\"><code>/api/v1/images</code></a>"
	"<li><a href=\"/api/v1/images/versions?outdated=yes\">"
	"<code>/api/v1/images/versions?outdated=yes</code></a>"
	"<li><a href=\"/api/v1/tables\"><code>/api/v1/tables</code></a>"
	"<li><a href=\"/api/v1/tables/container_info\"><code>/api/v1/tables/{name}</code></a>"
	"<li><a href=\"/api/v1/pipeline\"><code>/api/v1/pipeline</code></a>"
	"<li><a href=\"/api/v1/plugins\"><code>/api/v1/plugins</code></a>"
	"<li><a href=\"/api/v1/version\"><code>/api/v1/version</code></a>"
	"<li><a href=\"/healthz\"><code>/healthz</code></a>, "
	"<a href=\"/readyz\"><code>/readyz</code></a>, "
	"<a href=\"/metrics\"><code>/metrics</code></a></ul></html>\n";

int index_page(struct context *context)
{
	context->builder->type = content_type_html;
	context->builder->policy = security_policy_of(page, sizeof(page) - 1);
	json_write_raw(&context->builder->body, page, sizeof(page) - 1);
	return 0;
}

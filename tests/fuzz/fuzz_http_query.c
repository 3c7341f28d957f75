/*
 * Targets as they come over the wire, through everything that reads them: the splitter, the
 * router, the parameters, times, cursors, and every endpoint's answer from a small store.  Each
 * answer but text must be JSON, each refusal a problem.
 */
#include <endpoint.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <tables.h>

#include "fake_host.h"
#include "fake_store.h"

static const struct tally_column stats_columns[] = {
	{.name = "time", .type = TALLY_TIME},
	{.name = "host", .type = TALLY_TEXT, .role = TALLY_TAG},
	{.name = "container_id", .type = TALLY_TEXT, .role = TALLY_TAG},
	{.name = "name", .type = TALLY_TEXT, .role = TALLY_TAG},
	{.name = "cpu_percent", .type = TALLY_REAL},
	{.name = "net_rx_bytes", .type = TALLY_INT, .role = TALLY_COUNTER}};
static const struct tally_column info_columns[] = {
	{.name = "time", .type = TALLY_TIME},
	{.name = "host", .type = TALLY_TEXT, .role = TALLY_TAG},
	{.name = "container_id", .type = TALLY_TEXT, .role = TALLY_TAG},
	{.name = "name", .type = TALLY_TEXT},
	{.name = "labels", .type = TALLY_JSON},
	{.name = "gone_at", .type = TALLY_TIME, .role = TALLY_GONE}};
static const struct tally_table stats_table = {
	.name = "container_stats", .columns = stats_columns, .n_columns = 6, .kind = TALLY_SERIES};
static const struct tally_table info_table = {
	.name = "container_info", .columns = info_columns, .n_columns = 6, .kind = TALLY_STATE};

#define NOW (INT64_C(1767268800) * HTTP_SECOND)

static struct fake_host *host;
static struct http_config config = {
	.max_query_range_days = 30, .max_results_per_query = 500, .query_timeout = HTTP_SECOND};
static struct tables *tables;

static void set_up(void)
{
	struct fake_store *store = fake_store_create();
	host = fake_host_create("output.http_api");
	fake_store_table(store, &stats_table);
	fake_store_table(store, &info_table);
	for (int i = 0; i < 6; i++) {
		struct tally_cell *row =
			fake_store_row(store, i % 2 ? "container_info" : "container_stats");
		fake_store_int(store, row, "time", NOW - i * HTTP_SECOND);
		fake_store_text(store, row, "host", "a");
		fake_store_text(store, row, "container_id", i < 4 ? "ab" : "ac");
		fake_store_text(store, row, "name", i < 4 ? "web" : "db");
		if (i % 2)
			fake_store_text(store, row, "labels", "{\"k\":\"v\"}");
	}
	config.store = fake_host_store(host, fake_store_reader(), store);
	tables = tables_create(fake_host_ctx(host), config.store);
}

static void check(struct reply *reply)
{
	reply_finish(reply);
	if (reply->type != reply_csv && reply->type != reply_ndjson &&
	    reply->type != reply_metrics && reply->type != reply_html) {
		json_t *json = json_loadb(reply->body.data, reply->body.len,
					  JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
		if (!json)
			abort();
		if (reply->status >= 400 && !json_object_get(json, "detail"))
			abort();
		json_decref(json);
	}
	if (reply->link && strpbrk(reply->link, "\r\n"))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct target target;
	struct reply reply;
	char raw[2048];
	if (!host)
		set_up();
	if (size >= sizeof(raw))
		return 0;
	memcpy(raw, data, size);
	raw[size] = '\0';
	target_sort(raw);
	if (target_parse(raw, &target) < 0)
		return 0;
	reply_init(&reply);
	struct call call = {.ctx = fake_host_ctx(host),
			    .config = &config,
			    .tables = tables,
			    .target = &target,
			    .raw = raw,
			    .now = NOW,
			    .deadline = INT64_MAX,
			    .reply = &reply};
	const struct endpoint *endpoint = endpoint_find(&target, &call.segment);
	if (endpoint) {
		endpoint_answer(endpoint, &call);
		check(&reply);
	}
	reply_done(&reply);
	target_done(&target);
	return 0;
}

/*
 * Targets as they come over the wire, through everything that reads them: the splitter, the
 * router, the parameters, times, cursors, and every endpoint's answer from a small store.  Each
 * answer but text must be JSON, each refusal a problem.
 */
#include <routes/endpoint.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <query/catalog_cache.h>

#include "base/clock.h"
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

#define NOW (INT64_C(1767268800) * CLOCK_SECOND)

static struct fake_host *host;
static struct http_config config = {
	.max_query_range_days = 30, .max_results_per_query = 500, .query_timeout = CLOCK_SECOND};
static struct catalog_cache *tables;

static void set_up(void)
{
	struct fake_store *store = fake_store_create();
	host = fake_host_create("output.http_api");
	fake_store_table(store, &stats_table);
	fake_store_table(store, &info_table);
	for (int i = 0; i < 6; i++) {
		struct tally_cell *row =
			fake_store_row(store, i % 2 ? "container_info" : "container_stats");
		fake_store_int(store, row, "time", NOW - i * CLOCK_SECOND);
		fake_store_text(store, row, "host", "a");
		fake_store_text(store, row, "container_id", i < 4 ? "ab" : "ac");
		fake_store_text(store, row, "name", i < 4 ? "web" : "db");
		if (i % 2)
			fake_store_text(store, row, "labels", "{\"k\":\"v\"}");
	}
	config.store = fake_host_store(host, fake_store_reader(), store);
	tables = catalog_cache_create(fake_host_ctx(host), config.store);
}

static void check(struct response_builder *builder)
{
	response_builder_finish(builder);
	if (builder->type != content_type_csv && builder->type != content_type_ndjson &&
	    builder->type != content_type_metrics && builder->type != content_type_html) {
		json_t *json = json_loadb(builder->body.data, builder->body.len,
					  JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
		if (!json)
			abort();
		if (builder->status >= 400 && !json_object_get(json, "detail"))
			abort();
		json_decref(json);
	}
	if (builder->link && strpbrk(builder->link, "\r\n"))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct target target;
	struct arguments args;
	struct response_builder builder;
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
	response_builder_init(&builder);
	struct context context = {.ctx = fake_host_ctx(host),
				  .config = &config,
				  .tables = tables,
				  .target = &target,
				  .args = &args,
				  .raw = raw,
				  .now = NOW,
				  .deadline = INT64_MAX,
				  .builder = &builder};
	context.route = endpoint_find(&target, METHOD_GET, &context.segment);
	if (context.route) {
		if (arguments_read(&context, &context.route->params, &args) == 0)
			endpoint_answer(context.route, &context);
		check(&builder);
		arguments_done(&args);
	}
	response_builder_done(&builder);
	target_done(&target);
	return 0;
}

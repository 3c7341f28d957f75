#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http_fixture.h"
#include "test.h"

const struct tally_plugin *tally_plugin(void);

#define ID_WEB "1111111111111111111111111111111111111111111111111111111111111111"
#define ID_DB "1112222222222222222222222222222222222222222222222222222222222222"
#define ID_OLD "3333333333333333333333333333333333333333333333333333333333333333"
#define ID_TWIN "4444444444444444444444444444444444444444444444444444444444444444"

static void fill(struct http_fixture *fixture)
{
	http_add_container(fixture, "alpha", ID_WEB, "web", "running");
	http_add_container(fixture, "alpha", ID_DB, "db", "exited");
	http_add_container(fixture, "alpha", ID_OLD, "web", "gone");
	http_add_container(fixture, "beta", ID_TWIN, "db", "running");
	for (int age = 60; age >= 0; age -= 10)
		http_add_stats(fixture, "alpha", ID_WEB, "web", age, 10 + age, 6000 - 100 * age);
	http_add_stats(fixture, "beta", ID_TWIN, "db", 5, 99.5, 7);
}

static int set_up(void **state)
{
	struct http_fixture *fixture = calloc(1, sizeof(*fixture));
	http_prepare(fixture);
	fill(fixture);
	http_start(fixture);
	*state = fixture;
	return 0;
}

static int set_up_empty(void **state)
{
	struct http_fixture *fixture = calloc(1, sizeof(*fixture));
	http_prepare(fixture);
	http_start(fixture);
	*state = fixture;
	return 0;
}

/* A value by a path like "data.0.stats.time"; NULL: none. */
static json_t *at(json_t *json, const char *path)
{
	char copy[256], *rest = copy;
	snprintf(copy, sizeof(copy), "%s", path);
	while (json && rest) {
		const char *step = strsep(&rest, ".");
		json = json_is_array(json) ? json_array_get(json, strtoul(step, NULL, 10))
					   : json_object_get(json, step);
	}
	return json;
}

static const char *text_at(const struct http_answer *answer, const char *path)
{
	const char *text = json_string_value(at(answer->json, path));
	return text ? text : "(none)";
}

static size_t count(void **state, const char *target)
{
	struct http_answer answer = http_ok(state, target);
	size_t n = json_array_size(at(answer.json, "data"));
	http_free(&answer);
	return n;
}

/* ---- Containers ---------------------------------------------------------- */

static void containers_are_listed_with_their_newest_readings(void **state)
{
	struct http_answer answer = http_ok(state, "/api/v1/containers");
	assert_int_equal(json_array_size(at(answer.json, "data")), 3);
	assert_string_equal(text_at(&answer, "data.0.container_id"), ID_WEB);
	assert_string_equal(text_at(&answer, "data.0.host"), "alpha");
	assert_string_equal(text_at(&answer, "data.0.labels.env"), "prod");
	assert_string_equal(text_at(&answer, "data.0.stats.time"), "2026-01-01T12:00:00Z");
	assert_true(json_is_false(at(answer.json, "data.0.oom_killed")));
	assert_true(json_is_null(at(answer.json, "data.0.health")));
	assert_true(json_real_value(at(answer.json, "data.0.stats.cpu_percent")) == 10 ||
		    json_integer_value(at(answer.json, "data.0.stats.cpu_percent")) == 10);
	assert_true(json_is_null(at(answer.json, "data.1.stats")));
	assert_true(json_is_null(at(answer.json, "next_cursor")));
	assert_null(http_header(&answer, "Link"));
	assert_string_equal(http_header(&answer, "X-Cache"), "off");
	assert_string_equal(http_header(&answer, "X-Content-Type-Options"), "nosniff");
	assert_string_equal(http_header(&answer, "Content-Type"),
			    "application/json; charset=utf-8");
	http_free(&answer);
}

static void what_does_not_run_has_no_readings(void **state)
{
	static const struct {
		const char *name, *state;
		bool runs;
	} containers[] = {{"a", "running", true},     {"b", "paused", true},
			  {"c", "restarting", false}, {"d", "created", false},
			  {"e", "exited", false},     {"f", "dead", false},
			  {"g", "removing", false}};
	struct http_fixture *fixture = *state;
	for (size_t i = 0; i < sizeof(containers) / sizeof(*containers); i++) {
		http_add_container(fixture, "alpha", containers[i].name, containers[i].name,
				   containers[i].state);
		http_add_stats(fixture, "alpha", containers[i].name, containers[i].name, 5, 1, 1);
	}
	struct http_answer answer = http_ok(state, "/api/v1/containers");
	json_t *data = at(answer.json, "data");
	assert_int_equal(json_array_size(data), sizeof(containers) / sizeof(*containers));
	for (size_t i = 0; i < json_array_size(data); i++) {
		bool null = json_is_null(json_object_get(json_array_get(data, i), "stats"));
		assert_int_equal(!null, containers[i].runs);
	}
	http_free(&answer);
	answer = http_ok(state, "/api/v1/containers/c");
	assert_true(json_is_null(at(answer.json, "stats")));
	http_free(&answer);
}

static void filters_narrow_the_list(void **state)
{
	assert_int_equal(count(state, "/api/v1/containers?host=alpha"), 2);
	assert_int_equal(count(state, "/api/v1/containers?state=running"), 2);
	assert_int_equal(count(state, "/api/v1/containers?state=running&state=exited"), 3);
	assert_int_equal(count(state, "/api/v1/containers?name=db&host=beta"), 1);
	assert_int_equal(count(state, "/api/v1/containers?name=*b"), 3);
	assert_int_equal(count(state, "/api/v1/containers?image=nginx:*"), 3);
	assert_int_equal(count(state, "/api/v1/containers?image=nginx"), 0);
	assert_int_equal(count(state, "/api/v1/containers?label=app%3Dweb"), 1);
	assert_int_equal(count(state, "/api/v1/containers?label=app=web&label=env"), 1);
	assert_int_equal(count(state, "/api/v1/containers?label=app=web&label=app=db"), 0);
	assert_int_equal(count(state, "/api/v1/containers?label=nope"), 0);
	assert_int_equal(count(state, "/api/v1/containers?project=x"), 0);
	assert_int_equal(count(state, "/api/v1/containers?health=healthy"), 0);
	assert_int_equal(count(state, "/api/v1/containers?gone=yes"), 4);
}

/* Follows next_cursor and the Link header to the end; ids in the order they came. */
static size_t walk(void **state, const char *first, const char *key, char (*ret)[80], size_t max)
{
	char target[2048];
	size_t n = 0;
	snprintf(target, sizeof(target), "%s", first);
	for (;;) {
		struct http_answer answer = http_ok(state, target);
		json_t *data = at(answer.json, "data");
		for (size_t i = 0; i < json_array_size(data) && n < max; i++) {
			json_t *value = json_object_get(json_array_get(data, i), key);
			snprintf(ret[n++], sizeof(*ret), "%s", json_string_value(value));
		}
		const char *cursor = json_string_value(at(answer.json, "next_cursor"));
		const char *link = http_header(&answer, "Link");
		assert_int_equal(cursor != NULL, link != NULL);
		if (cursor) {
			assert_non_null(strstr(link, cursor));
			assert_non_null(strstr(link, ">; rel=\"next\""));
			snprintf(target, sizeof(target), "%.*s", (int)strcspn(link + 1, ">"),
				 link + 1);
		}
		bool more = cursor != NULL;
		http_free(&answer);
		if (!more)
			return n;
	}
}

static void pages_show_each_container_once(void **state)
{
	char ids[8][80];
	assert_int_equal(walk(state, "/api/v1/containers?limit=1", "container_id", ids, 8), 3);
	assert_string_equal(ids[0], ID_WEB);
	assert_string_equal(ids[1], ID_DB);
	assert_string_equal(ids[2], ID_TWIN);
	assert_int_equal(walk(state, "/api/v1/containers?limit=2", "container_id", ids, 8), 3);
	assert_int_equal(walk(state, "/api/v1/containers?limit=3", "container_id", ids, 8), 3);
	http_expect_problem(*state, "/api/v1/containers?limit=0", 400, "limit", "1 to 10000");
	http_expect_problem(*state, "/api/v1/containers?limit=10001", 400, "limit", "1 to 10000");
	http_expect_problem(*state, "/api/v1/containers?cursor=AAAA", 400, "cursor", "next_cursor");
}

static void every_container_of_a_long_page_has_its_own_readings(void **state)
{
	struct http_fixture *fixture = *state;
	for (int i = 0; i < 250; i++) {
		char id[16];
		snprintf(id, sizeof(id), "%04d", i);
		http_add_container(fixture, "alpha", id, id, i % 5 ? "running" : "exited");
		/* some are read rarely */
		http_add_stats(fixture, "alpha", id, id, i % 2 ? 3600 : 1, i, 0);
	}
	struct http_answer answer = http_ok(state, "/api/v1/containers?limit=250");
	for (int i = 0; i < 250; i++) {
		json_t *stats =
			json_object_get(json_array_get(at(answer.json, "data"), i), "stats");
		if (i % 5 == 0)
			assert_true(json_is_null(stats));
		else
			assert_int_equal(json_number_value(json_object_get(stats, "cpu_percent")),
					 i);
	}
	http_free(&answer);
}

static void a_container_is_found_by_id_prefix_and_name(void **state)
{
	static const char *const words[] = {ID_WEB, "1111", "web"};
	for (size_t i = 0; i < 3; i++) {
		char target[200];
		snprintf(target, sizeof(target), "/api/v1/containers/%s", words[i]);
		struct http_answer answer = http_ok(state, target);
		assert_string_equal(text_at(&answer, "container_id"), ID_WEB);
		assert_string_equal(text_at(&answer, "stats.time"), "2026-01-01T12:00:00Z");
		http_free(&answer);
	}
	struct http_answer gone = http_ok(state, "/api/v1/containers/333");
	assert_string_equal(text_at(&gone, "gone_at"), "2026-01-01T11:59:00Z");
	http_free(&gone);
	struct http_answer twin = http_ok(state, "/api/v1/containers/db?host=beta");
	assert_string_equal(text_at(&twin, "container_id"), ID_TWIN);
	http_free(&twin);
}

static void what_is_ambiguous_or_unknown_is_said(void **state)
{
	http_expect_problem(*state, "/api/v1/containers/111", 409, NULL, "111222222222 (db on");
	http_expect_problem(*state, "/api/v1/containers/db", 409, NULL, "host=");
	http_expect_problem(*state, "/api/v1/containers/nope", 404, NULL, "nope");
	http_expect_problem(*state, "/api/v1/containers/999/stats", 404, NULL, "999");
	http_expect_problem(*state, "/api/v1/stats?ids=web,nope", 404, "ids", "nope");
	http_expect_problem(*state, "/api/v1/containers/web/stats?host=nope", 404, NULL,
			    "no container \"web\" on host \"nope\"");
	http_expect_problem(*state, "/api/v1/stats?ids=db", 409, "ids", "host=");
	struct http_answer answer = http_ok(state, "/api/v1/stats?ids=db&host=beta");
	assert_string_equal(text_at(&answer, "series.0.container_id"), ID_TWIN);
	http_free(&answer);
}

static void names_that_are_not_utf_8_do_no_harm(void **state)
{
	struct http_fixture *fixture = *state;
	struct tally_cell *row = fake_store_row(fixture->store, "container_info");
	fake_store_int(fixture->store, row, "time", HTTP_NOW);
	fake_store_text(fixture->store, row, "host", "h");
	fake_store_text(fixture->store, row, "container_id", "id");
	fake_store_bytes(fixture->store, row, "name", "a\xff\"\n<", 5);
	fake_store_bytes(fixture->store, row, "labels", "{\"k\":\"\xff\"}", 9);
	struct http_answer answer = http_ok(state, "/api/v1/containers");
	assert_string_equal(text_at(&answer, "data.0.name"), "a\xef\xbf\xbd\"\n<");
	assert_string_equal(text_at(&answer, "data.0.labels"), "{\"k\":\"\xef\xbf\xbd\"}");
	http_free(&answer);
}

static void an_empty_store_gives_empty_lists(void **state)
{
	assert_int_equal(count(state, "/api/v1/containers"), 0);
	assert_int_equal(count(state, "/api/v1/stats/latest"), 0);
	assert_int_equal(count(state, "/api/v1/top"), 0);
	assert_int_equal(count(state, "/api/v1/hosts"), 0);
	assert_int_equal(count(state, "/api/v1/tables/notes"), 0);
	struct http_answer answer = http_ok(state, "/readyz");
	assert_true(json_is_null(at(answer.json, "age_seconds")));
	http_free(&answer);
	http_expect_problem(*state, "/api/v1/containers/web", 404, NULL, "web");
}

/* What is wrong is wrong before there is a table, too. */
static const struct {
	const char *target;
	int status;
	const char *parameter;
} wrong[] = {
	{"/api/v1/logs?limit=-1", 400, "limit"},
	{"/api/v1/logs?from=garbage", 400, "from"},
	{"/api/v1/logs?from=now-31d", 400, "from"},
	{"/api/v1/logs?level=loud", 400, "level"},
	{"/api/v1/logs?stream=both", 400, "stream"},
	{"/api/v1/logs?cursor=AAAA", 400, "cursor"},
	{"/api/v1/logs?format=csv&level=loud", 400, "level"},
	{"/api/v1/logs?container=x", 404, "container"},
	{"/api/v1/events?order=up", 400, "order"},
	{"/api/v1/images?limit=0", 400, "limit"},
	{"/api/v1/images?dangling=x", 400, "dangling"},
	{"/api/v1/images?gone=x", 400, "gone"},
	{"/api/v1/containers?limit=0", 400, "limit"},
	{"/api/v1/containers?gone=x", 400, "gone"},
	{"/api/v1/containers?cursor=AAAA", 400, "cursor"},
};

static void a_store_without_any_tables_gives_empty_lists(void **state)
{
	(void)state;
	struct http_fixture fixture;
	void *self = &fixture;
	http_prepare(&fixture);
	struct fake_store *bare = fake_store_create();
	fake_host_store_free(fixture.config.store);
	fixture.config.store = fake_host_store(fixture.host, fake_store_reader(), bare);
	http_start(&fixture);
	assert_int_equal(count(&self, "/api/v1/containers"), 0);
	assert_int_equal(count(&self, "/api/v1/stats/latest"), 0);
	assert_int_equal(count(&self, "/api/v1/top?by=net"), 0);
	assert_int_equal(count(&self, "/api/v1/tables"), 0);
	assert_int_equal(count(&self, "/api/v1/logs?q=x"), 0);
	assert_int_equal(count(&self, "/api/v1/events?format=json"), 0);
	http_expect_problem(&fixture, "/api/v1/containers/web/stats", 404, NULL, "web");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		http_expect_problem(&fixture, wrong[i].target, wrong[i].status, wrong[i].parameter,
				    "");
	struct http_answer csv = http_get(&fixture, "/api/v1/logs?format=csv");
	assert_int_equal(csv.status, 200);
	assert_string_equal(http_header(&csv, "Content-Type"), "text/csv; charset=utf-8");
	assert_int_equal(csv.len, 0); /* nobody knows the columns */
	http_free(&csv);
	http_finish(&fixture);
	fake_store_destroy(bare);
}

/* ---- Readings and sums --------------------------------------------------- */

static void the_latest_readings_are_one_row_a_container(void **state)
{
	struct http_answer answer = http_ok(state, "/api/v1/stats/latest?fields=mem_used_bytes");
	assert_int_equal(json_array_size(at(answer.json, "data")), 2);
	assert_string_equal(text_at(&answer, "data.0.name"), "web");
	assert_int_equal(json_integer_value(at(answer.json, "data.0.mem_used_bytes")), 1000);
	assert_null(at(answer.json, "data.0.cpu_percent"));
	assert_string_equal(text_at(&answer, "data.1.host"), "beta");
	http_free(&answer);
	assert_int_equal(count(state, "/api/v1/stats/latest?host=beta"), 1);
}

static void a_renamed_container_has_one_latest_row(void **state)
{
	struct http_fixture *fixture = *state;
	http_add_stats(fixture, "beta", ID_TWIN, "db-renamed", 1, 1, 8);
	struct http_answer answer = http_ok(state, "/api/v1/stats/latest?host=beta");
	assert_int_equal(json_array_size(at(answer.json, "data")), 1);
	assert_string_equal(text_at(&answer, "data.0.name"), "db-renamed");
	http_free(&answer);
}

static void old_readings_are_the_latest_when_collecting_has_stopped(void **state)
{
	struct http_fixture *fixture = *state;
	http_add_stats(fixture, "alpha", ID_WEB, "web", 7200, 3, 8);
	struct http_answer answer = http_ok(state, "/api/v1/stats/latest");
	assert_string_equal(text_at(&answer, "data.0.time"), "2026-01-01T10:00:00Z");
	http_free(&answer);
	answer = http_ok(state, "/readyz");
	assert_int_equal(json_integer_value(at(answer.json, "age_seconds")), 7200);
	http_free(&answer);
}

static void the_top_is_sorted(void **state)
{
	struct http_answer answer = http_ok(state, "/api/v1/top?by=cpu&limit=1");
	assert_int_equal(json_array_size(at(answer.json, "data")), 1);
	assert_string_equal(text_at(&answer, "data.0.host"), "beta");
	assert_true(json_real_value(at(answer.json, "data.0.value")) == 99.5);
	http_free(&answer);
	answer = http_ok(state, "/api/v1/top?by=net");
	assert_string_equal(text_at(&answer, "meta.unit"), "bytes/s");
	assert_int_equal(json_array_size(at(answer.json, "data")), 1); /* one has one sample */
	assert_int_equal(json_integer_value(at(answer.json, "data.0.value")), 100);
	http_free(&answer);
	http_expect_problem(*state, "/api/v1/top?by=disk", 400, "by", "cpu, mem, net, blk");
	http_expect_problem(*state, "/api/v1/top?window=2y", 400, "window", "duration");
}

static void assert_text(void **state, const char *target, const char *type, const char *wanted)
{
	struct http_answer answer = http_ok(state, target);
	assert_string_equal(http_header(&answer, "Content-Type"), type);
	assert_string_equal(answer.body, wanted);
	http_free(&answer);
}

static void readings_come_as_ndjson_and_csv(void **state)
{
	static const char csv[] = "text/csv; charset=utf-8";
	static const char ndjson[] = "application/x-ndjson; charset=utf-8";
	assert_text(state, "/api/v1/stats/latest?fields=mem_used_bytes&format=csv", csv,
		    "host,container_id,name,time,mem_used_bytes\r\n"
		    "alpha," ID_WEB ",web,2026-01-01T12:00:00Z,1000\r\n"
		    "beta," ID_TWIN ",db,2026-01-01T11:59:55Z,1005\r\n");
	assert_text(state, "/api/v1/stats/latest?fields=cpu_percent&format=ndjson&host=beta",
		    ndjson,
		    "{\"host\":\"beta\",\"container_id\":\"" ID_TWIN
		    "\",\"name\":\"db\",\"time\":\"2026-01-01T11:59:55Z\",\"cpu_percent\":99.5}\n");
	assert_text(state, "/api/v1/top?format=csv&limit=1", csv,
		    "time,host,container_id,name,value\r\n"
		    "2026-01-01T11:59:55Z,beta," ID_TWIN ",db,99.5\r\n");
	assert_text(
		state, "/api/v1/top?format=ndjson&limit=1", ndjson,
		"{\"time\":\"2026-01-01T11:59:55Z\",\"host\":\"beta\",\"container_id\":\"" ID_TWIN
		"\",\"name\":\"db\",\"value\":99.5}\n");
	http_expect_problem(*state, "/api/v1/top?format=xml", 400, "format", "json, ndjson, csv");
	http_expect_problem(*state, "/api/v1/stats/latest?format=rows", 400, "format", "csv");
}

static void hosts_and_summary_add_up(void **state)
{
	struct http_answer answer = http_ok(state, "/api/v1/hosts");
	assert_int_equal(json_array_size(at(answer.json, "data")), 2);
	assert_int_equal(json_integer_value(at(answer.json, "data.0.containers")), 2);
	assert_int_equal(json_integer_value(at(answer.json, "data.0.running")), 1);
	http_free(&answer);
	answer = http_ok(state, "/api/v1/summary");
	assert_int_equal(json_integer_value(at(answer.json, "containers")), 3);
	assert_int_equal(json_integer_value(at(answer.json, "states.running")), 2);
	assert_true(json_real_value(at(answer.json, "cpu_percent")) == 109.5);
	assert_string_equal(text_at(&answer, "newest_stats"), "2026-01-01T12:00:00Z");
	http_free(&answer);
}

static void what_no_host_measured_has_no_sum(void **state)
{
	http_add_container(*state, "gamma", ID_OLD, "new", "running");
	struct http_answer answer = http_ok(state, "/api/v1/hosts");
	assert_string_equal(text_at(&answer, "data.2.host"), "gamma");
	assert_int_equal(json_integer_value(at(answer.json, "data.2.running")), 1);
	assert_true(json_is_null(at(answer.json, "data.2.cpu_percent")));
	assert_true(json_is_null(at(answer.json, "data.2.mem_used_bytes")));
	assert_true(json_is_null(at(answer.json, "data.2.newest_stats")));
	assert_true(json_number_value(at(answer.json, "data.1.cpu_percent")) == 99.5);
	http_free(&answer);
	answer = http_ok(state, "/api/v1/summary");
	assert_true(json_number_value(at(answer.json, "cpu_percent")) == 109.5);
	assert_true(json_number_value(at(answer.json, "mem_used_bytes")) == 2005);
	http_free(&answer);
}

static void a_store_without_readings_has_no_sums(void **state)
{
	http_add_container(*state, "alpha", ID_WEB, "web", "running");
	struct http_answer answer = http_ok(state, "/api/v1/summary");
	assert_int_equal(json_integer_value(at(answer.json, "containers")), 1);
	assert_true(json_is_null(at(answer.json, "cpu_percent")));
	assert_true(json_is_null(at(answer.json, "mem_used_bytes")));
	assert_true(json_is_null(at(answer.json, "newest_stats")));
	http_free(&answer);
}

/* ---- Tables -------------------------------------------------------------- */

static void any_declared_table_can_be_read(void **state)
{
	struct http_answer answer = http_ok(state, "/api/v1/tables");
	assert_int_equal(json_array_size(at(answer.json, "data")), 3);
	assert_string_equal(text_at(&answer, "data.2.name"), "notes");
	assert_string_equal(text_at(&answer, "data.2.kind"), "log");
	assert_string_equal(text_at(&answer, "data.2.columns.1.role"), "tag");
	http_free(&answer);
	http_expect_problem(*state, "/api/v1/tables/nope", 404, NULL, "nope");
	http_expect_problem(*state, "/api/v1/tables/notes?autor=x", 400, "autor", "author");
	http_expect_problem(*state, "/api/v1/tables/notes?number=1", 400, "number", "no such");
	http_expect_problem(*state, "/api/v1/tables/notes?order=up", 400, "order", "asc");
}

static void rows_of_a_table_come_as_ndjson_and_csv(void **state)
{
	http_add_note(*state, 9, "ann", 1, "a, \"b\"");
	http_add_note(*state, 8, "bob", 2, "c");
	struct http_answer answer = http_ok(state, "/api/v1/tables/notes?format=csv&limit=1");
	assert_string_equal(http_header(&answer, "Content-Type"), "text/csv; charset=utf-8");
	assert_string_equal(answer.body, "time,author,number,text\r\n"
					 "2026-01-01T11:59:51Z,ann,1,\"a, \"\"b\"\"\"\r\n");
	char next[1024];
	snprintf(next, sizeof(next), "%s", http_header(&answer, "Link"));
	next[strcspn(next, ">")] = '\0';
	http_free(&answer);
	assert_text(state, next + 1, "text/csv; charset=utf-8",
		    "time,author,number,text\r\n2026-01-01T11:59:52Z,bob,2,c\r\n");
	assert_text(state, "/api/v1/tables/notes?format=ndjson&author=bob",
		    "application/x-ndjson; charset=utf-8",
		    "{\"time\":\"2026-01-01T11:59:52Z\",\"author\":\"bob\",\"number\":2,"
		    "\"text\":\"c\"}\n");
	http_expect_problem(*state, "/api/v1/tables/notes?format=xml", 400, "format", "csv");
}

static void rows_of_a_table_come_in_pages(void **state)
{
	struct http_fixture *fixture = *state;
	char texts[16][80];
	for (int i = 0; i < 5; i++) {
		char text[16];
		snprintf(text, sizeof(text), "n%d", i);
		/* Two notes of one time and author: only their order tells them apart. */
		http_add_note(fixture, 100 - i / 2, "ann", i, text);
	}
	http_add_note(fixture, 100, "bob", 9, "bob's");
	assert_int_equal(walk(state, "/api/v1/tables/notes?limit=1&author=ann", "text", texts, 16),
			 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(texts[i][1], '0' + i);
	assert_int_equal(walk(state, "/api/v1/tables/notes?limit=2&order=desc&author=ann", "text",
			      texts, 16),
			 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(texts[i][1], '4' - i);
	assert_int_equal(walk(state, "/api/v1/tables/notes?limit=4", "text", texts, 16), 6);
	assert_int_equal(count(state, "/api/v1/tables/notes?from=now-50s"), 0);
	assert_int_equal(count(state, "/api/v1/tables/notes?from=now-99s&to=now-98s"), 2);
	assert_int_equal(count(state, "/api/v1/tables/container_info?host=alpha"), 3);
}

/* ---- The daemon ---------------------------------------------------------- */

static void the_daemon_tells_about_itself(void **state)
{
	struct http_answer answer = http_ok(state, "/api/v1/version");
	assert_string_equal(text_at(&answer, "version"), "0.0.0-test");
	http_free(&answer);
	assert_int_equal(count(state, "/api/v1/plugins"), 0);
	answer = http_ok(state, "/api/v1/pipeline");
	assert_string_equal(text_at(&answer, "outputs.0.output"), "output.sqlite");
	assert_string_equal(text_at(&answer, "outputs.0.table"), "container_stats");
	assert_int_equal(json_integer_value(at(answer.json, "outputs.0.stored")), 42);
	http_free(&answer);
	answer = http_ok(state, "/healthz");
	assert_string_equal(http_header(&answer, "Cache-Control"), "no-store");
	http_free(&answer);
	answer = http_ok(state, "/readyz");
	assert_string_equal(text_at(&answer, "newest_stats"), "2026-01-01T12:00:00Z");
	http_free(&answer);
}

static void metrics_are_in_the_text_format(void **state)
{
	struct http_answer answer = http_get(*state, "/metrics");
	assert_int_equal(answer.status, 200);
	assert_string_equal(http_header(&answer, "Content-Type"),
			    "text/plain; version=0.0.4; charset=utf-8");
	assert_string_equal(answer.body, "# HELP tallyd_rows_stored_total Rows durably written.\n"
					 "# TYPE tallyd_rows_stored_total counter\n"
					 "tallyd_rows_stored_total{output=\"output.sqlite\","
					 "table=\"container_stats\"} 42\n");
	http_free(&answer);
}

static void requests_are_counted_by_class_and_status(void **state)
{
	struct http_fixture *fixture = *state;
	struct http_answer answer = http_ok(state, "/api/v1/containers");
	http_free(&answer);
	http_expect_problem(fixture, "/api/v1/containers?limit=x", 400, "limit", "");
	assert_int_equal(fake_host_metric(fixture->host, HTTP_REQUESTS), 1);
	assert_int_equal(fake_host_metric(fixture->host, HTTP_REQUESTS + 1), 1);
	assert_true(fake_host_metric(fixture->host, HTTP_REQUEST_TIME) > 0);
	assert_int_equal(fake_host_metric(fixture->host, HTTP_IN_FLIGHT), 0);
}

static void what_is_not_there_is_not_found(void **state)
{
	static const char *const targets[] = {"/nope",
					      "/api/v1",
					      "/api/v1/",
					      "/api/v1/containers/",
					      "/api/v1/containers/web/nope",
					      "/api/v1/stream/nope",
					      "//",
					      "/healthz/"};
	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++)
		http_expect_problem(*state, targets[i], 404, NULL, "nothing here");
	struct http_answer answer = http_get(*state, "/");
	assert_int_equal(answer.status, 200);
	assert_string_equal(http_header(&answer, "Content-Type"), "text/html; charset=utf-8");
	http_free(&answer);
}

static void mistyped_parameters_are_named(void **state)
{
	http_expect_problem(*state, "/api/v1/containers?limt=1", 400, "limt", "did you mean limit");
	http_expect_problem(*state, "/api/v1/containers?limit=1&limit=2", 400, "limit",
			    "more than once");
	http_expect_problem(*state, "/api/v1/containers?gone=maybe", 400, "gone",
			    "none of no, yes");
	http_expect_problem(*state, "/api/v1/containers?name=%zz", 400, NULL, "escape");
	http_expect_problem(*state, "/api/v1/version?x", 400, "x", "no such parameter");
}

/* ---- A store that does not answer ---------------------------------------- */

static void a_failing_store_is_unavailable_not_a_crash(void **state)
{
	struct http_fixture *fixture = *state;
	struct http_answer answer = http_ok(state, "/api/v1/containers");
	http_free(&answer);
	static const struct {
		int error;
		const char *says;
	} cases[] = {{-ENOTCONN, "cannot be reached"}, {-ETIMEDOUT, "in time"}, {-EIO, "failed"}};
	for (size_t i = 0; i < 3; i++) {
		fake_store_fail(fixture->store, cases[i].error);
		http_expect_problem(fixture, "/api/v1/containers", 503, NULL, cases[i].says);
		http_expect_problem(fixture, "/readyz", 503, NULL, cases[i].says);
		answer = http_get(fixture, "/healthz");
		assert_int_equal(answer.status, 200);
		http_free(&answer);
	}
	answer = http_get(fixture, "/api/v1/containers");
	assert_non_null(http_header(&answer, "Retry-After"));
	http_free(&answer);
	assert_true(fake_host_metric(fixture->host, HTTP_STORE_ERRORS) >= 6);
}

static void listening_in_the_open_needs_to_be_wanted(void **state)
{
	(void)state;
	struct http_fixture fixture;
	const struct tally_plugin *plugin = tally_plugin();
	void *self;
	http_prepare(&fixture);
	fixture.config.listen = "0.0.0.0:0";
	assert_int_equal(plugin->create(fake_host_ctx(fixture.host), &fixture.config, &self),
			 -EINVAL);
	assert_non_null(strstr(fake_host_reason(fixture.host), "insecure = yes"));
	fixture.config.insecure = true;
	http_start(&fixture);
	http_finish(&fixture);
}

static void a_taken_port_is_explained_and_free_after_stop(void **state)
{
	struct http_fixture *first = *state;
	struct http_fixture second;
	const struct tally_plugin *plugin = tally_plugin();
	char listen[32];
	void *self;
	http_prepare(&second);
	snprintf(listen, sizeof(listen), "127.0.0.1:%d", first->port);
	second.config.listen = listen;
	assert_int_equal(plugin->create(fake_host_ctx(second.host), &second.config, &self), 0);
	assert_int_equal(plugin->start(self), -EADDRINUSE);
	assert_non_null(strstr(fake_host_reason(second.host),
			       "address already in use (is another tallyd running?)"));
	plugin->stop(first->plugin);
	assert_int_equal(plugin->start(self), 0);
	plugin->stop(self);
	plugin->destroy(self);
	assert_int_equal(plugin->start(first->plugin), 0); /* and may start again */
	http_finish(&second);
}

#define WITH_DATA(test) cmocka_unit_test_setup_teardown(test, set_up, http_tear_down)
#define EMPTY(test) cmocka_unit_test_setup_teardown(test, set_up_empty, http_tear_down)

/* The cell of the one note, as CSV has it behind its other columns. */
static void expect_note(void **state, const char *text, const char *raw, const char *safe)
{
	struct http_fixture *fixture = *state;
	const char *const cells[] = {raw, safe};
	struct http_answer answer;
	char line[200];
	http_add_note(fixture, 1, "ann", -5, text);
	for (int i = 0; i < 2; i++) {
		answer = http_ok(state, i ? "/api/v1/tables/notes?format=csv&csv_safe=yes"
					  : "/api/v1/tables/notes?format=csv&csv_safe=no");
		snprintf(line, sizeof(line), ",ann,-5,%s\r\n", cells[i]);
		if (!strstr(answer.body, line))
			fail_msg("\"%s\" is not in \"%s\"", line, answer.body);
		http_free(&answer);
	}
	answer = http_ok(state, "/api/v1/tables/notes?format=csv");
	snprintf(line, sizeof(line), ",ann,-5,%s\r\n", raw);
	assert_non_null(strstr(answer.body, line)); /* as it was stored, unless it is asked for */
	http_free(&answer);
}

static void text_of_csv_is_no_formula_if_that_is_asked_for(void **state)
{
	static const struct {
		const char *text, *raw, *safe;
	} cells[] = {
		{"=1+1", "=1+1", "'=1+1"},
		{"+1", "+1", "'+1"},
		{"-2+3", "-2+3", "'-2+3"},
		{"@SUM(A1)", "@SUM(A1)", "'@SUM(A1)"},
		{"\t=1", "\t=1", "\"'\t=1\""},
		{"\r=1", "\"\r=1\"", "\"'\r=1\""},
		{"=a,\"b\"", "\"=a,\"\"b\"\"\"", "\"'=a,\"\"b\"\"\""},
		{"x;=1", "x;=1", "\"x;=1\""},
		{"\xef\xbc\x9d"
		 "1",
		 "\xef\xbc\x9d"
		 "1",
		 "'\xef\xbc\x9d"
		 "1"},
		{"1=1", "1=1", "1=1"},
		{"", "", ""},
	};
	for (size_t i = 0; i < sizeof(cells) / sizeof(*cells); i++)
		expect_note(state, cells[i].text, cells[i].raw, cells[i].safe);
	http_expect_problem(*state, "/api/v1/tables/notes?format=csv&csv_safe=maybe", 400,
			    "csv_safe", "no, yes");
	http_expect_problem(*state, "/api/v1/hosts?csv_safe=yes", 400, "csv_safe", "no such");
}

static void negative_numbers_of_csv_stay_numbers(void **state)
{
	struct http_fixture *fixture = *state;
	http_add_container(fixture, "=alpha", "abc", "web", "running");
	http_add_stats(fixture, "=alpha", "abc", "web", 5, -12.5, -7);
	assert_text(state,
		    "/api/v1/stats/latest?fields=cpu_percent,net_rx_bytes&format=csv&csv_safe=yes",
		    "text/csv; charset=utf-8",
		    "host,container_id,name,time,cpu_percent,net_rx_bytes\r\n"
		    "'=alpha,abc,web,2026-01-01T11:59:55Z,-12.5,-7\r\n");
}

static void pages_and_errors_run_nothing_and_stand_in_no_frame(void **state)
{
	static const char *const targets[] = {"/", "/docs", "/nope", "/api/v1/containers?x=1"};
	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
		struct http_answer answer = http_get(*state, targets[i]);
		const char *policy = http_header(&answer, "Content-Security-Policy");
		assert_non_null(policy);
		assert_non_null(strstr(policy, "default-src 'none'"));
		assert_non_null(strstr(policy, "frame-ancestors 'none'"));
		bool paging = answer.status == 200;
		assert_int_equal(strstr(policy, "style-src 'sha256-") != NULL, paging);
		assert_int_equal(strstr(policy, "script-src 'sha256-") != NULL,
				 strcmp(targets[i], "/docs") == 0);
		assert_null(strstr(policy, "unsafe"));
		assert_string_equal(http_header(&answer, "X-Frame-Options"), "DENY");
		assert_string_equal(http_header(&answer, "X-Content-Type-Options"), "nosniff");
		assert_string_equal(http_header(&answer, "Referrer-Policy"), "no-referrer");
		http_free(&answer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DATA(containers_are_listed_with_their_newest_readings),
		EMPTY(what_does_not_run_has_no_readings),
		WITH_DATA(filters_narrow_the_list),
		WITH_DATA(pages_show_each_container_once),
		EMPTY(every_container_of_a_long_page_has_its_own_readings),
		WITH_DATA(a_container_is_found_by_id_prefix_and_name),
		WITH_DATA(what_is_ambiguous_or_unknown_is_said),
		EMPTY(names_that_are_not_utf_8_do_no_harm),
		EMPTY(an_empty_store_gives_empty_lists),
		cmocka_unit_test(a_store_without_any_tables_gives_empty_lists),
		WITH_DATA(the_latest_readings_are_one_row_a_container),
		WITH_DATA(a_renamed_container_has_one_latest_row),
		EMPTY(old_readings_are_the_latest_when_collecting_has_stopped),
		WITH_DATA(the_top_is_sorted),
		WITH_DATA(readings_come_as_ndjson_and_csv),
		WITH_DATA(hosts_and_summary_add_up),
		WITH_DATA(what_no_host_measured_has_no_sum),
		EMPTY(a_store_without_readings_has_no_sums),
		EMPTY(any_declared_table_can_be_read),
		WITH_DATA(rows_of_a_table_come_in_pages),
		EMPTY(rows_of_a_table_come_as_ndjson_and_csv),
		WITH_DATA(the_daemon_tells_about_itself),
		WITH_DATA(metrics_are_in_the_text_format),
		WITH_DATA(requests_are_counted_by_class_and_status),
		WITH_DATA(what_is_not_there_is_not_found),
		WITH_DATA(mistyped_parameters_are_named),
		EMPTY(text_of_csv_is_no_formula_if_that_is_asked_for),
		EMPTY(negative_numbers_of_csv_stay_numbers),
		EMPTY(pages_and_errors_run_nothing_and_stand_in_no_frame),
		WITH_DATA(a_failing_store_is_unavailable_not_a_crash),
		cmocka_unit_test(listening_in_the_open_needs_to_be_wanted),
		WITH_DATA(a_taken_port_is_explained_and_free_after_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

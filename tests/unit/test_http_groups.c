#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tallyd/query.h>

#include "http_fixture.h"
#include "test.h"

#define ID(c) c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c
#define ID_1 ID("11")
#define ID_2 ID("22")
#define ID_DB ID("33")
#define ID_SWARM ID("44")
#define ID_LONE ID("55")
#define ID_ALONE ID("66")
#define LAST_MINUTE "/api/v1/stats?from=now-1m&step=1m"
#define TWO_MINUTES "/api/v1/stats?from=now-2m&step=1m"

static struct tally_cell *add(struct http_fixture *fixture, const char *host, const char *id,
			      const char *name, const char *project, const char *service,
			      const char *labels)
{
	struct tally_cell *row = fake_store_row(fixture->store, "container_info");
	fake_store_int(fixture->store, row, "time", HTTP_NOW);
	fake_store_text(fixture->store, row, "host", host);
	fake_store_text(fixture->store, row, "container_id", id);
	fake_store_text(fixture->store, row, "name", name);
	fake_store_text(fixture->store, row, "image", *name == 'w' ? "nginx:1.25" : "other:1");
	fake_store_text(fixture->store, row, "state", "running");
	fake_store_text(fixture->store, row, "labels", labels);
	if (project)
		fake_store_text(fixture->store, row, "compose_project", project);
	if (service)
		fake_store_text(fixture->store, row, "service", service);
	return row;
}

static void add_turn(struct http_fixture *f, const char *id, int64_t created, int64_t gone)
{
	struct tally_cell *row = add(f, "alpha", id, "turn", NULL, "turns", "{}");
	fake_store_int(f->store, row, "created", created);
	if (gone)
		fake_store_int(f->store, row, "gone_at", gone);
	http_add_stats(f, "alpha", id, "turn", gone ? 50 : 20, 40, 9);
}

/* Two of service web, read at different intervals; db, of the same project; one of a service
 * without a project, one without either, and one that container_info does not have.  In the minute
 * before the last only db and web-1. */
static int set_up(void **state)
{
	struct http_fixture *f = calloc(1, sizeof(*f));
	http_prepare(f);
	add(f, "alpha", ID_1, "web-1", "shop", "web", "{\"tier\":\"front\"}");
	add(f, "beta", ID_2, "web-2", "shop", "web", "{\"tier\":\"front\"}");
	add(f, "alpha", ID_DB, "db-1", "shop", "db", "{}");
	add(f, "beta", ID_SWARM, "queue.1.x", NULL, "queue", "{\"a\":\"b\"}");
	add(f, "beta", ID_LONE, "lone", NULL, NULL, "{}");
	http_add_stats(f, "alpha", ID_1, "web-1", 80, 5, 900);
	for (int age = 60; age > 0; age -= 10)
		http_add_stats(f, "alpha", ID_1, "web-1", age, age, 1000 + 10 * (70 - age));
	http_add_stats(f, "beta", ID_2, "web-2", 50, 10, 0);
	http_add_stats(f, "beta", ID_2, "web-2", 20, 30, 300);
	http_add_stats(f, "alpha", ID_DB, "db-1", 90, 7, 5);
	http_add_stats(f, "alpha", ID_DB, "db-1", 30, NAN, 5);
	http_add_stats(f, "beta", ID_SWARM, "queue.1.x", 30, 0, 9);
	http_add_stats(f, "beta", ID_LONE, "lone", 30, 1, 9);
	http_add_stats(f, "gamma", ID_ALONE, "alone", 30, 2, 9);
	http_start(f);
	*state = f;
	return 0;
}

static json_t *group_of(const struct http_answer *answer, const char *by, const char *name)
{
	json_t *series = json_object_get(answer->json, "series"), *one;
	size_t i;
	json_array_foreach(series, i, one)
	{
		json_t *value = json_object_get(json_object_get(one, "group"), by);
		if (name ? json_is_string(value) && strcmp(json_string_value(value), name) == 0
			 : json_is_null(value))
			return one;
	}
	fail_msg("there is no group %s in %s", name ? name : "null", answer->body);
	return NULL;
}

static json_t *value_of(const struct http_answer *answer, const char *by, const char *name,
			const char *column, size_t point)
{
	json_t *values = json_object_get(group_of(answer, by, name), column);
	assert_non_null(values);
	return json_array_get(values, point);
}

#define assert_value(answer, by, name, column, point, wanted)                                      \
	do {                                                                                       \
		json_t *value_ = value_of(answer, by, name, column, point);                        \
		assert_true(json_is_number(value_));                                               \
		assert_true(fabs(json_number_value(value_) - (wanted)) < 1e-9);                    \
	} while (0)

static void a_sum_adds_what_each_container_used_on_average(void **state)
{
	struct http_answer answer =
		http_ok(state, TWO_MINUTES "&group_by=service&fields=cpu_percent&agg=sum");
	/* (60 + … + 10) / 6, and (10 + 30) / 2: how often each is read does not matter */
	assert_value(&answer, "service", "web", "cpu_percent", 1, 35 + 20);
	/* web-2 has no reading there, which is not 0 */
	assert_value(&answer, "service", "web", "cpu_percent", 0, 5);
	assert_value(&answer, "service", "queue", "cpu_percent", 1, 0);
	assert_true(json_is_null(value_of(&answer, "service", "queue", "cpu_percent", 0)));
	/* it has a reading, but of something else */
	assert_true(json_is_null(value_of(&answer, "service", "db", "cpu_percent", 1)));
	json_t *containers = json_object_get(group_of(&answer, "service", "web"), "containers");
	assert_int_equal(json_integer_value(containers), 2);
	assert_string_equal(json_string_value(json_object_get(json_object_get(answer.json, "meta"),
							      "group_by")),
			    "service");
	http_free(&answer);
}

/* The first ended in the middle of the minute, and the second, under the same load, took its place.
 */
static void one_in_the_place_of_another_is_not_two(void **state)
{
	struct http_fixture f;
	void *own = &f;
	(void)state;
	http_prepare(&f);
	add_turn(&f, ID_1, HTTP_NOW - CLOCK_DAY, HTTP_NOW - 30 * CLOCK_SECOND);
	add_turn(&f, ID_2, HTTP_NOW - 30 * CLOCK_SECOND, 0);
	http_start(&f);
	struct http_answer answer =
		http_ok(&own, LAST_MINUTE "&group_by=service&fields=cpu_percent&agg=sum,avg,max");
	assert_value(&answer, "service", "turns", "cpu_percent.sum", 0, 40);
	assert_value(&answer, "service", "turns", "cpu_percent.avg", 0, 40);
	assert_value(&answer, "service", "turns", "cpu_percent.max", 0, 40);
	http_free(&answer);
	answer = http_ok(&own, LAST_MINUTE "&group_by=host&fields=cpu_percent");
	assert_value(&answer, "host", "alpha", "cpu_percent", 0, 40);
	http_free(&answer);
	http_finish(&f);
}

static void several_aggregates_have_a_column_each(void **state)
{
	struct http_answer answer =
		http_ok(state, LAST_MINUTE "&group_by=project&project=shop&fields=cpu_percent,"
					   "mem_used_bytes&agg=sum,avg,min,max,p50,p95");
	assert_value(&answer, "project", "shop", "cpu_percent.sum", 0, 55);
	assert_value(&answer, "project", "shop", "cpu_percent.avg", 0, 27.5);
	/* of all readings */
	assert_value(&answer, "project", "shop", "cpu_percent.min", 0, 10);
	assert_value(&answer, "project", "shop", "cpu_percent.max", 0, 60);
	/* of 35 and 20, the containers' averages */
	assert_value(&answer, "project", "shop", "cpu_percent.p50", 0, 27.5);
	assert_value(&answer, "project", "shop", "cpu_percent.p95", 0, 20 + 0.95 * 15);
	assert_null(json_object_get(group_of(&answer, "project", "shop"), "cpu_percent"));
	/* stored as an integer */
	assert_true(json_is_integer(value_of(&answer, "project", "shop", "mem_used_bytes.max", 0)));
	assert_value(&answer, "project", "shop", "mem_used_bytes.max", 0, 1060);
	json_t *meta = json_object_get(answer.json, "meta");
	assert_string_equal(json_string_value(json_object_get(json_object_get(meta, "agg"),
							      "mem_used_bytes.p95")),
			    "p95");
	assert_string_equal(json_string_value(json_object_get(json_object_get(meta, "units"),
							      "mem_used_bytes.p95")),
			    "bytes");
	http_free(&answer);
}

static void a_counter_is_its_rate_in_every_aggregate(void **state)
{
	struct http_answer answer = http_ok(
		state, LAST_MINUTE "&group_by=service&fields=net_rx_bytes&agg=sum,avg,min,max,p50");
	/* 100 every 10 s, and 300 in 30 s */
	assert_value(&answer, "service", "web", "net_rx_bytes.sum", 0, 20);
	assert_value(&answer, "service", "web", "net_rx_bytes.avg", 0, 10);
	assert_value(&answer, "service", "web", "net_rx_bytes.min", 0, 10);
	assert_value(&answer, "service", "web", "net_rx_bytes.max", 0, 10);
	assert_value(&answer, "service", "web", "net_rx_bytes.p50", 0, 10);
	json_t *units = json_object_get(json_object_get(answer.json, "meta"), "units");
	assert_string_equal(json_string_value(json_object_get(units, "net_rx_bytes.max")),
			    "bytes/s");
	http_free(&answer);
}

static void containers_are_in_one_group_and_the_unknown_in_the_last(void **state)
{
	static const struct {
		const char *by, *groups[5];
		const char *last; /* "": a group without a name */
	} cases[] = {
		{"service", {"db", "lone", "queue", "web"}, ""},
		{"project", {"shop"}, ""},
		{"host", {"alpha", "beta"}, "gamma"},
		{"image", {"nginx:1.25", "other:1"}, ""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char target[200];
		snprintf(target, sizeof(target), LAST_MINUTE "&group_by=%s", cases[i].by);
		struct http_answer answer = http_ok(state, target);
		json_t *series = json_object_get(answer.json, "series");
		size_t n = json_array_size(series), g = 0;
		for (; cases[i].groups[g]; g++)
			assert_ptr_equal(group_of(&answer, cases[i].by, cases[i].groups[g]),
					 json_array_get(series, g));
		assert_int_equal(n, g + 1);
		assert_ptr_equal(
			group_of(&answer, cases[i].by, *cases[i].last ? cases[i].last : NULL),
			json_array_get(series, n - 1));
		http_free(&answer);
	}
}

static void groups_are_made_of_the_containers_that_are_asked_for(void **state)
{
	static const struct {
		const char *query;
		double sum;
	} cases[] = {
		{"project=shop", 55},
		{"image=nginx:*", 55},
		{"label=tier=front", 55},
		{"service=w*", 55},
		{"host=alpha&project=shop", 35},
		{"name=web-2", 20},
		{"name=web-*", 55},
		{"ids=web-2,db-1", 20},
		{"host=beta", 20},
		{"ids=web-1&host=alpha", 35},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char target[200];
		snprintf(target, sizeof(target),
			 LAST_MINUTE "&group_by=service&fields=cpu_percent&%s", cases[i].query);
		struct http_answer answer = http_ok(state, target);
		assert_value(&answer, "service", "web", "cpu_percent", 0, cases[i].sum);
		http_free(&answer);
	}
	struct http_answer answer = http_ok(state, LAST_MINUTE "&group_by=host&project=none");
	assert_int_equal(json_array_size(json_object_get(answer.json, "series")), 0);
	http_free(&answer);
}

static void without_group_by_each_container_is_a_series(void **state)
{
	struct http_answer answer = http_ok(
		state, LAST_MINUTE "&project=shop&fields=cpu_percent,net_rx_bytes&agg=min,avg,max");
	json_t *series = json_object_get(answer.json, "series");
	assert_int_equal(json_array_size(series), 3);
	json_t *first = json_array_get(series, 0);
	assert_string_equal(json_string_value(json_object_get(first, "container_id")), ID_1);
	assert_string_equal(json_string_value(json_object_get(first, "host")), "alpha");
	assert_string_equal(json_string_value(json_object_get(first, "name")), "web-1");
	assert_value(&answer, "container", "web-1", "cpu_percent.min", 0, 10);
	assert_value(&answer, "container", "web-1", "cpu_percent.avg", 0, 35);
	assert_value(&answer, "container", "web-1", "cpu_percent.max", 0, 60);
	assert_value(&answer, "container", "web-1", "net_rx_bytes.max", 0, 10);
	http_free(&answer);
	/* a container that nobody but its readings tells of */
	answer = http_ok(state, LAST_MINUTE "&host=gamma&fields=cpu_percent");
	assert_string_equal(json_string_value(json_object_get(group_of(&answer, "container", NULL),
							      "container_id")),
			    ID_ALONE);
	http_free(&answer);
}

static void groups_come_as_rows_and_csv(void **state)
{
	struct http_answer answer =
		http_ok(state, TWO_MINUTES "&group_by=service&project=shop&fields=cpu_percent"
					   "&agg=sum,max&format=csv");
	assert_string_equal(answer.body, "time,service,cpu_percent.max,cpu_percent.sum\r\n"
					 "2026-01-01T11:58:00Z,db,7,7\r\n"
					 "2026-01-01T11:58:00Z,web,5,5\r\n"
					 "2026-01-01T11:59:00Z,db,,\r\n"
					 "2026-01-01T11:59:00Z,web,60,55\r\n");
	http_free(&answer);
	answer = http_ok(state, LAST_MINUTE "&group_by=host&host=gamma&fields=cpu_percent"
					    "&format=ndjson&times=s");
	assert_string_equal(answer.body,
			    "{\"time\":1767268740,\"host\":\"gamma\",\"cpu_percent\":2}\n");
	http_free(&answer);
}

static void percentiles_of_one_container_are_those_of_its_readings(void **state)
{
	struct http_answer answer = http_ok(
		state, "/api/v1/containers/web-1/stats?from=now-2m&step=1m&agg=p50,p95,max");
	json_t *p50 = json_object_get(answer.json, "cpu_percent.p50");
	assert_true(json_number_value(json_array_get(p50, 0)) == 5);
	assert_true(json_number_value(json_array_get(p50, 1)) == 35);
	json_t *p95 = json_object_get(answer.json, "cpu_percent.p95");
	assert_true(fabs(json_number_value(json_array_get(p95, 1)) - 57.5) < 1e-9);
	/* a counter has none, but a maximum */
	assert_null(json_object_get(answer.json, "net_rx_bytes.p95"));
	assert_non_null(json_object_get(answer.json, "net_rx_bytes.max"));
	http_free(&answer);
	answer = http_ok(state, LAST_MINUTE "&ids=web-2,db-1&fields=cpu_percent&agg=p50");
	json_t *series = json_object_get(answer.json, "series");
	json_t *web = json_object_get(json_array_get(series, 0), "cpu_percent");
	assert_true(json_number_value(json_array_get(web, 0)) == 20);
	json_t *db = json_object_get(json_array_get(series, 1), "cpu_percent");
	assert_true(json_is_null(json_array_get(db, 0)));
	http_free(&answer);
	answer = http_ok(state, LAST_MINUTE "&group_by=container&project=shop&fields=cpu_percent"
					    "&agg=p50");
	assert_value(&answer, "container", "web-1", "cpu_percent", 0, 35);
	http_free(&answer);
}

/* ---- A store that has deleted rows of which it has sums ------------------- */

static int query_without_old_rows(void *self, const struct tally_query *query, tally_rows_fn *rows,
				  void *arg)
{
	struct tally_query later = *query;
	if (query->select[0].aggregate == TALLY_RAW && strcmp(query->table, "container_stats") == 0)
		later.from = HTTP_NOW - 65 * CLOCK_SECOND;
	return fake_store_reader()->query(self, &later, rows, arg);
}

static int list_tables(void *self, tally_table_fn *each, void *arg)
{
	return fake_store_reader()->tables(self, each, arg);
}

static void there_are_no_percentiles_of_readings_that_were_deleted(void **state)
{
	static const struct tally_store_ops forgetful = {
		.size = sizeof(forgetful), .query = query_without_old_rows, .tables = list_tables};
	struct http_fixture f;
	(void)state;
	http_prepare(&f);
	http_add_container(&f, "alpha", ID_1, "web", "running");
	for (int age = 110; age > 0; age -= 10)
		http_add_stats(&f, "alpha", ID_1, "web", age, age, 0);
	free(f.config.store);
	f.config.store = fake_host_store(f.host, &forgetful, f.store);
	http_start(&f);
	const char *path = "/api/v1/containers/web/stats?step=1m&fields=cpu_percent&agg=p95";
	char target[200];
	snprintf(target, sizeof(target), "%s&from=now-2m", path);
	http_expect_problem(&f, target, 400, "agg", "point 2026-01-01T11:58:00Z are kept");
	snprintf(target, sizeof(target), "%s&from=now-1m", path);
	struct http_answer answer = http_get(&f, target);
	assert_int_equal(answer.status, 200);
	http_free(&answer);
	http_finish(&f);
}

/* ---- What cannot be answered ---------------------------------------------- */

static void wrong_questions_are_refused_by_name(void **state)
{
	static const struct {
		const char *target, *parameter, *detail;
	} cases[] = {
		{LAST_MINUTE "&group_by=pod", "group_by", "container, project, service"},
		{LAST_MINUTE "&group_by=", "group_by", "none of"},
		{LAST_MINUTE "&group_by=host&group_by=image", "group_by", "more than once"},
		{LAST_MINUTE "&agg=p90", "agg", "p50, p95, p99"},
		{LAST_MINUTE "&agg=min,,max", "agg", "\"\" is none of"},
		{LAST_MINUTE "&agg=", "agg", "none of"},
		{LAST_MINUTE "&agg=min,", "agg", "none of"},
		{LAST_MINUTE "&group_by=host&agg=last", "agg", "groups have sum"},
		{LAST_MINUTE "&group_by=host&agg=sum,rate", "agg", "groups have sum"},
		{LAST_MINUTE "&agg=rate&fields=cpu_percent", "agg", "not a counter"},
		{LAST_MINUTE "&ids=web-1&agg=sum", "agg", "group_by"},
		{LAST_MINUTE "&ids=web-1&project=shop", "project", "either ids or project"},
		{LAST_MINUTE "&ids=web-1&label=x", "label", "either ids or label"},
		{LAST_MINUTE "&ids=", "ids", "no container"},
		{LAST_MINUTE "&fields=nope&group_by=host", "fields", "no such column"},
		{LAST_MINUTE "&group=host", "group", "did you mean group_by?"},
		{"/api/v1/containers/web-1/stats?agg=p95&fields=net_rx_bytes", "agg", "a counter"},
		{"/api/v1/containers/web-1/stats?group_by=host", "group_by", "no such parameter"},
		{"/api/v1/stats?step=1s&from=now-2h&group_by=host", "step", "groups"},
		{"/api/v1/stats?step=1s&from=now-2h", "step", "6 containers"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		http_expect_problem(*state, cases[i].target,
				    strstr(cases[i].detail, "no container") ? 404 : 400,
				    cases[i].parameter, cases[i].detail);
}

static void before_there_are_readings_nothing_can_be_grouped(void **state)
{
	struct http_fixture f;
	(void)state;
	http_prepare(&f);
	http_start(&f);
	struct http_answer answer = http_get(&f, LAST_MINUTE "&group_by=service");
	assert_int_equal(answer.status, 200);
	assert_int_equal(json_array_size(json_object_get(answer.json, "series")), 0);
	http_free(&answer);
	http_finish(&f);
}

#define WITH_DATA(test) cmocka_unit_test_setup_teardown(test, set_up, http_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DATA(a_sum_adds_what_each_container_used_on_average),
		cmocka_unit_test(one_in_the_place_of_another_is_not_two),
		WITH_DATA(several_aggregates_have_a_column_each),
		WITH_DATA(a_counter_is_its_rate_in_every_aggregate),
		WITH_DATA(containers_are_in_one_group_and_the_unknown_in_the_last),
		WITH_DATA(groups_are_made_of_the_containers_that_are_asked_for),
		WITH_DATA(without_group_by_each_container_is_a_series),
		WITH_DATA(groups_come_as_rows_and_csv),
		WITH_DATA(percentiles_of_one_container_are_those_of_its_readings),
		WITH_DATA(wrong_questions_are_refused_by_name),
		cmocka_unit_test(there_are_no_percentiles_of_readings_that_were_deleted),
		cmocka_unit_test(before_there_are_readings_nothing_can_be_grouped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* /api/v1/stats/latest, /top, /hosts and /summary: readings, and sums of them. */

#include "http_resources.h"
#include "test.h"

static void the_latest_readings_are_one_row_a_container(void **state)
{
	struct http_answer answer = http_ok(state, "/api/v1/stats/latest?fields=mem_used_bytes");
	assert_int_equal(json_array_size(json_at(answer.json, "data")), 2);
	assert_string_equal(text_at(&answer, "data.0.name"), "web");
	assert_int_equal(json_integer_value(json_at(answer.json, "data.0.mem_used_bytes")), 1000);
	assert_null(json_at(answer.json, "data.0.cpu_percent"));
	assert_string_equal(text_at(&answer, "data.1.host"), "beta");
	http_free(&answer);
	assert_int_equal(count_rows(state, "/api/v1/stats/latest?host=beta"), 1);
}

static void a_renamed_container_has_one_latest_row(void **state)
{
	struct http_fixture *fixture = *state;
	http_add_stats(fixture, "beta", ID_TWIN, "db-renamed", 1, 1, 8);
	struct http_answer answer = http_ok(state, "/api/v1/stats/latest?host=beta");
	assert_int_equal(json_array_size(json_at(answer.json, "data")), 1);
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
	assert_int_equal(json_integer_value(json_at(answer.json, "age_seconds")), 7200);
	http_free(&answer);
}

static void the_top_is_sorted(void **state)
{
	struct http_answer answer = http_ok(state, "/api/v1/top?by=cpu&limit=1");
	assert_int_equal(json_array_size(json_at(answer.json, "data")), 1);
	assert_string_equal(text_at(&answer, "data.0.host"), "beta");
	assert_true(json_real_value(json_at(answer.json, "data.0.value")) == 99.5);
	http_free(&answer);
	answer = http_ok(state, "/api/v1/top?by=net");
	assert_string_equal(text_at(&answer, "meta.unit"), "bytes/s");
	assert_int_equal(json_array_size(json_at(answer.json, "data")), 1); /* one has one sample */
	assert_int_equal(json_integer_value(json_at(answer.json, "data.0.value")), 100);
	http_free(&answer);
	answer = http_ok(state, "/api/v1/top?by=mem_used_bytes&from=now-1h&agg=max");
	assert_string_equal(text_at(&answer, "meta.by"), "mem_used_bytes");
	assert_string_equal(text_at(&answer, "meta.agg"), "max");
	assert_string_equal(text_at(&answer, "meta.unit"), "bytes");
	assert_true(json_array_size(json_at(answer.json, "data")) > 1);
	assert_true(json_number_value(json_at(answer.json, "data.0.value")) >=
		    json_number_value(json_at(answer.json, "data.1.value")));
	http_free(&answer);
	answer = http_ok(state, "/api/v1/top?by=net_rx_bytes&to=now");
	assert_string_equal(text_at(&answer, "meta.agg"), "rate");
	assert_string_equal(text_at(&answer, "meta.unit"), "bytes/s");
	http_free(&answer);
	answer = http_ok(state, "/api/v1/top?from=now-5m");
	assert_string_equal(text_at(&answer, "meta.agg"), "avg");
	http_free(&answer);
	http_expect_problem(*state, "/api/v1/top?by=disk", 400, "by", "cpu, mem, net, blk");
	http_expect_problem(*state, "/api/v1/top?by=name", 400, "by", "neither a column");
	http_expect_problem(*state, "/api/v1/top?by=", 400, "by", "neither a column");
	http_expect_problem(*state, "/api/v1/top?agg=sum", 400, "agg", "avg, min, max, last, rate");
	http_expect_problem(*state, "/api/v1/top?agg=rate", 400, "agg", "not a counter");
	http_expect_problem(*state, "/api/v1/top?window=1h&from=now-1h", 400, "window", "either");
	http_expect_problem(*state, "/api/v1/top?from=now-31d", 400, "from", "30 days");
	http_expect_problem(*state, "/api/v1/top?window=2y", 400, "window", "duration");
}

static void readings_come_as_ndjson_and_csv(void **state)
{
	static const char csv[] = "text/csv; charset=utf-8";
	static const char ndjson[] = "application/x-ndjson; charset=utf-8";
	assert_body(state, "/api/v1/stats/latest?fields=mem_used_bytes&format=csv", csv,
		    "time,host,container_id,name,mem_used_bytes\r\n"
		    "2026-01-01T12:00:00Z,alpha," ID_WEB ",web,1000\r\n"
		    "2026-01-01T11:59:55Z,beta," ID_TWIN ",db,1005\r\n");
	assert_body(state, "/api/v1/stats/latest?fields=mem_used_bytes&format=csv&sort=name", csv,
		    "time,host,container_id,name,mem_used_bytes\r\n"
		    "2026-01-01T11:59:55Z,beta," ID_TWIN ",db,1005\r\n"
		    "2026-01-01T12:00:00Z,alpha," ID_WEB ",web,1000\r\n");
	assert_body(
		state, "/api/v1/stats/latest?fields=cpu_percent&format=ndjson&host=beta", ndjson,
		"{\"time\":\"2026-01-01T11:59:55Z\",\"host\":\"beta\",\"container_id\":\"" ID_TWIN
		"\",\"name\":\"db\",\"cpu_percent\":99.5}\n");
	assert_body(state, "/api/v1/top?format=csv&limit=1", csv,
		    "time,host,container_id,name,value\r\n"
		    "2026-01-01T11:59:55Z,beta," ID_TWIN ",db,99.5\r\n");
	assert_body(
		state, "/api/v1/top?format=ndjson&limit=1", ndjson,
		"{\"time\":\"2026-01-01T11:59:55Z\",\"host\":\"beta\",\"container_id\":\"" ID_TWIN
		"\",\"name\":\"db\",\"value\":99.5}\n");
	http_expect_problem(*state, "/api/v1/top?format=xml", 400, "format", "json, ndjson, csv");
	http_expect_problem(*state, "/api/v1/stats/latest?format=rows", 400, "format", "csv");
}

static void newest_readings_are_sorted_and_counted(void **state)
{
	struct http_answer answer =
		http_ok(state, "/api/v1/stats/latest?sort=-cpu_percent&total=yes");
	assert_string_equal(text_at(&answer, "data.0.host"), "beta");
	assert_int_equal(json_integer_value(json_at(answer.json, "total")), 2);
	http_free(&answer);
	answer = http_ok(state, "/api/v1/stats/latest?host=nope&total=yes&sort=time");
	assert_int_equal(json_integer_value(json_at(answer.json, "total")), 0);
	http_free(&answer);
	http_expect_problem(*state, "/api/v1/stats/latest?fields=net_rx_bytes&sort=cpu_percent",
			    400, "sort", "no such column");
}

static void negative_numbers_of_csv_stay_numbers(void **state)
{
	struct http_fixture *fixture = *state;
	http_add_container(fixture, "=alpha", "abc", "web", "running");
	http_add_stats(fixture, "=alpha", "abc", "web", 5, -12.5, -7);
	assert_body(state,
		    "/api/v1/stats/latest?fields=cpu_percent,net_rx_bytes&format=csv&csv_safe=yes",
		    "text/csv; charset=utf-8",
		    "time,host,container_id,name,cpu_percent,net_rx_bytes\r\n"
		    "2026-01-01T11:59:55Z,'=alpha,abc,web,-12.5,-7\r\n");
}

static void hosts_and_summary_add_up(void **state)
{
	struct http_answer answer = http_ok(state, "/api/v1/hosts");
	assert_int_equal(json_array_size(json_at(answer.json, "data")), 2);
	assert_int_equal(json_integer_value(json_at(answer.json, "data.0.containers")), 2);
	assert_int_equal(json_integer_value(json_at(answer.json, "data.0.running")), 1);
	http_free(&answer);
	answer = http_ok(state, "/api/v1/summary");
	assert_int_equal(json_integer_value(json_at(answer.json, "containers")), 3);
	assert_int_equal(json_integer_value(json_at(answer.json, "states.running")), 2);
	assert_true(json_real_value(json_at(answer.json, "cpu_percent")) == 109.5);
	assert_string_equal(text_at(&answer, "newest_stats"), "2026-01-01T12:00:00Z");
	http_free(&answer);
}

static void what_no_host_measured_has_no_sum(void **state)
{
	http_add_container(*state, "gamma", ID_OLD, "new", "running");
	struct http_answer answer = http_ok(state, "/api/v1/hosts");
	assert_string_equal(text_at(&answer, "data.2.host"), "gamma");
	assert_int_equal(json_integer_value(json_at(answer.json, "data.2.running")), 1);
	assert_true(json_is_null(json_at(answer.json, "data.2.cpu_percent")));
	assert_true(json_is_null(json_at(answer.json, "data.2.mem_used_bytes")));
	assert_true(json_is_null(json_at(answer.json, "data.2.newest_stats")));
	assert_true(json_number_value(json_at(answer.json, "data.1.cpu_percent")) == 99.5);
	http_free(&answer);
	answer = http_ok(state, "/api/v1/summary");
	assert_true(json_number_value(json_at(answer.json, "cpu_percent")) == 109.5);
	assert_true(json_number_value(json_at(answer.json, "mem_used_bytes")) == 2005);
	http_free(&answer);
}

static void a_store_without_readings_has_no_sums(void **state)
{
	http_add_container(*state, "alpha", ID_WEB, "web", "running");
	struct http_answer answer = http_ok(state, "/api/v1/summary");
	assert_int_equal(json_integer_value(json_at(answer.json, "containers")), 1);
	assert_true(json_is_null(json_at(answer.json, "cpu_percent")));
	assert_true(json_is_null(json_at(answer.json, "mem_used_bytes")));
	assert_true(json_is_null(json_at(answer.json, "newest_stats")));
	http_free(&answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DATA(the_latest_readings_are_one_row_a_container),
		WITH_DATA(a_renamed_container_has_one_latest_row),
		EMPTY(old_readings_are_the_latest_when_collecting_has_stopped),
		WITH_DATA(the_top_is_sorted),
		WITH_DATA(readings_come_as_ndjson_and_csv),
		WITH_DATA(newest_readings_are_sorted_and_counted),
		EMPTY(negative_numbers_of_csv_stay_numbers),
		WITH_DATA(hosts_and_summary_add_up),
		WITH_DATA(what_no_host_measured_has_no_sum),
		EMPTY(a_store_without_readings_has_no_sums),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

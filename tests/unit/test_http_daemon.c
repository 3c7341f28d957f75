/* What the daemon says of itself, and what all endpoints do with mistakes, empty stores and
 * failures. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "http_resources.h"
#include "test.h"

const struct tally_plugin *tally_plugin(void);

static void the_daemon_tells_about_itself(void **state)
{
	struct http_answer answer = http_ok(state, "/api/v1/version");
	assert_string_equal(text_at(&answer, "version"), "0.0.0-test");
	http_free(&answer);
	assert_int_equal(count_rows(state, "/api/v1/plugins"), 0);
	answer = http_ok(state, "/api/v1/pipeline");
	assert_string_equal(text_at(&answer, "outputs.0.output"), "output.sqlite");
	assert_string_equal(text_at(&answer, "outputs.0.table"), "container_stats");
	assert_int_equal(json_integer_value(json_at(answer.json, "outputs.0.stored")), 42);
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
		http_expect_problem(*state, targets[i], 404, NULL, "no such path");
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
	http_expect_problem(*state, "/api/v1/version?x", 400, "x", "no such parameter here");
	http_expect_problem(*state, "/api/v1/stats?container=web&from=now-5m", 400, "container",
			    "no such parameter here; there are ");
}

/* Parameters are read before a request waits for the store. */
static void a_mistake_is_told_while_the_store_is_down(void **state)
{
	struct http_fixture *fixture = *state;
	fake_store_fail(fixture->store, -ENOTCONN);
	http_expect_problem(fixture, "/api/v1/containers/web/stats?step=1", 503, NULL, "reached");
	http_expect_problem(fixture, "/api/v1/containers/web/stats?step=0", 400, "step", "");
	http_expect_problem(fixture, "/api/v1/top?window=2d", 400, "window", "at most 1d");
}

static void an_empty_store_gives_empty_lists(void **state)
{
	assert_int_equal(count_rows(state, "/api/v1/containers"), 0);
	assert_int_equal(count_rows(state, "/api/v1/stats/latest"), 0);
	assert_int_equal(count_rows(state, "/api/v1/top"), 0);
	assert_int_equal(count_rows(state, "/api/v1/hosts"), 0);
	assert_int_equal(count_rows(state, "/api/v1/tables/notes"), 0);
	struct http_answer answer = http_ok(state, "/readyz");
	assert_true(json_is_null(json_at(answer.json, "age_seconds")));
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
	assert_int_equal(count_rows(&self, "/api/v1/containers"), 0);
	assert_int_equal(count_rows(&self, "/api/v1/stats/latest"), 0);
	assert_int_equal(count_rows(&self, "/api/v1/top?by=net"), 0);
	assert_int_equal(count_rows(&self, "/api/v1/tables"), 0);
	assert_int_equal(count_rows(&self, "/api/v1/logs?q=x"), 0);
	assert_int_equal(count_rows(&self, "/api/v1/events?format=json"), 0);
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

static void pages_and_errors_run_nothing_and_stand_in_no_frame(void **state)
{
	static const char *const targets[] = {"/", "/docs", "/nope", "/api/v1/containers?x=1"};
	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
		struct http_answer answer = http_get(*state, targets[i]);
		const char *policy = http_header(&answer, "Content-Security-Policy");
		assert_non_null(policy);
		assert_non_null(strstr(policy, "default-src 'none'"));
		assert_non_null(strstr(policy, "frame-ancestors 'none'"));
		assert_int_equal(strstr(policy, "style-src 'sha256-") != NULL,
				 strcmp(targets[i], "/docs") == 0);
		assert_int_equal(strstr(policy, "script-src 'sha256-") != NULL,
				 strcmp(targets[i], "/docs") == 0);
		assert_int_equal(strstr(policy, "script-src 'self'") != NULL,
				 strcmp(targets[i], "/") == 0);
		assert_null(strstr(policy, "unsafe"));
		assert_string_equal(http_header(&answer, "X-Frame-Options"), "DENY");
		assert_string_equal(http_header(&answer, "X-Content-Type-Options"), "nosniff");
		assert_string_equal(http_header(&answer, "Referrer-Policy"), "no-referrer");
		http_free(&answer);
	}
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DATA(the_daemon_tells_about_itself),
		WITH_DATA(metrics_are_in_the_text_format),
		WITH_DATA(requests_are_counted_by_class_and_status),
		WITH_DATA(what_is_not_there_is_not_found),
		WITH_DATA(mistyped_parameters_are_named),
		WITH_DATA(a_mistake_is_told_while_the_store_is_down),
		EMPTY(an_empty_store_gives_empty_lists),
		cmocka_unit_test(a_store_without_any_tables_gives_empty_lists),
		WITH_DATA(a_failing_store_is_unavailable_not_a_crash),
		EMPTY(pages_and_errors_run_nothing_and_stand_in_no_frame),
		cmocka_unit_test(listening_in_the_open_needs_to_be_wanted),
		WITH_DATA(a_taken_port_is_explained_and_free_after_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

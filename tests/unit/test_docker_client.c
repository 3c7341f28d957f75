#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "docker/docker.h"
#include "docker/docker_endpoint.h"
#include "fake_engine.h"
#include "fake_host.h"
#include "test.h"

struct client {
	struct fake_host *host;
	struct fake_engine *engine;
	struct docker_config config;
	struct docker *docker;
};

static struct client *client_create(void)
{
	struct client *client = calloc(1, sizeof(*client));
	assert_non_null(client);
	client->host = fake_host_create("input.docker");
	client->engine = fake_engine_create();
	client->config.endpoint = fake_engine_endpoint(client->engine);
	client->config.timeout = 300000000;
	assert_int_equal(
		docker_create(fake_host_ctx(client->host), &client->config, &client->docker), 0);
	return client;
}

static void client_destroy(struct client *client)
{
	docker_destroy(client->docker);
	fake_engine_destroy(client->engine);
	fake_host_destroy(client->host);
	free(client);
}

static void reason_has(const struct client *client, const char *part)
{
	if (!strstr(fake_host_reason(client->host), part))
		fail_msg("\"%s\" has no \"%s\"", fake_host_reason(client->host), part);
}

static void set_versions(struct client *client, const char *newest, const char *oldest)
{
	char body[200];
	snprintf(body, sizeof(body), "{\"ApiVersion\":\"%s\",\"MinAPIVersion\":\"%s\"}", newest,
		 oldest);
	fake_engine_set(client->engine, "/version", 200, body, FAKE_ANSWERS);
}

/* ---- Version ---- */

static void the_lower_of_the_two_newest_versions_is_spoken(void **state)
{
	struct client *client = client_create();
	(void)state;
	assert_int_equal(docker_connect(client->docker), 0);
	assert_int_equal(docker_api(client->docker), 41);
	docker_disconnect(client->docker);
	set_versions(client, "1.99", "1.44");
	assert_int_equal(docker_connect(client->docker), 0);
	assert_int_equal(docker_api(client->docker), DOCKER_API_NEWEST);
	client_destroy(client);
}

static void an_engine_that_is_too_old_or_too_new_is_refused_with_both_ranges(void **state)
{
	struct client *client = client_create();
	(void)state;
	set_versions(client, "1.40", "1.12");
	assert_int_equal(docker_connect(client->docker), -EPROTONOSUPPORT);
	reason_has(client, "the engine speaks API 1.12 to 1.40, this plugin 1.41 to 1.55");
	set_versions(client, "1.99", "1.60");
	assert_int_equal(docker_connect(client->docker), -EPROTONOSUPPORT);
	reason_has(client, "1.60 to 1.99");
	client_destroy(client);
}

static void an_answer_without_a_version_is_refused_with_a_hint(void **state)
{
	static const char *const answers[] = {"{}",
					      "[]",
					      "<html>",
					      "{\"ApiVersion\":41}",
					      "{\"ApiVersion\":\"2.0\"}",
					      "{\"ApiVersion\":\"1.4"};
	struct client *client = client_create();
	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		fake_engine_set(client->engine, "/version", 200, answers[i], FAKE_ANSWERS);
		assert_int_equal(docker_connect(client->docker), -EPROTO);
		reason_has(client, "is it a Docker Engine?");
	}
	client_destroy(client);
}

static void the_version_is_asked_for_once(void **state)
{
	struct client *client = client_create();
	(void)state;
	assert_int_equal(docker_connect(client->docker), 0);
	assert_int_equal(docker_connect(client->docker), 0);
	assert_int_equal(fake_engine_asked(client->engine, "GET /version"), 1);
	client_destroy(client);
}

/* ---- The machine's name ---- */

static void in_a_container_the_engine_says_what_the_machine_is_called(void **state)
{
	struct client *client = client_create();
	(void)state;
	fake_engine_set(client->engine, "/info", 200, "{\"Name\":\"web1\"}", FAKE_ANSWERS);
	assert_int_equal(docker_connect(client->docker), 0);
	assert_int_equal(fake_engine_asked(client->engine, "/info"), 0); /* `host` is known */
	fake_host_set_wants_hostname(client->host, true);
	docker_disconnect(client->docker);
	assert_int_equal(docker_connect(client->docker), 0);
	assert_string_equal(tally_hostname(fake_host_ctx(client->host)), "web1");
	client_destroy(client);
}

static void no_rows_are_made_before_the_machines_name_is_known(void **state)
{
	struct client *client = client_create();
	(void)state;
	fake_host_set_wants_hostname(client->host, true);
	fake_engine_set(client->engine, "/info", 200, "", FAKE_HANGS);
	assert_int_equal(docker_connect(client->docker), -ETIMEDOUT);
	fake_engine_set(client->engine, "/info", 200, "{\"Name\":\"web1\"}", FAKE_ANSWERS);
	assert_int_equal(docker_connect(client->docker), 0);
	assert_string_equal(tally_hostname(fake_host_ctx(client->host)), "web1");
	client_destroy(client);
}

static void a_refused_info_is_said_and_costs_only_the_name(void **state)
{
	struct client *client = client_create();
	(void)state;
	fake_host_set_wants_hostname(client->host, true);
	fake_engine_set(client->engine, "/info", 403, "{\"message\":\"no\"}", FAKE_ANSWERS);
	assert_int_equal(docker_connect(client->docker), 0);
	assert_string_equal(tally_hostname(fake_host_ctx(client->host)), "testhost");
	assert_non_null(strstr(fake_host_log(client->host, TALLY_WARNING),
			       "HTTP 403: no; rows have host = testhost: set host in [tallyd]"));
	client_destroy(client);
}

static void a_second_engine_with_another_name_is_said(void **state)
{
	struct client *client = client_create();
	(void)state;
	fake_host_set_wants_hostname(client->host, true);
	assert_int_equal(tally_tell_hostname(fake_host_ctx(client->host), "web1"), 0);
	fake_engine_set(client->engine, "/info", 200, "{\"Name\":\"web2\"}", FAKE_ANSWERS);
	assert_int_equal(docker_connect(client->docker), 0);
	assert_non_null(strstr(fake_host_log(client->host, TALLY_WARNING),
			       "is the engine of web2, but another engine has given its name"));
	assert_string_equal(tally_hostname(fake_host_ctx(client->host)), "web1");
	client_destroy(client);
}

/* ---- One request ---- */

/* Of a container of that name. */
static int get(struct client *client, const char *name, size_t max)
{
	char *body = NULL, path[FETCH_PATH_SIZE];
	size_t len = 0;
	snprintf(path, sizeof(path), "/containers%s/json", name);
	int r = docker_get(client->docker, DOCKER_INSPECT, path, max, &body, &len);
	if (r < 0)
		assert_null(body);
	free(body);
	return r;
}

static void a_body_may_be_as_long_as_its_bound_and_not_a_byte_longer(void **state)
{
	struct client *client = client_create();
	(void)state;
	assert_int_equal(docker_connect(client->docker), 0);
	fake_engine_set(client->engine, "/x", 200, "1234567890", FAKE_ANSWERS);
	assert_int_equal(get(client, "/x", 10), 0);
	assert_int_equal(get(client, "/x", 9), -EMSGSIZE);
	reason_has(client, "longer than 9 bytes");
	client_destroy(client);
}

static void every_way_to_fail_is_named(void **state)
{
	struct client *client = client_create();
	(void)state;
	assert_int_equal(docker_connect(client->docker), 0);
	fake_engine_set(client->engine, "/late", 200, "x", FAKE_HANGS);
	assert_int_equal(get(client, "/late", 10), -ETIMEDOUT);
	fake_engine_set(client->engine, "/cut", 200, "1234567890", FAKE_CUTS);
	assert_int_equal(get(client, "/cut", 10), -ECONNRESET);
	reason_has(client, "GET /containers/cut/json: the connection was cut after 5 bytes");
	assert_int_equal(get(client, "/none", 100), -ENOENT);
	reason_has(client, "HTTP 404: page not found");
	fake_engine_set(client->engine, "/plain", 400, "client is\ttoo old", FAKE_ANSWERS);
	assert_int_equal(get(client, "/plain", 100), -EPROTO);
	reason_has(client, "HTTP 400: client is too old");
	fake_engine_set(client->engine, "/empty", 200, "", FAKE_ANSWERS);
	assert_int_equal(get(client, "/empty", 100), -EBADMSG);
	client_destroy(client);
}

static void no_request_is_sent_that_is_not_listed(void **state)
{
	static const struct {
		enum docker_call call;
		const char *path;
		bool listed;
	} cases[] = {
		{DOCKER_LIST, "/containers/json", true},
		{DOCKER_LIST, "/containers/json?all=1&filters=%7B%7D", true},
		{DOCKER_LIST, "/containers/json?all=1&size=1", false},
		{DOCKER_LIST, "/containers/jsonx", false},
		{DOCKER_LIST, "/containers/json/x", false},
		{DOCKER_LIST, "/containers/json?", false},
		{DOCKER_LIST, "/containers/json&all=1", false},
		{DOCKER_IMAGES, "/containers/json", false},
		{DOCKER_INSPECT, "/containers/abc/json", true},
		{DOCKER_INSPECT, "/containers//json", false},
		{DOCKER_INSPECT, "/containers/../json", false},
		{DOCKER_INSPECT, "/containers/a/b/json", false},
		{DOCKER_INSPECT, "/containers/a%2fb/json", false},
		{DOCKER_INSPECT, "/containers/abc/export", false},
		{DOCKER_LOGS, "/containers/abc/logs?follow=1&since=1.000000000", true},
		{DOCKER_LOGS, "/containers/abc/archive?path=/etc", false},
		{DOCKER_EVENTS, "/events?since=1.5&filters=x", true},
		{DOCKER_VERSION, "/info", false},
		{DOCKER_VERSION, "", false},
	};
	struct client *client = client_create();
	(void)state;
	assert_int_equal(docker_connect(client->docker), 0);
	fake_engine_set(client->engine, "/", 200, "x", FAKE_ANSWERS);
	uint32_t asked = 0;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *body = NULL;
		size_t len = 0;
		int r = docker_get(client->docker, cases[i].call, cases[i].path, 100, &body, &len);
		asked += cases[i].listed;
		assert_int_equal(r, cases[i].listed ? 0 : -EPERM);
		if (!cases[i].listed)
			reason_has(client, "not in the list of allowed requests");
		assert_int_equal(fake_engine_asked(client->engine, "/v1.41/"), asked);
		free(body);
	}
	client_destroy(client);
}

static void a_missing_socket_is_named_in_the_error(void **state)
{
	struct client *client = client_create();
	struct docker_config config = client->config;
	struct docker *docker;
	(void)state;
	config.endpoint = "unix:///nonexistent/docker.sock";
	assert_int_equal(docker_create(fake_host_ctx(client->host), &config, &docker), 0);
	assert_int_equal(docker_connect(docker), -ENOENT);
	reason_has(client, "unix:///nonexistent/docker.sock: no such socket: is dockerd running?");
	docker_destroy(docker);
	client_destroy(client);
}

static void an_engine_at_another_socket_is_named(void **state)
{
	(void)state;
	if (access("/var/run/docker.sock", F_OK) == 0 ||
	    access("/run/podman/podman.sock", F_OK) == 0)
		skip(); /* these come first */
	struct client *client = client_create();
	struct docker_config config = client->config;
	struct docker *docker;
	char folder[] = "/tmp/tallyd_run_XXXXXX", path[100];
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/podman", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/podman/podman.sock", folder);
	assert_int_equal(symlink(fake_engine_endpoint(client->engine) + strlen("unix://"), path),
			 0);
	setenv("XDG_RUNTIME_DIR", folder, 1);
	config.endpoint = "unix:///nonexistent/docker.sock";
	assert_int_equal(docker_create(fake_host_ctx(client->host), &config, &docker), 0);
	assert_int_equal(docker_connect(docker), -ENOENT);
	reason_has(client, path);
	unsetenv("XDG_RUNTIME_DIR");
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
	rmdir(folder);
	docker_destroy(docker);
	client_destroy(client);
}

static void a_stopped_instance_asks_nothing_more(void **state)
{
	struct client *client = client_create();
	(void)state;
	fake_host_stop(client->host);
	assert_int_equal(docker_connect(client->docker), -ECANCELED);
	client_destroy(client);
}

/* ---- Many ---- */

struct counted {
	uint32_t answered, failed;
};

static void counted_path(void *arg, uint32_t i, char ret[FETCH_PATH_SIZE])
{
	(void)arg;
	snprintf(ret, FETCH_PATH_SIZE, "/containers/%s%u/stats", i % 10 ? "quick" : "hung", i);
}

static void counted_done(void *arg, uint32_t i, struct fetch_answer *answer)
{
	struct counted *counted = arg;
	if (!answer->error)
		counted->answered++;
	else if (i % 10 == 0)
		counted->failed++;
}

/* 40 of 400 hang, over 8 connections: not 5 timeouts one after another. */
static void many_that_hang_cost_two_timeouts_at_most(void **state)
{
	struct client *client = client_create();
	struct counted counted = {0};
	const struct fetch_job job = {.n = 400,
				      .concurrency = 8,
				      .max_bytes = 100,
				      .path = counted_path,
				      .done = counted_done,
				      .arg = &counted};
	(void)state;
	assert_int_equal(docker_connect(client->docker), 0);
	fake_engine_set(client->engine, "/quick", 200, "{}", FAKE_ANSWERS);
	fake_engine_set(client->engine, "/hung", 200, "{}", FAKE_HANGS);
	assert_int_equal(docker_get_many(client->docker, DOCKER_STATS, &job), 0);
	assert_true(counted.failed > 0);
	assert_true(counted.answered > 60);
	/* And the client is as good as new. */
	assert_int_equal(get(client, "/quick", 10), 0);
	client_destroy(client);
}

static void hundreds_at_once_are_all_answered(void **state)
{
	struct client *client = client_create();
	struct counted counted = {0};
	const struct fetch_job job = {.n = 500,
				      .concurrency = 500,
				      .max_bytes = 100,
				      .path = counted_path,
				      .done = counted_done,
				      .arg = &counted};
	(void)state;
	client->config.timeout = INT64_C(20000000000);
	assert_int_equal(docker_connect(client->docker), 0);
	fake_engine_set(client->engine, "/", 200, "{}", FAKE_LATE);
	assert_int_equal(docker_get_many(client->docker, DOCKER_STATS, &job), 0);
	assert_int_equal(counted.answered, 500);
	assert_int_equal(fake_engine_most_at_once(client->engine), 500);
	client_destroy(client);
}

/* ---- What is configured ---- */

static void endpoints_are_understood(void **state)
{
	struct docker_endpoint endpoint;
	(void)state;
	assert_null(docker_endpoint_parse("unix:///var/run/docker.sock", &endpoint));
	assert_string_equal(endpoint.path, "/var/run/docker.sock");
	assert_null(docker_endpoint_parse("tcp://10.0.0.1:2375", &endpoint));
	assert_string_equal(endpoint.url, "http://10.0.0.1:2375");
	assert_string_equal(endpoint.path, "");
	assert_null(docker_endpoint_parse("tcp://[::1]:2375/", &endpoint));
	assert_string_equal(endpoint.url, "http://[::1]:2375");
	assert_null(docker_endpoint_parse("https://engine.example:2376", &endpoint));
	assert_string_equal(endpoint.url, "https://engine.example:2376");
	assert_true(endpoint.tls);
}

static void endpoints_that_make_no_sense_are_refused(void **state)
{
	static const char *const bad[] = {"",
					  "/var/run/docker.sock",
					  "unix://relative",
					  "tcp://host",
					  "tcp://host:0",
					  "tcp://host:65536",
					  "tcp://host:12x",
					  "tcp://:2375",
					  "tcp://user@host:2375",
					  "tcp://[::1:2375",
					  "https://host:2376/path",
					  "ssh://host:22"};
	struct docker_endpoint endpoint;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!docker_endpoint_parse(bad[i], &endpoint))
			fail_msg("%s was taken", bad[i]);
}

static void tls_options_need_tls_and_each_other(void **state)
{
	struct client *client = client_create();
	struct docker_config config = client->config;
	struct docker *docker;
	(void)state;
	config.tls_ca = "/ca.pem";
	assert_int_equal(docker_create(fake_host_ctx(client->host), &config, &docker), -EINVAL);
	reason_has(client, "need an https:// endpoint");
	config.endpoint = "https://host:2376";
	config.tls_cert = "/cert.pem";
	assert_int_equal(docker_create(fake_host_ctx(client->host), &config, &docker), -EINVAL);
	reason_has(client, "need each other");
	client_destroy(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_lower_of_the_two_newest_versions_is_spoken),
		cmocka_unit_test(an_engine_that_is_too_old_or_too_new_is_refused_with_both_ranges),
		cmocka_unit_test(an_answer_without_a_version_is_refused_with_a_hint),
		cmocka_unit_test(the_version_is_asked_for_once),
		cmocka_unit_test(in_a_container_the_engine_says_what_the_machine_is_called),
		cmocka_unit_test(no_rows_are_made_before_the_machines_name_is_known),
		cmocka_unit_test(a_refused_info_is_said_and_costs_only_the_name),
		cmocka_unit_test(a_second_engine_with_another_name_is_said),
		cmocka_unit_test(a_body_may_be_as_long_as_its_bound_and_not_a_byte_longer),
		cmocka_unit_test(every_way_to_fail_is_named),
		cmocka_unit_test(no_request_is_sent_that_is_not_listed),
		cmocka_unit_test(a_missing_socket_is_named_in_the_error),
		cmocka_unit_test(an_engine_at_another_socket_is_named),
		cmocka_unit_test(a_stopped_instance_asks_nothing_more),
		cmocka_unit_test(many_that_hang_cost_two_timeouts_at_most),
		cmocka_unit_test(hundreds_at_once_are_all_answered),
		cmocka_unit_test(endpoints_are_understood),
		cmocka_unit_test(endpoints_that_make_no_sense_are_refused),
		cmocka_unit_test(tls_options_need_tls_and_each_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

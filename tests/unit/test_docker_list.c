#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "docker/docker_list.h"
#include "docker/docker_service.h"
#include "docker/container_match.h"
#include "test.h"

static const char *parse(const char *text, struct docker_list *ret)
{
	size_t offset;
	char *body = strdup(text);
	assert_non_null(body);
	return docker_list_parse(body, strlen(body), ret, &offset);
}

static void containers_come_in_the_order_of_their_ids(void **state)
{
	struct docker_list list;
	(void)state;
	assert_null(
		parse("[{\"Id\":\"b2\"},{\"Id\":\"a1\",\"Names\":null},{\"Id\":\"c3\"}]", &list));
	assert_int_equal(list.n, 3);
	assert_string_equal(list.items[0].id, "a1");
	assert_string_equal(list.items[0].name, "");
	assert_string_equal(docker_list_find(&list, "c3")->id, "c3");
	assert_null(docker_list_find(&list, "d4"));
	docker_list_done(&list);
}

static void a_container_is_known_by_its_own_name_and_not_by_a_link(void **state)
{
	struct docker_list list;
	(void)state;
	assert_null(parse("[{\"Id\":\"a\",\"Names\":[\"/web/db\",\"/db\",\"/x/db\"]}]", &list));
	assert_string_equal(list.items[0].name, "db");
	docker_list_done(&list);
}

static void ids_that_would_change_a_path_are_refused(void **state)
{
	static const char *const bad[] = {
		"[{\"Id\":\"\"}]",    "[{\"Id\":null}]",    "[{}]",
		"[{\"Id\":\"a/b\"}]", "[{\"Id\":\"a?b\"}]", "[{\"Id\":\"a\\u0000b\"}]",
		"[{\"Id\":7}]"};
	struct docker_list list;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!parse(bad[i], &list))
			fail_msg("%s was taken", bad[i]);
}

static void labels_are_found_decoded_and_kept_as_sent(void **state)
{
	static const char labels[] = "{\"a\\u0062c\": \"x\\\"y\", \"empty\": \"\"}";
	struct docker_list list;
	char text[100], value[8];
	(void)state;
	snprintf(text, sizeof(text), "[{\"Id\":\"a\",\"Labels\":%s}]", labels);
	assert_null(parse(text, &list));
	assert_true(docker_container_label(&list.items[0], "abc", value, sizeof(value)));
	assert_string_equal(value, "x\"y");
	assert_true(docker_container_label(&list.items[0], "empty", value, sizeof(value)));
	assert_string_equal(value, "");
	assert_false(docker_container_label(&list.items[0], "ab", value, sizeof(value)));
	assert_int_equal(list.items[0].labels.len, strlen(labels));
	assert_memory_equal(list.items[0].labels.at, labels, strlen(labels));
	docker_list_done(&list);
}

static void is_of_service(const char *labels, const char *wanted)
{
	char text[600], service[DOCKER_SERVICE_SIZE];
	struct docker_list list;
	snprintf(text, sizeof(text), "[{\"Id\":\"a\",\"Names\":[\"/web-1\"],\"Labels\":%s}]",
		 labels);
	assert_null(parse(text, &list));
	bool found = docker_service_of_labels(&list.items[0], "team.service", service);
	assert_int_equal(found, wanted[0] != '\0');
	assert_string_equal(service, wanted);
	docker_list_done(&list);
}

static void a_service_is_what_the_labels_say(void **state)
{
	(void)state;
	is_of_service("{\"com.docker.compose.service\":\"web\","
		      "\"com.docker.compose.project\":\"shop\","
		      "\"com.docker.compose.oneoff\":\"False\"}",
		      "shop/web");
	is_of_service("{\"com.docker.compose.service\":\"web\"}", "web");
	is_of_service("{\"com.docker.swarm.service.name\":\"shop_web\"}", "shop_web");
	is_of_service("{\"com.docker.compose.service\":\"web\",\"team.service\":\"front\"}",
		      "front");
	is_of_service("{\"team.service\":\"\",\"com.docker.swarm.service.name\":\"x\"}", "x");
	is_of_service("{\"other\":[\"com.docker.swarm.service.name\"]}", "");
	is_of_service("{}", "");
	is_of_service("null", "");
}

/* `docker compose run web sh` has all labels of web, and is not one of its containers. */
static void a_one_off_container_is_of_no_service(void **state)
{
	(void)state;
	is_of_service("{\"com.docker.compose.service\":\"web\","
		      "\"com.docker.compose.project\":\"shop\","
		      "\"com.docker.compose.oneoff\":\"True\"}",
		      "");
}

static void a_long_service_is_cut_between_characters(void **state)
{
	char text[700], service[DOCKER_SERVICE_SIZE], labels[400] = "";
	struct docker_list list;
	(void)state;
	for (int i = 0; i < 150; i++)
		memcpy(labels + 2 * i, "é", 3); /* two bytes each, and a NUL */
	snprintf(text, sizeof(text), "[{\"Id\":\"a\",\"Labels\":{\"s\":\"%s\"}}]", labels);
	assert_null(parse(text, &list));
	assert_true(docker_service_of_labels(&list.items[0], "s", service));
	assert_int_equal(strlen(service), DOCKER_SERVICE_SIZE - 2);
	docker_list_done(&list);
}

/* ---- Filters ---- */

static bool passes(const char *const *include, const char *const *exclude)
{
	const struct match match = {include, exclude};
	struct docker_list list;
	assert_null(parse("[{\"Id\":\"a\",\"Names\":[\"/web-1\"],\"Image\":\"reg:5000/team/web:2\","
			  "\"State\":\"running\",\"Labels\":{\"env\":\"prod\",\"solo\":\"\"}}]",
			  &list));
	assert_null(match_check(&match));
	bool r = docker_container_passes(&list.items[0], &match);
	docker_list_done(&list);
	return r;
}

#define PATTERNS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void without_filters_everything_passes(void **state)
{
	(void)state;
	assert_true(passes(NULL, NULL));
}

static void every_kind_of_pattern_fits_what_it_names(void **state)
{
	(void)state;
	assert_true(passes(PATTERNS("web*"), NULL));
	assert_true(passes(PATTERNS("name=web-?"), NULL));
	assert_true(passes(PATTERNS("image=*/web:?"), NULL));
	assert_true(passes(PATTERNS("label=env"), NULL));
	assert_true(passes(PATTERNS("label=env=pr*"), NULL));
	assert_true(passes(PATTERNS("label=solo="), NULL));
	assert_true(passes(PATTERNS("state=running"), NULL));
	assert_false(passes(PATTERNS("name=db*"), NULL));
	assert_false(passes(PATTERNS("label=env=test"), NULL));
	assert_false(passes(PATTERNS("label=other"), NULL));
}

static void patterns_of_one_kind_are_alternatives_and_kinds_must_all_fit(void **state)
{
	(void)state;
	assert_true(passes(PATTERNS("name=db*", "name=web*"), NULL));
	assert_true(passes(PATTERNS("name=web*", "label=env=prod"), NULL));
	assert_false(passes(PATTERNS("name=web*", "label=env=test"), NULL));
}

static void one_exclude_that_fits_is_enough(void **state)
{
	(void)state;
	assert_false(passes(NULL, PATTERNS("name=db*", "label=env=prod")));
	assert_false(passes(PATTERNS("name=web*"), PATTERNS("image=reg:5000/*")));
	assert_true(passes(NULL, PATTERNS("name=db*")));
}

static void patterns_of_unknown_kinds_are_found(void **state)
{
	const struct match wrong = {PATTERNS("name=x"), PATTERNS("img=y")};
	const struct match empty = {PATTERNS("name="), NULL};
	(void)state;
	assert_string_equal(match_check(&wrong), "img=y");
	assert_string_equal(match_check(&empty), "name=");
}

/* ---- Status ---- */

static void the_age_is_read_off_the_status(void **state)
{
	static const struct {
		const char *status;
		int64_t age;
	} cases[] = {{"Up Less than a second", 0},
		     {"Up 1 second", 1},
		     {"Up 36 seconds (unhealthy)", 36},
		     {"Up About a minute", 60},
		     {"Up 5 minutes (Paused)", 300},
		     {"Up About an hour", 3600},
		     {"Up 47 hours", 169200},
		     {"Up 2 weeks", 1209600},
		     {"Up 3 months", 7776000},
		     {"Exited (137) 33 seconds ago", 33},
		     {"Exited (0) About a minute ago", 60},
		     {"Restarting (7) 3 seconds ago", 3},
		     {"Created", -1},
		     {"Dead", -1},
		     {"", -1},
		     {"Up ", -1},
		     {"Up 99999999999999999999 years", -1},
		     {"Up 3 fortnights", -1}};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (docker_status_age(cases[i].status) != cases[i].age)
			fail_msg("%s", cases[i].status);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(containers_come_in_the_order_of_their_ids),
		cmocka_unit_test(a_container_is_known_by_its_own_name_and_not_by_a_link),
		cmocka_unit_test(ids_that_would_change_a_path_are_refused),
		cmocka_unit_test(a_service_is_what_the_labels_say),
		cmocka_unit_test(a_one_off_container_is_of_no_service),
		cmocka_unit_test(a_long_service_is_cut_between_characters),
		cmocka_unit_test(labels_are_found_decoded_and_kept_as_sent),
		cmocka_unit_test(without_filters_everything_passes),
		cmocka_unit_test(every_kind_of_pattern_fits_what_it_names),
		cmocka_unit_test(patterns_of_one_kind_are_alternatives_and_kinds_must_all_fit),
		cmocka_unit_test(one_exclude_that_fits_is_enough),
		cmocka_unit_test(patterns_of_unknown_kinds_are_found),
		cmocka_unit_test(the_age_is_read_off_the_status),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

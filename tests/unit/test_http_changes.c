/* The list of changes says of each what was found of it, from a store to the answer. */
#include <effects/effects_table.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "changes/changes_table.h"
#include "http_fixture.h"
#include "test.h"

#define CHANGED (HTTP_NOW - 2 * CLOCK_HOUR)
#define MEASURES                                                                                   \
	"{\"cpu\":{\"verdict\":\"worse\",\"unit\":\"percent\",\"before\":10,\"after\":30,"         \
	"\"difference\":20}}"

static void add_change(struct http_fixture *fixture, int64_t time, const char *service,
		       const char *kind)
{
	struct fake_store *store = fixture->store;
	struct tally_cell *row = fake_store_row(store, "container_changes");
	fake_store_int(store, row, "time", time);
	fake_store_text(store, row, "host", "alpha");
	if (service)
		fake_store_text(store, row, "service", service);
	fake_store_text(store, row, "kind", kind);
	fake_store_text(store, row, "id", kind);
}

struct found {
	const char *host, *service, *kinds, *verdict;
	int64_t changed, window; /* ns, s */
};

static void add_effect(struct http_fixture *fixture, const struct found *found)
{
	struct fake_store *store = fixture->store;
	struct tally_cell *row = fake_store_row(store, "change_effects");
	fake_store_int(store, row, "time", found->changed + found->window * CLOCK_SECOND);
	fake_store_text(store, row, "host", found->host);
	if (found->service)
		fake_store_text(store, row, "service", found->service);
	fake_store_int(store, row, "window", found->window);
	fake_store_text(store, row, "verdict", found->verdict);
	fake_store_text(store, row, "summary", "in a line");
	fake_store_text(store, row, "measures", MEASURES);
	fake_store_text(store, row, "kinds", found->kinds);
	fake_store_int(store, row, "changed", found->changed);
}

static int set_up(void **state)
{
	struct http_fixture *fixture = calloc(1, sizeof(*fixture));
	http_prepare(fixture);
	fake_store_table(fixture->store, &changes_table);
	*state = fixture;
	return 0;
}

static int set_up_effects(void **state)
{
	set_up(state);
	fake_store_table(((struct http_fixture *)*state)->store, &effects_table);
	return 0;
}

/* The verdict of the one row of that kind: "null" where there is none. */
static void expect_verdict(const struct http_answer *answer, const char *kind, const char *verdict)
{
	json_t *row;
	size_t i, found = 0;
	json_array_foreach(json_object_get(answer->json, "data"), i, row)
	{
		json_t *effect = json_object_get(row, "effect");
		json_t *said = json_object_get(effect, "verdict");
		if (strcmp(json_string_value(json_object_get(row, "kind")), kind) != 0)
			continue;
		found++;
		assert_non_null(effect);
		assert_string_equal(json_is_null(effect) ? "null" : json_string_value(said),
				    verdict);
	}
	assert_int_equal(found, 1);
}

static void a_change_has_what_was_found_of_it(void **state)
{
	struct http_fixture *fixture = *state;
	add_change(fixture, CHANGED, "shop/web", "image");
	add_effect(fixture, &(struct found){"alpha", "shop/web", "image", "worse", CHANGED, 3600});
	http_start(fixture);
	struct http_answer answer = http_get(fixture, "/api/v1/changes");
	assert_int_equal(answer.status, 200);
	assert_non_null(strstr(answer.body,
			       "\"effect\":{\"verdict\":\"worse\",\"window\":3600,"
			       "\"summary\":\"in a line\",\"measures\":" MEASURES "}}"));
	http_free(&answer);
}

static void all_changes_of_a_deployment_that_were_judged_have_it(void **state)
{
	struct http_fixture *fixture = *state;
	add_change(fixture, CHANGED, "shop/web", "image");
	add_change(fixture, CHANGED, "shop/web", "limits");
	add_change(fixture, CHANGED, "shop/web", "restart");               /* an effect itself */
	add_change(fixture, CHANGED, "shop/api", "config");                /* of another service */
	add_change(fixture, CHANGED + CLOCK_MINUTE, "shop/web", "mounts"); /* not judged yet */
	add_change(fixture, CHANGED, NULL, "mark");
	add_effect(fixture,
		   &(struct found){"alpha", "shop/web", "image, limits", "better", CHANGED, 3600});
	add_effect(fixture, &(struct found){"alpha", NULL, "mark", "no difference", CHANGED, 3600});
	add_effect(fixture, &(struct found){"beta", "shop/api", "config", "worse", CHANGED, 3600});
	http_start(fixture);
	struct http_answer answer = http_get(fixture, "/api/v1/changes");
	assert_int_equal(answer.status, 200);
	expect_verdict(&answer, "image", "better");
	expect_verdict(&answer, "limits", "better");
	expect_verdict(&answer, "restart", "null");
	expect_verdict(&answer, "config", "null");
	expect_verdict(&answer, "mounts", "null");
	expect_verdict(&answer, "mark", "no difference");
	http_free(&answer);
}

static void of_several_windows_the_longest_counts(void **state)
{
	struct http_fixture *fixture = *state;
	add_change(fixture, CHANGED, "shop/web", "image");
	add_effect(fixture, &(struct found){"alpha", "shop/web", "image", "worse", CHANGED, 300});
	add_effect(fixture, &(struct found){"alpha", "shop/web", "image", "better", CHANGED, 3600});
	add_effect(fixture, &(struct found){"alpha", "shop/web", "image", "worse", CHANGED, 900});
	http_start(fixture);
	struct http_answer answer = http_get(fixture, "/api/v1/changes");
	expect_verdict(&answer, "image", "better");
	http_free(&answer);
}

static void it_is_a_column_of_every_format(void **state)
{
	struct http_fixture *fixture = *state;
	add_change(fixture, CHANGED, "shop/web", "image");
	add_change(fixture, CHANGED, "shop/web", "oom");
	add_effect(fixture, &(struct found){"alpha", "shop/web", "image", "worse", CHANGED, 3600});
	http_start(fixture);
	struct http_answer csv =
		http_get(fixture, "/api/v1/changes?fields=kind,effect&format=csv&sort=kind");
	assert_int_equal(csv.status, 200);
	assert_ptr_equal(strstr(csv.body, "kind,effect\r\nimage,\"{\"\"verdict\"\":\"\"worse\"\","),
			 csv.body);
	assert_non_null(strstr(csv.body, "\r\noom,\r\n"));
	http_free(&csv);
	struct http_answer other = http_get(fixture, "/api/v1/changes?fields=kind");
	assert_null(strstr(other.body, "effect"));
	http_free(&other);
}

/* 48 MB of others' effects, where an answer reads 32. */
static void effects_of_other_services_take_no_room(void **state)
{
	enum { OTHERS = 24000 };
	struct http_fixture *fixture = *state;
	char *name = calloc(1, 2001);
	add_change(fixture, CHANGED, "shop/web", "image");
	add_change(fixture, CHANGED - CLOCK_DAY, "shop/web", "limits");
	add_change(fixture, CHANGED, NULL, "mark");
	add_change(fixture, CHANGED - CLOCK_DAY, NULL, "mark");
	add_effect(fixture, &(struct found){"alpha", NULL, "mark", "better", CHANGED, 3600});
	add_effect(fixture, &(struct found){"alpha", "shop/web", "image", "worse", CHANGED, 3600});
	memset(name, 'x', 2000);
	for (int i = 0; i < OTHERS; i++)
		add_effect(fixture, &(struct found){"alpha", name, "image", "better",
						    CHANGED - i * CLOCK_SECOND, 3600});
	http_start(fixture);
	struct http_answer answer = http_get(fixture, "/api/v1/changes?service=shop/web");
	assert_int_equal(answer.status, 200);
	expect_verdict(&answer, "image", "worse");
	expect_verdict(&answer, "limits", "null");
	http_free(&answer);
	answer = http_get(fixture, "/api/v1/changes?kind=mark");
	assert_int_equal(answer.status, 200);
	assert_non_null(strstr(answer.body, "\"better\""));
	http_free(&answer);
	free(name);
}

/* Of the page's services themselves, but of no change on it: as much again. */
static void effects_of_other_changes_take_no_room_either(void **state)
{
	enum { SERVICES = 100, OTHERS = 2400 };
	struct http_fixture *fixture = *state;
	char name[32], *kinds = calloc(1, 20001);
	memset(kinds, 'x', 20000);
	for (int i = 0; i < SERVICES; i++) {
		snprintf(name, sizeof(name), "service-%03d", i);
		add_change(fixture, CHANGED - i * CLOCK_HOUR, name, "image");
		add_change(fixture, CHANGED - i * CLOCK_HOUR, NULL, "mark");
		add_effect(fixture, &(struct found){"alpha", name, "image", "worse",
						    CHANGED - i * CLOCK_HOUR, 3600});
		add_effect(fixture, &(struct found){"alpha", NULL, "mark", "worse",
						    CHANGED - i * CLOCK_HOUR, 3600});
	}
	for (int i = 0; i < OTHERS; i++) {
		snprintf(name, sizeof(name), "service-%03d", i % SERVICES);
		add_effect(fixture, &(struct found){"alpha", name, kinds, "better",
						    CHANGED - i * CLOCK_MINUTE, 3600});
	}
	http_start(fixture);
	struct http_answer answer = http_get(fixture, "/api/v1/changes?limit=1000");
	assert_int_equal(answer.status, 200);
	json_t *rows = json_object_get(answer.json, "data"), *row;
	size_t i;
	assert_int_equal(json_array_size(rows), 2 * SERVICES);
	json_array_foreach(rows, i, row) assert_string_equal(
		json_string_value(json_object_get(json_object_get(row, "effect"), "verdict")),
		"worse");
	http_free(&answer);
	free(kinds);
}

static unsigned queries_for(struct http_fixture *fixture, const char *target)
{
	unsigned before = fake_store_queries(fixture->store);
	struct http_answer answer = http_get(fixture, target);
	assert_int_equal(answer.status, 200);
	http_free(&answer);
	return fake_store_queries(fixture->store) - before;
}

static void it_is_read_only_where_it_is_shown(void **state)
{
	struct http_fixture *fixture = *state;
	add_change(fixture, CHANGED, "shop/web", "image");
	http_start(fixture);
	queries_for(fixture, "/api/v1/changes"); /* also which tables there are */
	assert_int_equal(queries_for(fixture, "/api/v1/changes?fields=kind"), 1);
	assert_int_equal(queries_for(fixture, "/api/v1/changes"), 2);
	assert_int_equal(queries_for(fixture, "/api/v1/changes?kind=mark"), 1);
}

static void nobody_has_judged_anything_in_a_store_without_the_table(void **state)
{
	struct http_fixture *fixture = *state;
	add_change(fixture, CHANGED, "shop/web", "image");
	http_start(fixture);
	struct http_answer answer = http_get(fixture, "/api/v1/changes");
	assert_int_equal(answer.status, 200);
	expect_verdict(&answer, "image", "null");
	http_free(&answer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_effects, http_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_change_has_what_was_found_of_it),
		TEST(all_changes_of_a_deployment_that_were_judged_have_it),
		TEST(of_several_windows_the_longest_counts),
		TEST(it_is_a_column_of_every_format),
		TEST(effects_of_other_services_take_no_room),
		TEST(effects_of_other_changes_take_no_room_either),
		TEST(it_is_read_only_where_it_is_shown),
		cmocka_unit_test_setup_teardown(
			nobody_has_judged_anything_in_a_store_without_the_table, set_up,
			http_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

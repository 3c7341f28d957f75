/* Which patterns of lines a change brought, from a store to the answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "changes/changes_table.h"
#include "http_fixture.h"
#include "logs/logs_table.h"
#include "patterns/patterns_table.h"
#include "test.h"

#define CHANGED (HTTP_NOW - CLOCK_MINUTE)
#define EFFECT "/api/v1/changes/%llx-1/effect?window=24s"

static const struct tally_column info_columns[] = {
	{.name = "time", .type = TALLY_TIME, .role = TALLY_FIELD},
	{.name = "host", .type = TALLY_TEXT, .role = TALLY_TAG},
	{.name = "container_id", .type = TALLY_TEXT, .role = TALLY_TAG},
	{.name = "service", .type = TALLY_TEXT, .role = TALLY_FIELD},
	{.name = "created", .type = TALLY_TIME, .role = TALLY_FIELD},
	{.name = "gone_at", .type = TALLY_TIME, .role = TALLY_GONE},
};
static const struct tally_table info_table = {.name = "container_info",
					      .kind = TALLY_STATE,
					      .columns = info_columns,
					      .n_columns =
						      sizeof(info_columns) / sizeof(*info_columns)};

static struct tally_cell *add_row(struct http_fixture *fixture, const char *table, int64_t time)
{
	struct tally_cell *row = fake_store_row(fixture->store, table);
	fake_store_int(fixture->store, row, "time", time);
	fake_store_text(fixture->store, row, "host", "alpha");
	return row;
}

static void add_pattern(struct http_fixture *fixture, const char *id, int64_t first_seen)
{
	struct tally_cell *row = add_row(fixture, "log_patterns", first_seen);
	fake_store_text(fixture->store, row, "service", "shop/web");
	fake_store_text(fixture->store, row, "id", id);
	fake_store_text(fixture->store, row, "template", "<*>");
	fake_store_int(fixture->store, row, "first_seen", first_seen);
}

static void add_line(struct http_fixture *fixture, const char *pattern, int64_t time)
{
	struct tally_cell *row = add_row(fixture, "container_logs", time);
	fake_store_text(fixture->store, row, "container_id", "1");
	fake_store_text(fixture->store, row, "pattern", pattern);
}

static int set_up(void **state)
{
	struct http_fixture *fixture = calloc(1, sizeof(*fixture));
	char id[32];
	http_prepare(fixture);
	fixture->config.query_timeout = CLOCK_MINUTE;
	fake_store_drop(fixture->store, "container_info");
	fake_store_table(fixture->store, &info_table);
	fake_store_table(fixture->store, &changes_table);
	fake_store_table(fixture->store, &logs_table);
	fake_store_table(fixture->store, &patterns_table);
	struct tally_cell *row = add_row(fixture, "container_info", CHANGED);
	fake_store_text(fixture->store, row, "container_id", "1");
	fake_store_text(fixture->store, row, "service", "shop/web");
	row = add_row(fixture, "container_changes", CHANGED);
	snprintf(id, sizeof(id), "%llx-1", (long long)CHANGED / 1000);
	fake_store_text(fixture->store, row, "id", id);
	fake_store_text(fixture->store, row, "service", "shop/web");
	fake_store_text(fixture->store, row, "kind", "image");
	*state = fixture;
	return 0;
}

static void effect_target(char *target, size_t size)
{
	snprintf(target, size, EFFECT, (long long)CHANGED / 1000);
}

static void a_pattern_is_new_with_its_lines_or_without(void **state)
{
	struct http_fixture *fixture = *state;
	char target[100];
	add_pattern(fixture, "aaaaaaaaaaaa", CHANGED - CLOCK_HOUR); /* has no lines here */
	add_pattern(fixture, "bbbbbbbbbbbb", CHANGED - CLOCK_HOUR);
	add_pattern(fixture, "cccccccccccc", CHANGED + CLOCK_SECOND);
	add_pattern(fixture, "dddddddddddd", CHANGED + CLOCK_SECOND); /* has none, either */
	for (int i = 1; i < 24; i++)
		add_line(fixture, "bbbbbbbbbbbb", CHANGED - i * CLOCK_SECOND);
	for (int i = 1; i < 10; i++)
		add_line(fixture, "cccccccccccc", CHANGED + i * CLOCK_SECOND);
	http_start(fixture);
	effect_target(target, sizeof(target));
	struct http_answer answer = http_get(fixture, target);
	assert_int_equal(answer.status, 200);
	json_t *patterns = json_object_get(answer.json, "patterns");
	json_t *new = json_object_get(patterns, "new"), *one = json_array_get(new, 0);
	assert_int_equal(json_array_size(new), 2);
	assert_string_equal(json_string_value(json_object_get(one, "pattern")), "cccccccccccc");
	assert_int_equal(json_integer_value(json_object_get(one, "before")), 0);
	assert_int_equal(json_integer_value(json_object_get(one, "after")), 9);
	one = json_array_get(new, 1);
	assert_string_equal(json_string_value(json_object_get(one, "pattern")), "dddddddddddd");
	assert_int_equal(json_integer_value(json_object_get(one, "after")), 0);
	assert_int_equal(json_array_size(json_object_get(patterns, "grown")), 0);
	json_t *vanished = json_object_get(patterns, "vanished");
	assert_int_equal(json_array_size(vanished), 1);
	one = json_array_get(vanished, 0);
	assert_string_equal(json_string_value(json_object_get(one, "pattern")), "bbbbbbbbbbbb");
	http_free(&answer);
}

static int step_of(struct http_fixture *fixture, const char *window)
{
	char target[100];
	snprintf(target, sizeof(target), "/api/v1/changes/%llx-1/effect?window=%s",
		 (long long)CHANGED / 1000, window);
	struct http_answer answer = http_get(fixture, target);
	assert_int_equal(answer.status, 200);
	int step = (int)json_integer_value(json_object_get(answer.json, "step"));
	http_free(&answer);
	return step;
}

static void points_of_many_containers_are_larger(void **state)
{
	struct http_fixture *fixture = *state;
	char id[16];
	http_start(fixture);
	assert_int_equal(step_of(fixture, "1d"), 900);
	assert_int_equal(step_of(fixture, "1h"), 60);
	for (int i = 2; i <= 20; i++) {
		struct tally_cell *row = add_row(fixture, "container_info", CHANGED);
		snprintf(id, sizeof(id), "%d", i);
		fake_store_text(fixture->store, row, "container_id", id);
		fake_store_text(fixture->store, row, "service", "shop/web");
	}
	assert_int_equal(step_of(fixture, "1d"), 3600);
	assert_int_equal(step_of(fixture, "1h"), 60); /* a block has five */
}

/* Rows that the store's answer has room for, each of which would need much more than itself. */
static void patterns_with_lines_are_bounded(void **state)
{
	struct http_fixture *fixture = *state;
	char target[100], id[16];
	for (int i = 0; i < 45000; i++) {
		snprintf(id, sizeof(id), "%012x", i);
		add_pattern(fixture, id, CHANGED - CLOCK_HOUR);
		add_line(fixture, id, CHANGED - 10 * CLOCK_SECOND);
	}
	http_start(fixture);
	effect_target(target, sizeof(target));
	http_expect_problem(fixture, target, 413, NULL, "too many results");
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, http_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_pattern_is_new_with_its_lines_or_without),
		TEST(points_of_many_containers_are_larger),
		TEST(patterns_with_lines_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

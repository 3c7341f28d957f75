#include "http_resources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

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

int resources_set_up(void **state)
{
	struct http_fixture *fixture = calloc(1, sizeof(*fixture));
	http_prepare(fixture);
	fill(fixture);
	http_start(fixture);
	*state = fixture;
	return 0;
}

int resources_set_up_empty(void **state)
{
	struct http_fixture *fixture = calloc(1, sizeof(*fixture));
	http_prepare(fixture);
	http_start(fixture);
	*state = fixture;
	return 0;
}

json_t *json_at(json_t *json, const char *path)
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

const char *text_at(const struct http_answer *answer, const char *path)
{
	const char *text = json_string_value(json_at(answer->json, path));
	return text ? text : "(none)";
}

size_t count_rows(void **state, const char *target)
{
	struct http_answer answer = http_ok(state, target);
	size_t n = json_array_size(json_at(answer.json, "data"));
	http_free(&answer);
	return n;
}

size_t walk_pages(void **state, const char *first, const char *key, char (*ret)[80], size_t max)
{
	char target[2048];
	size_t n = 0;
	snprintf(target, sizeof(target), "%s", first);
	for (;;) {
		struct http_answer answer = http_ok(state, target);
		json_t *data = json_at(answer.json, "data");
		for (size_t i = 0; i < json_array_size(data) && n < max; i++) {
			json_t *value = json_object_get(json_array_get(data, i), key);
			snprintf(ret[n++], sizeof(*ret), "%s", json_string_value(value));
		}
		const char *cursor = json_string_value(json_at(answer.json, "next_cursor"));
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

void assert_body(void **state, const char *target, const char *type, const char *wanted)
{
	struct http_answer answer = http_ok(state, target);
	assert_string_equal(http_header(&answer, "Content-Type"), type);
	assert_string_equal(answer.body, wanted);
	http_free(&answer);
}

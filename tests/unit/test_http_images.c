#include <docker_images/image_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "http_fixture.h"
#include "test.h"

#define OLD "sha256:aaaa0000000000000000000000000000000000000000000000000000000000000"
#define NEW "sha256:bbbb0000000000000000000000000000000000000000000000000000000000000"
#define DB "sha256:bbdb0000000000000000000000000000000000000000000000000000000000000"

#define USER(name, reference, outdated)                                                            \
	"{\"container_id\":\"id-" name "\",\"name\":\"" name "\",\"state\":\"running\","           \
	"\"reference\":\"" reference "\",\"outdated\":" outdated ",\"outdated_since\":null}"

struct image {
	const char *host, *id, *tags, *used_by;
	int outdated;
	bool gone;
};

static const struct image images[] = {
	{"alpha", OLD, "[]", "[" USER("web1", "web", "true") "," USER("web2", "web", "true") "]", 2,
	 false},
	{"alpha", NEW, "[\"web:latest\",\"web:2\"]", "[" USER("web3", "web:2", "false") "]", 0,
	 false},
	{"alpha", DB, "[\"ghcr.io/x/db:16\"]", "[]", 0, false},
	{"beta", NEW, "[\"web:latest\"]", NULL, 0, false},
	{"beta", OLD, "[\"web:latest\"]", "[]", 0, true},
};

static void add_image(struct http_fixture *fixture, const struct image *image)
{
	struct fake_store *store = fixture->store;
	struct tally_cell *row = fake_store_row(store, "docker_images");
	fake_store_int(store, row, "time", HTTP_NOW);
	fake_store_text(store, row, "host", image->host);
	fake_store_text(store, row, "image_id", image->id);
	fake_store_text(store, row, "tags", image->tags);
	fake_store_int(store, row, "outdated", image->outdated);
	fake_store_int(store, row, "dangling", strcmp(image->tags, "[]") == 0);
	fake_store_int(store, row, "size_bytes", 1000);
	if (image->used_by)
		fake_store_text(store, row, "used_by", image->used_by);
	if (image->gone)
		fake_store_int(store, row, "gone_at", HTTP_NOW);
}

static void add_change(struct http_fixture *fixture, int age, const char *reference,
		       const char *from, const char *to)
{
	struct fake_store *store = fixture->store;
	struct tally_cell *row = fake_store_row(store, "image_versions");
	fake_store_int(store, row, "time", HTTP_NOW - age * CLOCK_SECOND);
	fake_store_text(store, row, "host", "alpha");
	fake_store_text(store, row, "reference", reference);
	fake_store_text(store, row, "change", !from ? "added" : !to ? "removed" : "moved");
	if (to)
		fake_store_text(store, row, "image_id", to);
	if (from)
		fake_store_text(store, row, "previous_image_id", from);
}

static int set_up(void **state)
{
	struct http_fixture *fixture = calloc(1, sizeof(*fixture));
	http_prepare(fixture);
	fake_store_table(fixture->store, &images_table);
	fake_store_table(fixture->store, &versions_table);
	for (size_t i = 0; i < sizeof(images) / sizeof(*images); i++)
		add_image(fixture, &images[i]);
	add_change(fixture, 86400 * 3, "web:latest", NULL, OLD);
	add_change(fixture, 3600, "web:latest", OLD, NEW);
	add_change(fixture, 7200, "left:1", DB, NULL);
	http_start(fixture);
	*state = fixture;
	return 0;
}

static int set_up_without_tables(void **state)
{
	struct http_fixture *fixture = calloc(1, sizeof(*fixture));
	http_prepare(fixture);
	http_start(fixture);
	*state = fixture;
	return 0;
}

/* ---- Looking ------------------------------------------------------------- */

/* Two members of all rows, as "alpha/x alpha/y"; the pages are followed to their end. */
static const char *all(void **state, const char *first, const char *left, const char *right)
{
	static char text[2048];
	char target[1024];
	size_t len = 0;
	bool more = true;
	text[0] = '\0';
	snprintf(target, sizeof(target), "%s", first);
	while (more) {
		struct http_answer answer = http_ok(state, target);
		json_t *row, *data = json_object_get(answer.json, "data");
		size_t i;
		json_array_foreach(data, i, row) len += (size_t)snprintf(
			text + len, sizeof(text) - len, "%s%s/%.20s", len ? " " : "",
			json_string_value(json_object_get(row, left)),
			json_string_value(json_object_get(row, right)));
		const char *link = http_header(&answer, "Link");
		more = link;
		if (link)
			snprintf(target, sizeof(target), "%.*s", (int)strcspn(link + 1, ">"),
				 link + 1);
		http_free(&answer);
	}
	return text;
}

static json_t *entry(const struct http_answer *answer, size_t i)
{
	return json_array_get(json_object_get(answer->json, "data"), i);
}

static const char *text_of(json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));
	return text ? text : "null";
}

/* ---- Images -------------------------------------------------------------- */

static void images_are_listed_by_host_and_id(void **state)
{
	assert_string_equal(all(state, "/api/v1/images?limit=2", "host", "image_id"),
			    "alpha/sha256:aaaa000000000 alpha/sha256:bbbb000000000 "
			    "alpha/sha256:bbdb000000000 beta/sha256:bbbb000000000");
	struct http_answer answer = http_ok(state, "/api/v1/images?host=alpha&dangling=yes");
	json_t *image = entry(&answer, 0);
	assert_int_equal(json_array_size(json_object_get(answer.json, "data")), 1);
	assert_true(json_is_true(json_object_get(image, "dangling")));
	assert_int_equal(json_array_size(json_object_get(image, "used_by")), 2);
	assert_true(json_is_null(json_object_get(image, "gone_at")));
	http_free(&answer);
}

static void images_are_narrowed_down(void **state)
{
	assert_string_equal(all(state, "/api/v1/images?reference=db:", "host", "image_id"),
			    "alpha/sha256:bbdb000000000");
	assert_string_equal(all(state, "/api/v1/images?outdated=yes", "host", "image_id"),
			    "alpha/sha256:aaaa000000000");
	assert_string_equal(all(state, "/api/v1/images?outdated=no&host=beta", "host", "image_id"),
			    "beta/sha256:bbbb000000000");
	http_expect_problem(*state, "/api/v1/images?outdated=maybe", 400, "outdated", "no, yes");
	assert_string_equal(all(state, "/api/v1/images?dangling=no&host=beta", "host", "image_id"),
			    "beta/sha256:bbbb000000000");
	assert_string_equal(all(state, "/api/v1/images?gone=yes&host=beta", "host", "image_id"),
			    "beta/sha256:aaaa000000000 beta/sha256:bbbb000000000");
	http_expect_problem(*state, "/api/v1/images?gone=maybe", 400, "gone", "no, yes");
	http_expect_problem(*state, "/api/v1/images?dangling=1", 400, "dangling", "no, yes");
	struct http_answer answer = http_ok(state, "/api/v1/images?format=csv&host=beta");
	assert_non_null(strstr(answer.body, "beta," NEW ",\"[\"\"web:latest\"\"]\""));
	http_free(&answer);
}

static void an_image_is_found_by_id_prefix_and_reference(void **state)
{
	static const char *const words[] = {NEW,   "bbbb",       "sha256:bbbb00",
					    "web", "web:latest", "web%3Alatest"};
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		char target[256];
		snprintf(target, sizeof(target), "/api/v1/images/%s", words[i]);
		struct http_answer answer = http_ok(state, target);
		assert_string_equal(text_of(answer.json, "image_id"), NEW);
		assert_int_equal(json_array_size(json_object_get(answer.json, "hosts")), 2);
		http_free(&answer);
	}
	struct http_answer answer = http_ok(state, "/api/v1/images/ghcr.io%2Fx%2Fdb:16");
	assert_string_equal(text_of(answer.json, "image_id"), DB);
	http_free(&answer);
	answer = http_ok(state, "/api/v1/images/aaaa?host=beta"); /* gone there */
	assert_int_equal(json_array_size(json_object_get(answer.json, "hosts")), 1);
	http_free(&answer);
	http_expect_problem(*state, "/api/v1/images/bb", 409, NULL, "sha256:bbdb00000000 on alpha");
	http_expect_problem(*state, "/api/v1/images/nope", 404, NULL, "nope");
	http_expect_problem(*state, "/api/v1/images/web:3", 404, NULL, "web:3");
	http_expect_problem(*state, "/api/v1/images/ghcr.io/x/db:16?host=alpha", 404, NULL,
			    "written %2F: /api/v1/images/ghcr.io%2Fx%2Fdb:16");
	http_expect_problem(*state, "/api/v1/images/web/", 404, NULL, "/ lists what there is");
	http_expect_problem(*state, "/api/v1/images/a/b/c/d/e/f", 400, NULL, "8 segments");
}

/* ---- Versions ------------------------------------------------------------ */

static void versions_say_who_runs_what(void **state)
{
	struct http_answer answer =
		http_ok(state, "/api/v1/images/versions?reference=web&host=alpha");
	json_t *web = entry(&answer, 0);
	assert_int_equal(json_array_size(json_object_get(answer.json, "data")), 1);
	assert_string_equal(text_of(web, "reference"), "web:latest");
	assert_string_equal(text_of(web, "image_id"), NEW);
	assert_int_equal(json_integer_value(json_object_get(web, "outdated")), 2);
	json_t *user = json_array_get(json_object_get(web, "containers"), 1);
	assert_string_equal(text_of(user, "name"), "web2");
	assert_string_equal(text_of(user, "container_id"), "id-web2");
	assert_string_equal(text_of(user, "image_id"), OLD);
	assert_true(json_is_true(json_object_get(user, "outdated")));
	json_t *change = json_array_get(json_object_get(web, "changes"), 0);
	assert_int_equal(json_array_size(json_object_get(web, "changes")), 2);
	assert_string_equal(text_of(change, "time"), "2026-01-01T11:00:00Z");
	assert_string_equal(text_of(change, "change"), "moved");
	assert_string_equal(text_of(change, "previous_image_id"), OLD);
	http_free(&answer);
}

static void versions_come_by_host_and_reference(void **state)
{
	static const char wanted[] = "alpha/ghcr.io/x/db:16 alpha/left:1 alpha/web:2 "
				     "alpha/web:latest beta/web:latest";
	for (int limit = 1; limit < 7; limit++) {
		char target[64];
		snprintf(target, sizeof(target), "/api/v1/images/versions?limit=%d", limit);
		assert_string_equal(all(state, target, "host", "reference"), wanted);
	}
	assert_string_equal(
		all(state, "/api/v1/images/versions?outdated=yes&limit=1", "host", "reference"),
		"alpha/web:latest");
	assert_string_equal(
		all(state, "/api/v1/images/versions?outdated=no&host=beta", "host", "reference"),
		"beta/web:latest");
	assert_string_equal(
		all(state, "/api/v1/images/versions?sort=-outdated&limit=2", "host", "reference"),
		"alpha/web:latest alpha/ghcr.io/x/db:16 alpha/left:1 alpha/web:2 beta/web:latest");
	assert_string_equal(all(state, "/api/v1/images/versions?sort=-time&host=alpha&limit=1",
				"host", "reference"),
			    "alpha/web:latest alpha/left:1 alpha/ghcr.io/x/db:16 alpha/web:2");
	http_expect_problem(*state, "/api/v1/images/versions?sort=changes", 400, "sort", "JSON");
	http_expect_problem(*state, "/api/v1/images/versions?outdated=maybe", 400, "outdated",
			    "no, yes");
	assert_string_equal(all(state, "/api/v1/images/versions?reference=*:1*&from=now-1h", "host",
				"reference"),
			    "alpha/ghcr.io/x/db:16");
	http_expect_problem(*state, "/api/v1/images/versions?reference=sha256:ab", 400, "reference",
			    "not a reference");
	http_expect_problem(*state, "/api/v1/images/versions?cursor=x", 400, "cursor",
			    "next_cursor");
}

static void what_inputs_write_wrongly_does_no_harm(void **state)
{
	struct http_fixture *fixture = *state;
	add_image(fixture, &(struct image){"gamma", OLD, "{\"a\":", "[{\"reference\":7},null,[]]",
					   0, false});
	add_image(fixture,
		  &(struct image){"gamma", NEW, "[\"x\xff\",1,\"y\"]", "\"text\"", 0, false});
	struct http_answer answer = http_ok(state, "/api/v1/images/versions?host=gamma");
	assert_non_null(answer.json);
	http_free(&answer);
	answer = http_ok(state, "/api/v1/images?host=gamma");
	assert_non_null(answer.json);
	http_free(&answer);
}

static void without_their_tables_there_are_no_images(void **state)
{
	assert_string_equal(all(state, "/api/v1/images", "host", "image_id"), "");
	assert_string_equal(all(state, "/api/v1/images/versions", "host", "reference"), "");
	http_expect_problem(*state, "/api/v1/images/web", 404, NULL, "web");
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, http_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(images_are_listed_by_host_and_id),
		TEST(images_are_narrowed_down),
		TEST(an_image_is_found_by_id_prefix_and_reference),
		TEST(versions_say_who_runs_what),
		TEST(versions_come_by_host_and_reference),
		TEST(what_inputs_write_wrongly_does_no_harm),
		cmocka_unit_test_setup_teardown(without_their_tables_there_are_no_images,
						set_up_without_tables, http_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

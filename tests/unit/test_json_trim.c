/* A JSON text with huge members becomes a small one that is JSON, too. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_reader.h"
#include "base/json_trim.h"
#include "test.h"

struct text {
	char *at;
	size_t len, size;
};

static void add(struct text *text, const char *part, size_t times)
{
	size_t len = strlen(part);
	if (text->len + len * times >= text->size) {
		text->size = 2 * (text->len + len * times + 1);
		text->at = realloc(text->at, text->size);
		assert_non_null(text->at);
	}
	for (size_t i = 0; i < times; i++, text->len += len)
		memcpy(text->at + text->len, part, len);
	text->at[text->len] = '\0';
}

/* In pieces of so many bytes, in place. */
static struct json_trim trim(struct text *text, size_t piece, const char *const *keep)
{
	struct json_trim state;
	size_t len = 0;
	json_trim_init(&state, keep);
	for (size_t i = 0; i < text->len; i += piece)
		json_trim_feed(&state, text->at, &len, text->at + i,
			       piece < text->len - i ? piece : text->len - i);
	text->len = len;
	text->at[len] = '\0';
	return state;
}

static void what_is_small_stays_as_it_is(void **state)
{
	static const char small[] =
		"[{\"a\\\"\":{\"b\":[1,2,{\"c\":\"\\\\\"}],\"\\ud83d\\ude00\":null}},"
		" true , \"x,]}\"]";
	(void)state;
	for (size_t piece = 1; piece < sizeof(small); piece++) {
		struct text text = {0};
		add(&text, small, 1);
		struct json_trim done = trim(&text, piece, NULL);
		assert_string_equal(text.at, small);
		assert_int_equal(done.cut + done.dropped, 0);
		free(text.at);
	}
}

static void a_long_string_is_cut_at_a_character_and_its_neighbours_stay(void **state)
{
	static const char *const letters[] = {
		"x",   "\u00e9", "\u20ac",   "\U0001f600", "\\u0000", "\\ud83d\\ude00",
		"\\n", "\\\\",   "\\u00e9x", "\\\""};
	(void)state;
	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
		for (size_t before = 0; before < 4; before++) {
			struct text text = {0};
			add(&text, "{\"Actor\":{\"Attributes\":{\"a\":\"", 1);
			add(&text, "y", before);
			add(&text, letters[i], 20000);
			add(&text, "\",\"exitCode\":\"137\"}},\"time\":1}", 1);
			struct json_trim done = trim(&text, 4093, NULL);
			assert_true(json_check(text.at, text.len));
			assert_true(text.len < JSON_TRIM_STRING + 100);
			assert_true(text.len > JSON_TRIM_STRING);
			assert_non_null(strstr(text.at, "\",\"exitCode\":\"137\"}},\"time\":1}"));
			assert_int_equal(done.cut, 1);
			assert_int_equal(done.dropped, 0);
			free(text.at);
		}
}

static void add_labels(struct text *text, const char *value, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char key[40];
		snprintf(key, sizeof(key), "%s\"k%06u\":", i ? "," : "", i);
		add(text, key, 1);
		add(text, value, 1);
	}
}

static void many_members_are_left_out_but_not_those_that_are_wanted(void **state)
{
	static const char *const keep[] = {"name", "exitCode", NULL};
	static const char *const values[] = {"\"v\"", "12", "{\"a\":[1,{\"b\":\"},]\"}],\"c\":{}}",
					     "[]", "null"};
	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct text text = {0};
		add(&text, "{\"Actor\":{\"ID\":\"abc\",\"Attributes\":{", 1);
		add_labels(&text, values[i], 8000);
		add(&text,
		    ",\"name\":\"web\" , \"nam\":\"x\",\"exitCode\":{\"a\":\"b\"}}},\"time\":1}",
		    1);
		struct json_trim done = trim(&text, 1001, keep);
		assert_true(json_check(text.at, text.len));
		assert_true(text.len < JSON_TRIM_MEMBERS + 300);
		assert_non_null(strstr(text.at, ",\"name\":\"web\" ,\"exitCode\":{\"a\":\"b\"}}},\"time\":1}") ?:
				strstr(text.at, ",\"name\":\"web\" , \"exitCode\":{\"a\":\"b\"}}},\"time\":1}") ?:
				strstr(text.at, ",\"name\":\"web\",\"exitCode\":{\"a\":\"b\"}}},\"time\":1}"));
		assert_true(done.dropped > 1000);
		free(text.at);
	}
}

static void of_many_containers_only_the_huge_one_loses(void **state)
{
	struct text text = {0};
	(void)state;
	add(&text, "[", 1);
	for (int i = 0; i < 20; i++) {
		add(&text, "{\"Id\":\"abc\",\"Labels\":{\"small\":\"1\"},\"Ports\":[", 1);
		add(&text, "{\"PrivatePort\":80},", i == 7 ? 9000 : 1);
		add(&text, "{\"PrivatePort\":81}],\"State\":\"running\"},", 1);
	}
	text.at[text.len - 1] = ']';
	trim(&text, 65536, NULL);
	assert_true(json_check(text.at, text.len));
	assert_true(text.len < JSON_TRIM_MEMBERS + 20 * 200);
	const char *at = text.at;
	for (int i = 0; i < 20; i++) {
		at = strstr(at, "\"State\":\"running\"}");
		assert_non_null(at++);
	}
	free(text.at);
}

static void arrays_stay_whole_where_they_must(void **state)
{
	struct text text = {0};
	struct json_trim images = {.whole_arrays = true};
	size_t len = 0;
	(void)state;
	add(&text, "[{\"RepoTags\":[\"x\"", 1);
	add(&text, ",\"registry/name:tag\"", 10000);
	add(&text, "]}]", 1);
	json_trim_feed(&images, text.at, &len, text.at, text.len);
	assert_int_equal(len, text.len);
	free(text.at);
}

static void a_value_alone_is_bounded_as_labels_are(void **state)
{
	struct text text = {0};
	size_t len = 0;
	(void)state;
	add(&text, "{\"huge\":\"", 1);
	add(&text, "\\u0000", 20000);
	add(&text, "\",\"small\":\"1\"}", 1);
	json_trim_value(text.at, &len, text.at, text.len);
	assert_true(json_check(text.at, len));
	assert_true(len < JSON_TRIM_STRING + 50);
	assert_memory_equal(text.at + len - 12, "\"small\":\"1\"}", 12);
	free(text.at);
}

/* What is no JSON comes out as none, and never longer. */
static void nothing_that_comes_makes_it_grow_or_read_beyond(void **state)
{
	static const char letters[] = "{}[],:\"\\u0dD8{\"a\xc3\x80";
	uint32_t random = 12345;
	(void)state;
	for (int round = 0; round < 2000; round++) {
		struct json_trim done;
		size_t len = 0, n = (random >> 8) % 300;
		char *in = malloc(n + 1);
		assert_non_null(in);
		for (size_t i = 0; i < n; i++) {
			random = random * 1664525 + 1013904223;
			in[i] = letters[(random >> 16) % (sizeof(letters) - 1)];
		}
		json_trim_init(&done, NULL);
		json_trim_feed(&done, in, &len, in, n);
		assert_true(len <= n);
		free(in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_small_stays_as_it_is),
		cmocka_unit_test(a_long_string_is_cut_at_a_character_and_its_neighbours_stay),
		cmocka_unit_test(many_members_are_left_out_but_not_those_that_are_wanted),
		cmocka_unit_test(of_many_containers_only_the_huge_one_loses),
		cmocka_unit_test(arrays_stay_whole_where_they_must),
		cmocka_unit_test(a_value_alone_is_bounded_as_labels_are),
		cmocka_unit_test(nothing_that_comes_makes_it_grow_or_read_beyond),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* /api/v1/tables: rows of any table, by pages and as CSV. */
#include <stdio.h>
#include <string.h>

#include "http_resources.h"
#include "test.h"

static void any_declared_table_can_be_read(void **state)
{
	struct http_answer answer = http_ok(state, "/api/v1/tables");
	assert_int_equal(json_array_size(json_at(answer.json, "data")), 3);
	assert_string_equal(text_at(&answer, "data.2.name"), "notes");
	assert_string_equal(text_at(&answer, "data.2.kind"), "log");
	assert_string_equal(text_at(&answer, "data.2.columns.1.role"), "tag");
	http_free(&answer);
	http_expect_problem(*state, "/api/v1/tables/nope", 404, NULL, "nope");
	http_expect_problem(*state, "/api/v1/tables/notes?autor=x", 400, "autor", "author");
	http_expect_problem(*state, "/api/v1/tables/notes?number=1", 400, "number", "no such");
	http_expect_problem(*state, "/api/v1/tables/notes?order=up", 400, "order", "asc");
}

static void rows_of_a_table_come_in_pages(void **state)
{
	struct http_fixture *fixture = *state;
	char texts[16][80];
	for (int i = 0; i < 5; i++) {
		char text[16];
		snprintf(text, sizeof(text), "n%d", i);
		/* Two notes of one time and author: only their order tells them apart. */
		http_add_note(fixture, 100 - i / 2, "ann", i, text);
	}
	http_add_note(fixture, 100, "bob", 9, "bob's");
	assert_int_equal(
		walk_pages(state, "/api/v1/tables/notes?limit=1&author=ann", "text", texts, 16), 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(texts[i][1], '0' + i);
	assert_int_equal(walk_pages(state, "/api/v1/tables/notes?limit=2&order=desc&author=ann",
				    "text", texts, 16),
			 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(texts[i][1], '4' - i);
	assert_int_equal(walk_pages(state, "/api/v1/tables/notes?limit=4", "text", texts, 16), 6);
	assert_int_equal(count_rows(state, "/api/v1/tables/notes?from=now-50s"), 0);
	assert_int_equal(count_rows(state, "/api/v1/tables/notes?from=now-99s&to=now-98s"), 2);
	assert_int_equal(count_rows(state, "/api/v1/tables/container_info?host=alpha"), 3);
	/* A state has no range, so whatever from says is not read. */
	assert_int_equal(count_rows(state, "/api/v1/tables/container_info?from=x&host=beta"), 1);
}

static void rows_of_a_table_come_as_ndjson_and_csv(void **state)
{
	http_add_note(*state, 9, "ann", 1, "a, \"b\"");
	http_add_note(*state, 8, "bob", 2, "c");
	struct http_answer answer = http_ok(state, "/api/v1/tables/notes?format=csv&limit=1");
	assert_string_equal(http_header(&answer, "Content-Type"), "text/csv; charset=utf-8");
	assert_string_equal(answer.body, "time,author,number,text\r\n"
					 "2026-01-01T11:59:51Z,ann,1,\"a, \"\"b\"\"\"\r\n");
	char next[1024];
	snprintf(next, sizeof(next), "%s", http_header(&answer, "Link"));
	next[strcspn(next, ">")] = '\0';
	http_free(&answer);
	assert_body(state, next + 1, "text/csv; charset=utf-8",
		    "time,author,number,text\r\n2026-01-01T11:59:52Z,bob,2,c\r\n");
	assert_body(state, "/api/v1/tables/notes?format=ndjson&author=bob",
		    "application/x-ndjson; charset=utf-8",
		    "{\"time\":\"2026-01-01T11:59:52Z\",\"author\":\"bob\",\"number\":2,"
		    "\"text\":\"c\"}\n");
	http_expect_problem(*state, "/api/v1/tables/notes?format=xml", 400, "format", "csv");
}

/* The cell of the one note, as CSV has it behind its other columns. */
static void expect_note(void **state, const char *text, const char *raw, const char *safe)
{
	struct http_fixture *fixture = *state;
	const char *const cells[] = {raw, safe};
	struct http_answer answer;
	char line[200];
	http_add_note(fixture, 1, "ann", -5, text);
	for (int i = 0; i < 2; i++) {
		answer = http_ok(state, i ? "/api/v1/tables/notes?format=csv&csv_safe=yes"
					  : "/api/v1/tables/notes?format=csv&csv_safe=no");
		snprintf(line, sizeof(line), ",ann,-5,%s\r\n", cells[i]);
		if (!strstr(answer.body, line))
			fail_msg("\"%s\" is not in \"%s\"", line, answer.body);
		http_free(&answer);
	}
	answer = http_ok(state, "/api/v1/tables/notes?format=csv");
	snprintf(line, sizeof(line), ",ann,-5,%s\r\n", raw);
	assert_non_null(strstr(answer.body, line)); /* as it was stored, unless it is asked for */
	http_free(&answer);
}

static void text_of_csv_is_no_formula_if_that_is_asked_for(void **state)
{
	static const struct {
		const char *text, *raw, *safe;
	} cells[] = {
		{"=1+1", "=1+1", "'=1+1"},
		{"+1", "+1", "'+1"},
		{"-2+3", "-2+3", "'-2+3"},
		{"@SUM(A1)", "@SUM(A1)", "'@SUM(A1)"},
		{"\t=1", "\t=1", "\"'\t=1\""},
		{"\r=1", "\"\r=1\"", "\"'\r=1\""},
		{"=a,\"b\"", "\"=a,\"\"b\"\"\"", "\"'=a,\"\"b\"\"\""},
		{"x;=1", "x;=1", "\"x;=1\""},
		{"\xef\xbc\x9d"
		 "1",
		 "\xef\xbc\x9d"
		 "1",
		 "'\xef\xbc\x9d"
		 "1"},
		{"1=1", "1=1", "1=1"},
		{"", "", ""},
	};
	for (size_t i = 0; i < sizeof(cells) / sizeof(*cells); i++)
		expect_note(state, cells[i].text, cells[i].raw, cells[i].safe);
	http_expect_problem(*state, "/api/v1/tables/notes?format=csv&csv_safe=maybe", 400,
			    "csv_safe", "no, yes");
	http_expect_problem(*state, "/api/v1/hosts?csv_safe=yes", 400, "csv_safe", "no such");
}

static void times_and_large_integers_are_written_as_asked_for(void **state)
{
	static const struct {
		const char *how, *wanted;
	} cases[] = {
		{"", "\"time\":\"2026-01-01T11:59:59Z\",\"author\":\"ann\",\"number\":"
		     "9007199254740993,"},
		{"&times=s", "\"time\":1767268799,"},
		{"&times=ms", "\"time\":1767268799000,"},
		{"&ints=string", "\"number\":\"9007199254740993\","},
		{"&ints=string&order=desc", "\"number\":\"-9007199254740993\","},
		{"&ints=string", "\"number\":9007199254740992,"},
		{"&ints=string", "\"number\":-5,"},
		{"&format=csv&times=s", "1767268799,ann,9007199254740993,"},
		{"&format=ndjson&times=ms&ints=string",
		 "{\"time\":1767268799000,\"author\":\"ann\",\"number\":\"9007199254740993\","},
	};
	static const int64_t numbers[] = {9007199254740993, -9007199254740993, 9007199254740992,
					  -5};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		http_add_note(*state, 1, "ann", numbers[i], "x");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char target[200];
		snprintf(target, sizeof(target), "/api/v1/tables/notes?limit=10%s", cases[i].how);
		struct http_answer answer = http_ok(state, target);
		if (!strstr(answer.body, cases[i].wanted))
			fail_msg("%s is not in %s", cases[i].wanted, answer.body);
		http_free(&answer);
	}
	http_expect_problem(*state, "/api/v1/tables/notes?ints=hex", 400, "ints", "number, string");
	http_expect_problem(*state, "/api/v1/containers?times=iso", 400, "times", "rfc3339, s, ms");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EMPTY(any_declared_table_can_be_read),
		WITH_DATA(rows_of_a_table_come_in_pages),
		EMPTY(rows_of_a_table_come_as_ndjson_and_csv),
		EMPTY(text_of_csv_is_no_formula_if_that_is_asked_for),
		EMPTY(times_and_large_integers_are_written_as_asked_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

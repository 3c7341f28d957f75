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

/* All pages of two, as "1 2 | 3 4 | 5". */
static void expect_pages(void **state, const char *query, const char *wanted)
{
	char target[1000], found[200] = "", path[200];
	size_t len = 0;
	snprintf(path, sizeof(path), "/api/v1/tables/notes?limit=2&fields=number&%s", query);
	snprintf(target, sizeof(target), "%s", path);
	for (bool more = true; more;) {
		struct http_answer answer = http_ok(state, target);
		json_t *row, *next = json_object_get(answer.json, "next_cursor");
		size_t i;
		json_array_foreach(json_object_get(answer.json, "data"), i, row)
		{
			json_t *number = json_object_get(row, "number");
			assert_int_equal(json_object_size(row), 1);
			len += (size_t)snprintf(found + len, sizeof(found) - len,
						len ? " %lld" : "%lld",
						(long long)json_integer_value(number));
		}
		more = json_is_string(next);
		if (more) {
			len += (size_t)snprintf(found + len, sizeof(found) - len, " |");
			snprintf(target, sizeof(target), "%s&cursor=%s", path,
				 json_string_value(next));
		}
		http_free(&answer);
	}
	assert_string_equal(found, wanted);
}

static void rows_can_be_sorted_by_any_column_in_pages(void **state)
{
	http_add_note(*state, 5, "ann", 3, "b");
	http_add_note(*state, 4, "bob", 1, "c");
	http_add_note(*state, 3, "ann", 2, "b");
	http_add_note(*state, 2, "eve", 5, "b");
	http_add_note(*state, 1, "bob", 4, "a");
	expect_pages(state, "", "3 1 | 2 5 | 4");
	expect_pages(state, "sort=number", "1 2 | 3 4 | 5");
	expect_pages(state, "sort=-number", "5 4 | 3 2 | 1");
	expect_pages(state, "sort=text", "4 3 | 2 5 | 1"); /* equal ones by their key */
	expect_pages(state, "sort=-text", "1 3 | 2 5 | 4");
	expect_pages(state, "sort=-time", "4 5 | 2 1 | 3");
	expect_pages(state, "sort=-author&author=ann&author=bob", "1 4 | 3 2");
	http_expect_problem(*state, "/api/v1/tables/notes?sort=txt", 400, "sort",
			    "did you mean text?");
	http_expect_problem(*state, "/api/v1/tables/notes?sort=", 400, "sort", "no such column");
	http_expect_problem(*state, "/api/v1/tables/notes?sort=--text", 400, "sort",
			    "no such column");
	http_expect_problem(*state, "/api/v1/containers?sort=labels", 400, "sort", "JSON");
	http_expect_problem(*state, "/api/v1/tables/notes?fields=text,nope", 400, "fields",
			    "no such column");
	http_expect_problem(*state, "/api/v1/tables/notes?total=2", 400, "total", "no, yes");
}

static void a_cursor_belongs_to_how_rows_are_sorted(void **state)
{
	char target[600];
	for (int i = 0; i < 3; i++)
		http_add_note(*state, 3 - i, "ann", i, "x");
	struct http_answer answer = http_ok(state, "/api/v1/tables/notes?limit=1&sort=text");
	const char *cursor = json_string_value(json_object_get(answer.json, "next_cursor"));
	snprintf(target, sizeof(target), "/api/v1/tables/notes?limit=1&cursor=%s", cursor);
	http_expect_problem(*state, target, 400, "cursor", "not a cursor");
	snprintf(target, sizeof(target), "/api/v1/tables/notes?limit=1&sort=number&cursor=%s",
		 cursor);
	http_expect_problem(*state, target, 400, "cursor", "not a cursor");
	http_free(&answer);
}

static void a_list_says_how_many_rows_there_are(void **state)
{
	for (int i = 0; i < 3; i++)
		http_add_note(*state, 3 - i, i ? "ann" : "bob", i, "x");
	struct http_answer answer = http_ok(state, "/api/v1/tables/notes?limit=1&total=yes");
	assert_int_equal(json_integer_value(json_object_get(answer.json, "total")), 3);
	http_free(&answer);
	answer = http_ok(state, "/api/v1/tables/notes?total=yes&author=ann&sort=-number");
	assert_int_equal(json_integer_value(json_object_get(answer.json, "total")), 2);
	http_free(&answer);
	answer = http_ok(state, "/api/v1/tables/notes?author=ann");
	assert_null(json_object_get(answer.json, "total"));
	http_free(&answer);
	answer = http_ok(state, "/api/v1/containers?total=yes&fields=name,stats");
	assert_int_equal(json_integer_value(json_object_get(answer.json, "total")), 0);
	http_free(&answer);
	answer = http_ok(state, "/api/v1/tables/notes?fields=text,number&format=csv&limit=1");
	assert_string_equal(answer.body, "number,text\r\n0,x\r\n");
	http_free(&answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EMPTY(any_declared_table_can_be_read),
		WITH_DATA(rows_of_a_table_come_in_pages),
		EMPTY(rows_of_a_table_come_as_ndjson_and_csv),
		EMPTY(text_of_csv_is_no_formula_if_that_is_asked_for),
		EMPTY(rows_can_be_sorted_by_any_column_in_pages),
		EMPTY(a_cursor_belongs_to_how_rows_are_sorted),
		EMPTY(a_list_says_how_many_rows_there_are),
		EMPTY(times_and_large_integers_are_written_as_asked_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "logs/logs_table.h"
#include <docker_status/events_table.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "http_fixture.h"
#include "test.h"

#define ID_WEB "1111111111111111111111111111111111111111111111111111111111111111"
#define ID_DB "1112222222222222222222222222222222222222222222222222222222222222"

/* ---- Rows ---------------------------------------------------------------- */

static struct tally_cell *add_row(struct http_fixture *fixture, const char *table, int64_t time,
				  const char *id, const char *name)
{
	struct tally_cell *row = fake_store_row(fixture->store, table);
	fake_store_int(fixture->store, row, "time", time);
	fake_store_text(fixture->store, row, "host", "alpha");
	fake_store_text(fixture->store, row, "container_id", id);
	fake_store_text(fixture->store, row, "name", name);
	return row;
}

struct line {
	int age; /* seconds before HTTP_NOW */
	const char *id, *name, *stream, *level, *message;
};

static void add_line(struct http_fixture *fixture, const struct line *line, int64_t sequence)
{
	struct tally_cell *row = add_row(fixture, "container_logs",
					 HTTP_NOW - line->age * CLOCK_SECOND, line->id, line->name);
	fake_store_text(fixture->store, row, "stream", line->stream);
	fake_store_text(fixture->store, row, "message", line->message);
	if (line->level)
		fake_store_text(fixture->store, row, "level", line->level);
	fake_store_int(fixture->store, row, "sequence", sequence);
}

static const struct line lines[] = {
	{4000, ID_WEB, "web", "stdout", NULL, "too old"},
	{50, ID_WEB, "web", "stdout", "info", "GET /"},
	{40, ID_WEB, "web", "stderr", "error", "Connection REFUSED, \"retry\""},
	{30, ID_DB, "db", "stderr", "warning", "slow query"},
	{20, ID_DB, "db", "stdout", NULL, "refused, too"},
};

static void add_event(struct http_fixture *fixture, int age, const char *id, const char *name,
		      const char *action)
{
	struct tally_cell *row =
		add_row(fixture, "container_events", HTTP_NOW - age * CLOCK_SECOND, id, name);
	fake_store_text(fixture->store, row, "action", action);
	fake_store_text(fixture->store, row, "image", "nginx:1.25");
	if (strcmp(action, "die") == 0)
		fake_store_int(fixture->store, row, "exit_code", 137);
	fake_store_text(fixture->store, row, "attributes", "{\"a\":\"b\"}");
}

static int set_up_searching_for(void **state, int64_t search_time)
{
	struct http_fixture *fixture = calloc(1, sizeof(*fixture));
	http_prepare(fixture);
	fixture->config.search_time = search_time;
	fake_store_table(fixture->store, &logs_table);
	fake_store_table(fixture->store, &events_table);
	http_add_container(fixture, "alpha", ID_WEB, "web", "running");
	http_add_container(fixture, "alpha", ID_DB, "db", "running");
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		add_line(fixture, &lines[i], 0);
	add_event(fixture, 7200, ID_WEB, "web", "start");
	add_event(fixture, 60, ID_WEB, "web", "die");
	add_event(fixture, 60, ID_DB, "db", "oom");
	http_start(fixture);
	*state = fixture;
	return 0;
}

static int set_up(void **state)
{
	return set_up_searching_for(state, 4 * CLOCK_SECOND);
}

static int set_up_in_haste(void **state)
{
	return set_up_searching_for(state, 200 * CLOCK_MS);
}

/* ---- Looking ------------------------------------------------------------- */

/* The values of one member, in their order: "a|b|c". */
static const char *all(void **state, const char *target, const char *member)
{
	static char text[4096];
	struct http_answer answer = http_ok(state, target);
	json_t *data = json_object_get(answer.json, "data");
	size_t len = 0;
	assert_true(json_is_array(data));
	text[0] = '\0';
	for (size_t i = 0; i < json_array_size(data); i++) {
		json_t *value = json_object_get(json_array_get(data, i), member);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i ? "|" : "",
					json_is_string(value) ? json_string_value(value) : "null");
	}
	http_free(&answer);
	return text;
}

static void assert_ages(void **state, const char *target, const char *wanted)
{
	assert_string_equal(all(state, target, "message"), wanted);
}

/* The target that the Link header names; false: there is none. */
static bool next_target(const struct http_answer *answer, char *ret, size_t size)
{
	const char *link = http_header(answer, "Link");
	if (link)
		snprintf(ret, size, "%.*s", (int)strcspn(link + 1, ">"), link + 1);
	return link != NULL;
}

/* ---- Logs ---------------------------------------------------------------- */

static void logs_of_the_last_hour_come_newest_first(void **state)
{
	assert_ages(state, "/api/v1/logs",
		    "refused, too|slow query|Connection REFUSED, \"retry\"|GET /");
	assert_ages(state, "/api/v1/logs?order=asc&limit=2", "GET /|Connection REFUSED, \"retry\"");
	assert_ages(state, "/api/v1/logs?from=now-2h&to=now-1h", "too old");
}

static void logs_are_searched_without_regard_to_case(void **state)
{
	assert_ages(state, "/api/v1/logs?q=refused", "refused, too|Connection REFUSED, \"retry\"");
	assert_ages(state, "/api/v1/logs?q=refused&q=retry", "Connection REFUSED, \"retry\"");
	assert_ages(state, "/api/v1/logs?q=%22RETRY%22", "Connection REFUSED, \"retry\"");
	assert_ages(state, "/api/v1/logs?q=nothing", "");
}

static void logs_are_narrowed_down(void **state)
{
	assert_ages(state, "/api/v1/logs?stream=stderr",
		    "slow query|Connection REFUSED, \"retry\"");
	assert_ages(state, "/api/v1/logs?level=error&level=info",
		    "Connection REFUSED, \"retry\"|GET /");
	assert_ages(state, "/api/v1/logs?name=d*", "refused, too|slow query");
	assert_ages(state, "/api/v1/logs?host=beta", "");
	assert_ages(state, "/api/v1/logs?container=db&stream=stdout", "refused, too");
	assert_ages(state, "/api/v1/logs?container=1111&container=db&limit=3",
		    "refused, too|slow query|Connection REFUSED, \"retry\"");
	assert_ages(state, "/api/v1/containers/web/logs?q=GET", "GET /");
	assert_ages(state, "/api/v1/containers/1112/logs", "refused, too|slow query");
}

static void levels_are_known_by_their_other_names(void **state)
{
	assert_ages(state, "/api/v1/logs?level=warn&level=err",
		    "slow query|Connection REFUSED, \"retry\"");
	assert_ages(state, "/api/v1/logs?level=fatal", "");
}

static void regular_expressions_are_searched_for(void **state)
{
	assert_ages(state, "/api/v1/logs?regex=%5E%5BGs%5D.*(/%7Cry)$", "slow query|GET /");
	assert_ages(state, "/api/v1/logs?regex=refused", "refused, too");
	assert_ages(state, "/api/v1/logs?regex=(%3Fi)refused&regex=too%5Cb", "refused, too");
	assert_ages(state, "/api/v1/logs?regex=.&limit=2", "refused, too|slow query");
	assert_ages(state, "/api/v1/logs?regex=.&limit=2&order=asc",
		    "GET /|Connection REFUSED, \"retry\"");
	assert_ages(state, "/api/v1/logs?regex=nothing", "");
}

/* (a+)+ goes through all ways to cut the text in pieces; 2^30 of them here. */
static void a_regular_expression_that_takes_for_ever_is_refused(void **state)
{
	struct http_fixture *fixture = *state;
	static const struct line line = {10,       ID_WEB, "web",
					 "stdout", NULL,   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"};
	add_line(fixture, &line, 7);
	http_expect_problem(fixture, "/api/v1/logs?regex=%5E(a%2B)%2B%24", 400, "regex",
			    "too many steps");
}

static void a_search_says_whether_it_is_complete(void **state)
{
	struct http_answer answer = http_ok(state, "/api/v1/logs?q=refused");
	assert_true(json_is_true(json_object_get(answer.json, "complete")));
	assert_null(json_object_get(answer.json, "searched_from"));
	http_free(&answer);
	answer = http_ok(state, "/api/v1/logs");
	assert_null(json_object_get(answer.json, "complete"));
	http_free(&answer);
}

static void lines_come_with_those_around_them(void **state)
{
	assert_ages(state, "/api/v1/logs?q=retry&before=1", "Connection REFUSED, \"retry\"|GET /");
	assert_ages(state, "/api/v1/logs?q=GET&after=5&order=asc",
		    "GET /|Connection REFUSED, \"retry\"");
	assert_ages(state, "/api/v1/logs?name=web&limit=2&after=1&before=1",
		    "Connection REFUSED, \"retry\"|GET /|too old");
	struct http_answer answer = http_ok(state, "/api/v1/logs?q=retry&before=1");
	json_t *data = json_object_get(answer.json, "data");
	assert_true(json_is_false(json_object_get(json_array_get(data, 0), "context")));
	assert_true(json_is_true(json_object_get(json_array_get(data, 1), "context")));
	http_free(&answer);
	http_expect_problem(*state, "/api/v1/logs?before=1&limit=1001", 400, "limit", "1000");
	http_expect_problem(*state, "/api/v1/logs?before=101", 400, "before", "100");
}

static void lines_can_be_sorted_by_any_column(void **state)
{
	assert_ages(state, "/api/v1/logs?sort=time&limit=2", "GET /|Connection REFUSED, \"retry\"");
	assert_ages(state, "/api/v1/logs?sort=-time&limit=2", "refused, too|slow query");
	assert_ages(state, "/api/v1/logs?sort=level",
		    "Connection REFUSED, \"retry\"|GET /|slow query|refused, too");
	assert_ages(state, "/api/v1/logs?sort=-message&regex=s", "slow query|refused, too");
	assert_ages(state, "/api/v1/logs?sort=name&q=refused",
		    "refused, too|Connection REFUSED, \"retry\"");
	http_expect_problem(*state, "/api/v1/logs?sort=level&after=1", 400, "sort", "by time");
	assert_ages(state, "/api/v1/logs?sort=-time&after=1&q=GET",
		    "Connection REFUSED, \"retry\"|GET /");
}

static void assert_total(void **state, const char *target, int total)
{
	struct http_answer answer = http_ok(state, target);
	json_t *found = json_object_get(answer.json, "total");
	assert_true(total < 0 ? json_is_null(found) : json_is_integer(found));
	if (total >= 0)
		assert_int_equal(json_integer_value(found), total);
	http_free(&answer);
}

static void lines_of_all_pages_are_counted(void **state)
{
	char next[2048];
	assert_total(state, "/api/v1/logs?total=yes&limit=1", 4);
	assert_total(state, "/api/v1/logs?total=yes&limit=1&sort=message", 4);
	assert_total(state, "/api/v1/logs?total=yes&limit=1&q=refused", 2);
	assert_total(state, "/api/v1/logs?total=yes&limit=1&regex=s&sort=level", 2);
	assert_total(state, "/api/v1/logs?total=yes&name=web&from=now-2h", 3);
	assert_total(state, "/api/v1/containers/db/logs?total=yes", 2);
	assert_total(state, "/api/v1/logs?total=yes&pattern=x", 0);
	assert_total(state, "/api/v1/events?total=yes&action=die", 1);
	struct http_answer answer = http_ok(state, "/api/v1/logs?total=yes&limit=3&from=now-90s");
	assert_true(next_target(&answer, next, sizeof(next)));
	http_free(&answer);
	fake_host_set_now(((struct http_fixture *)*state)->host, HTTP_NOW + CLOCK_HOUR);
	assert_total(state, next, 4); /* of the first page's range */
}

static void assert_count(void **state, const char *target, int total, const char *level, int of_it)
{
	struct http_answer answer = http_ok(state, target);
	json_t *data = json_object_get(answer.json, "data");
	json_t *levels = json_object_get(data, "levels");
	assert_true(json_is_true(json_object_get(answer.json, "complete")));
	assert_int_equal(json_integer_value(json_object_get(data, "total")), total);
	assert_int_equal(json_integer_value(json_object_get(levels, level)), of_it);
	assert_int_equal(json_object_size(levels), 8);
	http_free(&answer);
}

static const struct tally_column count_columns[] = {
	{.name = "time", .type = TALLY_TIME, .role = TALLY_FIELD},
	{.name = "level", .type = TALLY_TEXT, .role = TALLY_TAG},
	{.name = "lines", .type = TALLY_INT, .role = TALLY_FIELD},
	{.name = "container_id", .type = TALLY_TEXT, .role = TALLY_TAG},
};
static const struct tally_table count_table = {.name = "container_logs_lines",
					       .kind = TALLY_SERIES,
					       .columns = count_columns,
					       .n_columns = 4};

static void add_count(struct http_fixture *fixture, int minutes, const char *level, int n)
{
	struct tally_cell *row = fake_store_row(fixture->store, "container_logs_lines");
	fake_store_int(fixture->store, row, "time", HTTP_NOW - minutes * CLOCK_MINUTE);
	fake_store_text(fixture->store, row, "level", level);
	fake_store_text(fixture->store, row, "container_id", ID_WEB);
	fake_store_int(fixture->store, row, "lines", n);
}

/* Whose counts are kept for longer. */
static void lines_that_were_deleted_are_not_among_those_of_all_pages(void **state)
{
	fake_store_table(((struct http_fixture *)*state)->store, &count_table);
	add_count(*state, 120, "info", 100);
	add_count(*state, 67, "info", 1);
	add_count(*state, 1, "error", 4);
	assert_total(state, "/api/v1/logs?total=yes&from=now-3h&limit=1", 5);
	assert_count(state, "/api/v1/logs/count?from=now-3h", 105, "error", 4);
	assert_total(state, "/api/v1/logs?total=yes&from=now-3h&to=now-2h", 0);
}

static void what_is_not_found_in_time_is_neither_counted_nor_sorted(void **state)
{
	struct http_fixture *fixture = *state;
	fake_store_time_out_before(fixture->store, HTTP_NOW - 70 * CLOCK_MINUTE);
	assert_total(state, "/api/v1/logs?from=now-2h&q=e&total=yes", -1);
	assert_ages(state, "/api/v1/logs?from=now-2h&q=query&total=yes", "slow query");
	http_expect_problem(fixture, "/api/v1/logs?from=now-2h&q=e&sort=level", 413, "sort",
			    "shorter range");
}

static void lines_are_counted_by_level(void **state)
{
	assert_count(state, "/api/v1/logs/count", 4, "none", 1);
	assert_count(state, "/api/v1/logs/count?from=now-2h", 5, "none", 2);
	assert_count(state, "/api/v1/logs/count?level=warn&level=err", 2, "error", 1);
	assert_count(state, "/api/v1/logs/count?q=refused", 2, "error", 1);
	assert_count(state, "/api/v1/logs/count?regex=y$&container=db", 1, "warning", 1);
	assert_count(state, "/api/v1/logs/count?host=beta", 0, "error", 0);
	assert_count(state, "/api/v1/logs/count?pattern=5f0c1d9a77e2", 0, "error", 0);
	http_expect_problem(*state, "/api/v1/logs/count?container=nope", 404, "container", "nope");
	http_expect_problem(*state, "/api/v1/logs/count?limit=1", 400, "limit", "no such");
}

static void lines_are_counted_on_a_grid_of_time(void **state)
{
	struct http_answer answer = http_ok(state, "/api/v1/logs/histogram?step=30m&from=now-2h");
	json_t *data = json_object_get(answer.json, "data");
	int total = 0;
	assert_string_equal(json_string_value(json_object_get(answer.json, "step")), "30min");
	assert_in_range(json_array_size(data), 4, 5);
	for (size_t i = 0; i < json_array_size(data); i++)
		total += (int)json_integer_value(json_object_get(json_array_get(data, i), "total"));
	assert_int_equal(total, 5);
	http_free(&answer);
	http_expect_problem(*state, "/api/v1/logs/histogram?by=host", 400, "by", "level");
}

static bool is_known(const json_t *point)
{
	const json_t *total = json_object_get(point, "total");
	const json_t *error = json_object_get(json_object_get(point, "levels"), "error");
	assert_true(json_is_integer(total) || json_is_null(total));
	assert_int_equal(json_is_integer(total), json_is_integer(error));
	return json_is_integer(total);
}

static void points_that_were_not_counted_are_null(void **state)
{
	struct http_fixture *fixture = *state;
	fake_store_time_out_before(fixture->store, HTTP_NOW - 70 * CLOCK_MINUTE);
	struct http_answer answer = http_ok(state, "/api/v1/logs/histogram?step=1m&from=now-2h");
	json_t *data = json_object_get(answer.json, "data");
	const char *searched = json_string_value(json_object_get(answer.json, "searched_from"));
	size_t known = 0, n = json_array_size(data);
	assert_true(json_is_false(json_object_get(answer.json, "complete")));
	assert_non_null(searched);
	for (size_t i = 0; i < n; i++) {
		const json_t *point = json_array_get(data, i);
		const char *begin = json_string_value(json_object_get(point, "time"));
		int order = strncmp(begin, searched, strlen("2026-01-31T12:00:00"));
		if (order)
			assert_int_equal(is_known(point), order > 0);
		known += is_known(point);
	}
	assert_in_range(known, 1, n - 49);
	http_free(&answer);
}

static void wrong_filters_are_explained(void **state)
{
	http_expect_problem(*state, "/api/v1/logs?stream=out", 400, "stream", "stdout, stderr");
	http_expect_problem(*state, "/api/v1/logs?level=wran", 400, "level", "did you mean warn?");
	http_expect_problem(*state, "/api/v1/logs?regex=(a", 400, "regex",
			    "missing closing parenthesis, at byte 3");
	http_expect_problem(*state, "/api/v1/logs?level=ERROR", 400, "level",
			    "did you mean error?");
	http_expect_problem(*state, "/api/v1/logs?format=json-lines", 400, "format",
			    "json, ndjson, csv");
	http_expect_problem(*state, "/api/v1/logs?order=up", 400, "order", "asc, desc");
	http_expect_problem(*state, "/api/v1/logs?format=xml", 400, "format", "ndjson");
	http_expect_problem(*state, "/api/v1/logs?container=nope", 404, "container", "nope");
	http_expect_problem(*state, "/api/v1/logs?container=111", 409, "container", "web on");
	http_expect_problem(*state, "/api/v1/logs?containr=x", 400, "containr", "container?");
	http_expect_problem(*state, "/api/v1/logs?from=now-99d", 400, "from", "30 days");
	http_expect_problem(*state, "/api/v1/containers/nope/logs", 404, NULL, "nope");
	http_expect_problem(*state, "/api/v1/containers/web/logs?name=x", 400, "name", "no such");
}

/* Every byte there is, and the ends of UTF-8 in the middle. */
static void any_bytes_make_valid_json(void **state)
{
	struct http_fixture *fixture = *state;
	char bytes[1024];
	for (int i = 0; i < 256; i++) {
		bytes[i] = (char)i;
		bytes[256 + 2 * i] = (char)(255 - i);
		bytes[257 + 2 * i] = 'x';
	}
	struct tally_cell *row = add_row(fixture, "container_logs", HTTP_NOW - 1, ID_WEB, "web");
	fake_store_bytes(fixture->store, row, "message", bytes, 768);
	fake_store_bytes(fixture->store, row, "stream", "\xe2\x82", 2);
	struct http_answer answer = http_ok(state, "/api/v1/logs?limit=1");
	answer.json = json_loadb(answer.body, answer.len, JSON_ALLOW_NUL, NULL);
	assert_non_null(answer.json);
	json_t *line = json_array_get(json_object_get(answer.json, "data"), 0);
	const char *message = json_string_value(json_object_get(line, "message"));
	assert_true(json_string_length(json_object_get(line, "message")) > 768);
	assert_non_null(memmem(message, 300, "\"#$%&'()*+,-./0123", 17));
	assert_string_equal(json_string_value(json_object_get(line, "stream")),
			    "\xef\xbf\xbd\xef\xbf\xbd");
	http_free(&answer);
	answer = http_ok(state, "/api/v1/logs?limit=1&format=ndjson");
	json_t *row_json = json_loadb(answer.body, answer.len, JSON_ALLOW_NUL, NULL);
	assert_non_null(row_json);
	assert_int_equal(strcspn(answer.body, "\n"), answer.len - 1);
	json_decref(row_json);
	http_free(&answer);
}

static void logs_come_as_ndjson_and_csv(void **state)
{
	struct http_answer answer =
		http_ok(state, "/api/v1/logs?format=ndjson&limit=1&stream=stderr");
	char next[2048];
	assert_string_equal(http_header(&answer, "Content-Type"),
			    "application/x-ndjson; charset=utf-8");
	assert_string_equal(
		answer.body,
		"{\"time\":\"2026-01-01T11:59:30Z\",\"host\":\"alpha\",\"container_id\":\"" ID_DB
		"\",\"name\":\"db\",\"stream\":\"stderr\",\"message\":\"slow query\","
		"\"level\":\"warning\",\"sequence\":0,\"pattern\":null}\n");
	assert_true(next_target(&answer, next, sizeof(next)));
	http_free(&answer);
	answer = http_ok(state, "/api/v1/logs?format=csv&q=refused");
	assert_string_equal(http_header(&answer, "Content-Type"), "text/csv; charset=utf-8");
	assert_string_equal(answer.body,
			    "time,host,container_id,name,stream,message,level,sequence,pattern\r\n"
			    "2026-01-01T11:59:40Z,alpha," ID_DB
			    ",db,stdout,\"refused, too\",,0,\r\n"
			    "2026-01-01T11:59:20Z,alpha," ID_WEB
			    ",web,stderr,\"Connection REFUSED, \"\"retry\"\"\",error,0,\r\n");
	assert_false(next_target(&answer, next, sizeof(next)));
	http_free(&answer);
}

/* ---- Paging -------------------------------------------------------------- */

enum { PAGING_LINES = 60, PAGING_ROUNDS = 3, PAGING_ALL = (1 + PAGING_ROUNDS) * PAGING_LINES };

/* Lines of one time, too, told apart by their sequence. */
static void add_numbered(struct http_fixture *fixture, int number, int age)
{
	char text[32];
	snprintf(text, sizeof(text), "line %d", number);
	add_line(fixture, &(struct line){age, ID_WEB, "web", "stdout", NULL, text}, number);
}

static int line_number(json_t *row)
{
	const char *message = json_string_value(json_object_get(row, "message"));
	return strncmp(message, "line ", 5) == 0 ? (int)strtol(message + 5, NULL, 10) : -1;
}

/* Pages through while a row is added at either end and time goes by, more of it than the range is
 * long; ret counts how often each line was seen. */
static void paging_through(struct http_fixture *fixture, const char *first, int extra,
			   unsigned ret[PAGING_ALL])
{
	char target[2048];
	bool more = true;
	int pages = 0;
	snprintf(target, sizeof(target), "%s", first);
	while (more) {
		struct http_answer answer = http_get(fixture, target);
		assert_int_equal(answer.status, 200);
		json_t *data = json_object_get(answer.json, "data");
		for (size_t i = 0; i < json_array_size(data); i++) {
			int number = line_number(json_array_get(data, i));
			if (number >= 0)
				ret[number]++;
		}
		more = next_target(&answer, target, sizeof(target));
		http_free(&answer);
		add_numbered(fixture, extra++, -5);
		add_numbered(fixture, extra++, 599);
		fake_host_set_now(fixture->host, HTTP_NOW + ++pages * 600 * CLOCK_SECOND);
	}
	assert_true(2 * pages <= PAGING_LINES);
}

static void pages_show_each_line_once_while_lines_are_added(void **state)
{
	static const char *const targets[PAGING_ROUNDS] = {
		"/api/v1/logs?limit=7&name=web", "/api/v1/containers/web/logs?limit=7&order=asc",
		"/api/v1/tables/container_logs?limit=7&order=desc"};
	struct http_fixture *fixture = *state;
	for (int i = 0; i < PAGING_LINES; i++)
		add_numbered(fixture, i, 600 - i / 3 * 10);
	for (int t = 0; t < PAGING_ROUNDS; t++) {
		unsigned seen[PAGING_ALL] = {0};
		fake_host_set_now(fixture->host, HTTP_NOW);
		paging_through(fixture, targets[t], (1 + t) * PAGING_LINES, seen);
		for (int i = 0; i < PAGING_LINES; i++)
			assert_int_equal(seen[i], 1);
		for (int i = PAGING_LINES; i < PAGING_ALL; i++)
			assert_true(seen[i] <= 1);
	}
}

/* Rows without a cursor beside them would look like all there are. */
static void without_room_for_a_link_there_is_no_page(void **state)
{
	char target[HTTP_MAX_TARGET] = "/api/v1/logs?format=csv&limit=1&name=";
	size_t len = strlen(target);
	memset(target + len, '*', 5000);
	http_expect_problem(*state, target, 414, NULL, "format=json");
	memcpy(target, "/api/v1/logs?format=csv&limit=9", 31);
	struct http_answer answer = http_ok(state, target);
	http_free(&answer);
}

static void a_cursor_reaches_no_further_than_anybody_may(void **state)
{
	struct http_fixture *fixture = *state;
	struct http_answer answer = http_ok(state, "/api/v1/logs?limit=1&from=now-29d");
	char next[2048];
	assert_true(next_target(&answer, next, sizeof(next)));
	http_free(&answer);
	http_tear_down(state);
	set_up(state);
	fixture = *state;
	fixture->config.max_query_range_days = 7;
	http_expect_problem(fixture, next, 400, "from", "7 days");
	char *cursor = strstr(next, "cursor=");
	assert_non_null(cursor);
	char target[2048];
	snprintf(target, sizeof(target), "/api/v1/logs?limit=1&%s", cursor);
	http_expect_problem(fixture, target, 400, "cursor", "next_cursor");
}

/* ---- Events -------------------------------------------------------------- */

static void events_of_the_last_day_come_newest_first(void **state)
{
	assert_string_equal(all(state, "/api/v1/events", "action"), "oom|die|start");
	assert_string_equal(all(state, "/api/v1/events?from=now-1h&order=asc", "action"),
			    "die|oom");
	struct http_answer answer = http_ok(state, "/api/v1/events?action=die");
	json_t *event = json_array_get(json_object_get(answer.json, "data"), 0);
	assert_int_equal(json_integer_value(json_object_get(event, "exit_code")), 137);
	assert_true(json_is_null(json_object_get(event, "oom")));
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(event, "attributes"), "a")), "b");
	http_free(&answer);
}

static void events_are_narrowed_down(void **state)
{
	assert_string_equal(all(state, "/api/v1/events?action=die&action=oom", "name"), "db|web");
	assert_string_equal(all(state, "/api/v1/events?container=web", "action"), "die|start");
	assert_string_equal(all(state, "/api/v1/containers/db/events", "action"), "oom");
	assert_string_equal(all(state, "/api/v1/events?image=nginx:*&name=db", "action"), "oom");
	assert_string_equal(all(state, "/api/v1/events?image=nginx", "action"), "");
	struct http_answer answer = http_ok(state, "/api/v1/events?format=csv&action=die");
	assert_non_null(
		strstr(answer.body, ",die,web,nginx:1.25,137,,,,\"{\"\"a\"\":\"\"b\"\"}\""));
	http_free(&answer);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, http_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(logs_of_the_last_hour_come_newest_first),
		TEST(logs_are_searched_without_regard_to_case),
		TEST(logs_are_narrowed_down),
		TEST(levels_are_known_by_their_other_names),
		TEST(regular_expressions_are_searched_for),
		TEST(a_regular_expression_that_takes_for_ever_is_refused),
		TEST(a_search_says_whether_it_is_complete),
		TEST(lines_come_with_those_around_them),
		TEST(lines_can_be_sorted_by_any_column),
		TEST(lines_of_all_pages_are_counted),
		TEST(lines_that_were_deleted_are_not_among_those_of_all_pages),
		cmocka_unit_test_setup_teardown(
			what_is_not_found_in_time_is_neither_counted_nor_sorted, set_up_in_haste,
			http_tear_down),
		TEST(lines_are_counted_by_level),
		TEST(lines_are_counted_on_a_grid_of_time),
		cmocka_unit_test_setup_teardown(points_that_were_not_counted_are_null,
						set_up_in_haste, http_tear_down),
		TEST(wrong_filters_are_explained),
		TEST(any_bytes_make_valid_json),
		TEST(logs_come_as_ndjson_and_csv),
		TEST(pages_show_each_line_once_while_lines_are_added),
		TEST(without_room_for_a_link_there_is_no_page),
		TEST(a_cursor_reaches_no_further_than_anybody_may),
		TEST(events_of_the_last_day_come_newest_first),
		TEST(events_are_narrowed_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

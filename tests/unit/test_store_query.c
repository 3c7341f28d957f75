/* Rows as they were written: filters, order, paging, refusals, deadlines. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_fixture.h"
#include "base/clock.h"
#include "test.h"

static const struct tally_select select_log[] = {{.column = "message"}, {.column = "sequence"}};
static const struct tally_select select_log_key[] = {
	{.column = "host"}, {.column = "stream"}, {.column = "sequence"}, {.column = "message"}};

static struct tally_cell text(const char *value)
{
	return (struct tally_cell){.text = value, .len = (uint32_t)strlen(value), .set = 1};
}

static struct tally_cell number(int64_t value)
{
	return (struct tally_cell){.i = value, .set = 1};
}

/* Asserts the messages of an answer, joined. */
static void assert_messages(struct fixture *f, const struct tally_query *query, uint32_t column,
			    const char *expected)
{
	struct rows rows;
	char joined[1000] = "";
	if (ask(f, query, &rows) != 0)
		fail_msg("query: %s", fake_host_reason(f->host));
	for (uint32_t i = 0; i < rows.n; i++) {
		strncat(joined, rows_at(&rows, i, column)->text, 100);
		strncat(joined, " ", 2);
	}
	rows_free(&rows);
	assert_string_equal(joined, expected);
}

static void write_some_logs(struct fixture *f)
{
	struct tally_batch *batch = fixture_batch(f, &log_table);
	put_log(f, batch, T0 + 20 * HOUR, "err", 5, "e");
	put_log(f, batch, T0, "out", 1, "a");
	put_log(f, batch, T0, "out", 2, "b");
	put_log(f, batch, T0, "err", 9, "c");
	put_log(f, batch, T0 + SECOND, "err", 3, "d");
	fixture_write(f, batch);
}

static void rows_come_in_the_order_of_time_then_of_their_key(void **state)
{
	struct fixture *f = *state;
	struct tally_query query = query_of("lines", select_log, 2);
	write_some_logs(f);
	assert_messages(f, &query, 1, "c a b d e ");
	query.newest_first = 1;
	assert_messages(f, &query, 1, "e d b a c ");
	query.limit = 2;
	assert_messages(f, &query, 1, "e d ");
	query.newest_first = 0;
	assert_messages(f, &query, 1, "c a ");
}

static void the_range_includes_from_and_excludes_to(void **state)
{
	struct fixture *f = *state;
	struct tally_query query = query_of("lines", select_log, 2);
	write_some_logs(f);
	query.from = T0 + SECOND;
	query.to = T0 + 20 * HOUR;
	assert_messages(f, &query, 1, "d ");
	query.to++;
	assert_messages(f, &query, 1, "d e ");
	query.to = query.from;
	assert_messages(f, &query, 1, "");
	query.from = INT64_MIN;
	query.to = INT64_MAX;
	query.newest_first = 1;
	assert_messages(f, &query, 1, "e d b a c ");
}

static void an_answer_names_its_columns_and_types(void **state)
{
	struct fixture *f = *state;
	struct tally_query query = query_of("lines", select_log, 2);
	struct rows rows;
	write_some_logs(f);
	assert_int_equal(ask(f, &query, &rows), 0);
	assert_string_equal(rows.table, "lines");
	assert_int_equal(rows.n_columns, 3);
	assert_string_equal(rows.names[0], "time");
	assert_string_equal(rows.names[2], "sequence");
	assert_int_equal(rows.types[0], TALLY_TIME);
	assert_int_equal(rows.types[1], TALLY_TEXT);
	assert_int_equal(rows_at(&rows, 0, 0)->i, T0);
	assert_int_equal(rows_at(&rows, 0, 2)->i, 9);
	rows_free(&rows);
}

static void long_answers_come_in_batches_of_500(void **state)
{
	struct fixture *f = *state;
	struct tally_query query = query_of("lines", select_log, 2);
	struct tally_batch *batch = fixture_batch(f, &log_table);
	struct rows rows;
	for (int i = 0; i < 1234; i++)
		put_log(f, batch, T0 + i * SECOND / 7, i % 3 ? "out" : "err", i, "m");
	fixture_write(f, batch);
	assert_int_equal(ask(f, &query, &rows), 0);
	assert_int_equal(rows.n, 1234);
	assert_int_equal(rows.n_batches, 3);
	for (uint32_t i = 0; i < rows.n; i++)
		assert_int_equal(rows_at(&rows, i, 2)->i, i);
	rows_free(&rows);
}

struct filter_case {
	struct tally_filter filter[3];
	uint32_t n;
	const char *expected;
};

static void write_things(struct fixture *f)
{
	static const char *const things[][3] = {
		{"a", "running", "{\"app\":\"web\",\"n\":5,\"empty\":\"\",\"on\":true}"},
		{"b", "Exited", "{\"app\":\"db\",\"a.b/c\":\"x=y\"}"},
		{"c", "run_100%", "[\"app\"]"},
		{"d", "", "\"not an object\""},
		{"e", NULL, NULL},
	};
	struct tally_batch *batch = fixture_batch(f, &state_table);
	for (size_t i = 0; i < 5; i++) {
		struct tally_cell *row = tally_batch_row(f->ctx, batch);
		tally_put_int(row, I_TIME, T0 + (int64_t)i * SECOND);
		put_text(f, batch, I_HOST, "h1");
		put_text(f, batch, I_ID, things[i][0]);
		if (things[i][1])
			put_text(f, batch, I_STATE, things[i][1]);
		if (things[i][2])
			put_text(f, batch, I_LABELS, things[i][2]);
	}
	fixture_write(f, batch);
}

static void filters_select_what_they_say(void **state)
{
	struct fixture *f = *state;
	const struct filter_case cases[] = {
		{{{"state", TALLY_EQUALS, 0, text("running")}}, 1, "a "},
		{{{"id", TALLY_EQUALS, 0, text("a")}, {"id", TALLY_EQUALS, 0, text("c")}},
		 2,
		 "a c "},
		{{{"id", TALLY_EQUALS, 0, text("a")},
		  {"state", TALLY_EQUALS, 0, text("")},
		  {"id", TALLY_EQUALS, 0, text("d")}},
		 3,
		 "d "},
		{{{"state", TALLY_DIFFERS, 0, text("running")}}, 1, "b c d "},
		{{{"state", TALLY_LESS, 0, text("b")}}, 1, "b d "},
		{{{"time", TALLY_GREATER, 0, number(T0 + 2 * SECOND)}}, 1, "d e "},
		{{{"state", TALLY_PREFIX, 0, text("run")}}, 1, "a c "},
		{{{"state", TALLY_PREFIX, 0, text("")}}, 1, "a b c d "},
		{{{"state", TALLY_CONTAINS, 0, text("eXIT")}}, 1, "b "},
		{{{"state", TALLY_CONTAINS, 0, text("_100%")}}, 1, "c "},
		{{{"state", TALLY_CONTAINS, 0, text("UN_100%")}}, 1, "c "},
		{{{"state", TALLY_CONTAINS, 0, text("UN_200%")}}, 1, ""},
		{{{"state", TALLY_CONTAINS, 0, text("xn_100%")}}, 1, ""},
		{{{"state", TALLY_CONTAINS, 0, text("")}}, 1, "a b c d "},
		{{{"state", TALLY_CONTAINS, 0, {.set = 0}}}, 1, ""},
		{{{"state", TALLY_GLOB, 0, text("run*g")}}, 1, "a "},
		{{{"state", TALLY_GLOB, 0, text("run?100%")}}, 1, "c "},
		{{{"state", TALLY_GLOB, 0, text("[r]un*")}}, 1, ""},
		{{{"labels", TALLY_HAS, 0, text("app")}}, 1, "a b "},
		{{{"labels", TALLY_HAS, 0, text("app=db")}}, 1, "b "},
		{{{"labels", TALLY_HAS, 0, text("n=5")}}, 1, "a "},
		{{{"labels", TALLY_HAS, 0, text("on=true")}}, 1, "a "},
		{{{"labels", TALLY_HAS, 0, text("empty=")}}, 1, "a "},
		{{{"labels", TALLY_HAS, 0, text("a.b/c=x=y")}}, 1, "b "},
		{{{"state", TALLY_IS_NULL, 0, {.set = 0}}}, 1, "e "},
		{{{"state", TALLY_NOT_NULL, 0, {.set = 0}}}, 1, "a b c d "},
		{{{"state", TALLY_EQUALS, 0, {.set = 0}}}, 1, ""},
		{{{"state", TALLY_EQUALS, 0, text("x' OR 1 --")}}, 1, ""},
	};
	const struct tally_select select = {.column = "id"};
	write_things(f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tally_query query = query_of("things", &select, 1);
		query.filters = cases[i].filter;
		query.n_filters = cases[i].n;
		assert_messages(f, &query, 1, cases[i].expected);
	}
}

/* NUL and halves of characters are what no text can hold; they are U+FFFD to whoever asks. */
static void labels_are_found_whatever_characters_the_others_have(void **state)
{
	static const char *const labels[] = {
		"{\"app\":\"web\",\"odd\":\"x\\u0000y\"}",
		"{\"app\":\"web\",\"odd\":\"\\u0000\\u0000\",\"a\\u0000b\":\"1\"}",
		"{\"app\":\"web\",\"odd\":\"\\\\u0000 \\\\\\u0000\"}",
		"{\"app\":\"web\",\"odd\":\"\\ud83d!\\uDE00\\uD83D\\ude00\\ud83d\"}",
		"{\"app\":\"web\",\"odd\":\"\\\\ud83d\\u20ac\"}",
	};
	const struct filter_case cases[] = {
		{{{"labels", TALLY_HAS, 0, text("app=web")}}, 1, "a b c d e "},
		{{{"labels", TALLY_HAS, 0, text("odd")}}, 1, "a b c d e "},
		{{{"labels", TALLY_HAS, 0, text("odd=x\uFFFDy")}}, 1, "a "},
		{{{"labels", TALLY_HAS, 0, text("odd=x")}}, 1, ""},
		{{{"labels", TALLY_HAS, 0, text("odd=\uFFFD\uFFFD")}}, 1, "b "},
		{{{"labels", TALLY_HAS, 0, text("a\uFFFDb=1")}}, 1, "b "},
		{{{"labels", TALLY_HAS, 0, text("a")}}, 1, ""},
		{{{"labels", TALLY_HAS, 0, text("odd=\\u0000 \\\uFFFD")}}, 1, "c "},
		{{{"labels", TALLY_HAS, 0, text("odd=\uFFFD!\uFFFD\U0001f600\uFFFD")}}, 1, "d "},
		{{{"labels", TALLY_HAS, 0, text("odd=\\ud83d\u20ac")}}, 1, "e "},
	};
	struct fixture *f = *state;
	const struct tally_select select = {.column = "id"};
	struct tally_batch *batch = fixture_batch(f, &state_table);
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		const char id[] = {(char)('a' + i), '\0'};
		tally_put_int(tally_batch_row(f->ctx, batch), I_TIME, T0);
		put_text(f, batch, I_HOST, "h1");
		put_text(f, batch, I_ID, id);
		put_text(f, batch, I_LABELS, labels[i]);
	}
	fixture_write(f, batch);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tally_query query = query_of("things", &select, 1);
		query.filters = cases[i].filter;
		query.n_filters = cases[i].n;
		assert_messages(f, &query, 1, cases[i].expected);
	}
}

static void filters_apply_to_tags_and_fields_of_a_series(void **state)
{
	struct fixture *f = *state;
	const struct tally_filter filters[] = {{"stream", TALLY_EQUALS, 0, text("err")},
					       {"sequence", TALLY_LESS, 0, number(6)}};
	struct tally_query query = query_of("lines", select_log, 2);
	write_some_logs(f);
	query.filters = filters;
	query.n_filters = 2;
	assert_messages(f, &query, 1, "d e ");
}

static void lines_of_one_series_come_in_their_order(void **state)
{
	struct fixture *f = *state;
	struct tally_filter filters[] = {{"stream", TALLY_EQUALS, 0, text("err")},
					 {"host", TALLY_EQUALS, 0, text("h1")}};
	struct tally_query query = query_of("lines", select_log, 2);
	write_some_logs(f);
	query.filters = filters;
	query.n_filters = 2;
	assert_messages(f, &query, 1, "c d e ");
	query.limit = 2;
	query.newest_first = 1;
	assert_messages(f, &query, 1, "e d ");
	query.to = T0 + 20 * HOUR;
	assert_messages(f, &query, 1, "d c ");
	query.from = T0 + 1;
	assert_messages(f, &query, 1, "d ");
	filters[0].value = text("none");
	assert_messages(f, &query, 1, "");
}

/* Of h1 and a stream, as of rows that are in one place. */
static struct tally_query query_of_stream(struct tally_filter filters[2], const char *stream)
{
	struct tally_query query = query_of("lines", select_log_key, 4);
	filters[0] = (struct tally_filter){"host", TALLY_EQUALS, 0, text("h1")};
	filters[1] = stream ? (struct tally_filter){"stream", TALLY_EQUALS, 0, text(stream)}
			    : (struct tally_filter){"stream", TALLY_IS_NULL, 0, {.set = 0}};
	query.filters = filters;
	query.n_filters = 2;
	return query;
}

static void each_line_of_a_long_answer_has_the_tags_of_its_series(void **state)
{
	struct fixture *f = *state;
	struct tally_batch *batch = fixture_batch(f, &log_table);
	struct tally_filter filters[2];
	struct tally_query query = query_of_stream(filters, "out");
	struct rows rows;
	for (int i = 0; i < 1700; i++)
		put_log(f, batch, T0 + i * SECOND / 7, i % 3 ? "out" : "err", i, "m");
	fixture_write(f, batch);
	assert_int_equal(ask(f, &query, &rows), 0);
	assert_int_equal(rows.n, 1133);
	assert_int_equal(rows.n_batches, 3);
	for (uint32_t i = 0; i < rows.n; i++) {
		assert_string_equal(rows_at(&rows, i, 1)->text, "h1");
		assert_string_equal(rows_at(&rows, i, 2)->text, "out");
		assert_int_equal(rows_at(&rows, i, 3)->i, i / 2 * 3 + 1 + i % 2);
		assert_string_equal(rows_at(&rows, i, 4)->text, "m");
	}
	rows_free(&rows);
}

static void lines_of_one_series_go_on_after_any_row(void **state)
{
	static const struct {
		const char *stream, *after; /* NULL: such a stream */
		int64_t sequence;
		const char *later, *earlier;
	} cases[] = {
		{"err", "a", 9, "x c y d e ", ""},   {"err", "err", 8, "c y d e ", ""},
		{"err", "err", 9, "y d e ", "x "},   {"err", "err", 10, "d e ", "c x "},
		{"err", "out", 9, "d e ", "y c x "}, {"err", NULL, 9, "d e ", "y c x "},
		{"none", "err", 9, "", ""},          {NULL, "out", 9, "n ", ""},
		{NULL, NULL, 3, "n ", ""},           {NULL, NULL, 4, "", ""},
		{NULL, NULL, 5, "", "n "},
	};
	struct fixture *f = *state;
	write_some_logs(f);
	struct tally_batch *batch = fixture_batch(f, &log_table);
	put_log(f, batch, T0, "err", 8, "x");
	put_log(f, batch, T0, "err", 10, "y");
	put_log(f, batch, T0, "", 4, "n");
	((struct tally_cell *)(uintptr_t)batch->cells)[2 * L_N + L_STREAM].set = 0;
	fixture_write(f, batch);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct tally_filter filters[2];
		struct tally_query query = query_of_stream(filters, cases[i].stream);
		struct tally_cell after[] = {
			number(T0), text("h1"), {.set = 0}, number(cases[i].sequence)};
		if (cases[i].after)
			after[2] = text(cases[i].after);
		query.after = after;
		query.n_after = 4;
		assert_messages(f, &query, 4, cases[i].later);
		query.newest_first = 1;
		assert_messages(f, &query, 4, cases[i].earlier);
	}
}

/* Pages through all lines, three at a time, while more are written behind the page. */
static void page_through(struct fixture *f, bool newest_first)
{
	struct tally_query query = query_of("lines", select_log_key, 4);
	struct tally_cell after[4];
	char texts[3][20];
	int64_t seen[300] = {0}, n = 0, extra = 1000;
	query.limit = 3;
	query.newest_first = newest_first;
	for (;;) {
		struct rows rows;
		assert_int_equal(ask(f, &query, &rows), 0);
		for (uint32_t i = 0; i < rows.n; i++) {
			int64_t id = strtoll(rows_at(&rows, i, 4)->text, NULL, 10);
			if (id < 300) {
				seen[id]++;
				n++;
			}
		}
		if (rows.n == 0)
			break;
		for (uint32_t c = 0; c < 3; c++) /* time, host, stream, sequence */
			after[c] = *rows_at(&rows, rows.n - 1, c);
		for (uint32_t c = 1; c < 3; c++) {
			snprintf(texts[c], sizeof(texts[c]), "%.19s",
				 after[c].set ? after[c].text : "");
			after[c].text = texts[c];
		}
		after[3] = *rows_at(&rows, rows.n - 1, 3);
		query.after = after;
		query.n_after = 4;
		struct tally_batch *batch = fixture_batch(f, &log_table);
		put_log(f, batch, after[0].i + (newest_first ? DAY : -DAY), "out", extra++, "9999");
		fixture_write(f, batch);
		rows_free(&rows);
	}
	assert_int_equal(n, 300);
	for (int i = 0; i < 300; i++)
		assert_int_equal(seen[i], 1);
}

static void write_lines_for_paging(struct fixture *f)
{
	struct tally_batch *batch = fixture_batch(f, &log_table);
	for (int64_t i = 0; i < 300; i++) {
		char id[24];
		snprintf(id, sizeof(id), "%lld", (long long)i);
		/* Many share a time, some of these a stream, and some streams are NULL. */
		put_log(f, batch, T0 + i / 7 * MINUTE, i % 3 ? "out" : "err", i, id);
		if (i % 5 == 0)
			((struct tally_cell *)(uintptr_t)batch->cells)[i * L_N + L_STREAM].set = 0;
	}
	fixture_write(f, batch);
}

static void paging_gives_each_row_once_while_rows_are_added(void **state)
{
	write_lines_for_paging(*state);
	page_through(*state, false);
}

static void paging_backwards_gives_each_row_once_too(void **state)
{
	write_lines_for_paging(*state);
	page_through(*state, true);
}

/* A container that prints fast: the lines are nanoseconds apart. */
static void rows_of_one_microsecond_are_all_there_in_their_order(void **state)
{
	struct fixture *f = *state;
	for (int again = 0; again < 2; again++) {
		struct tally_batch *batch = fixture_batch(f, &log_table);
		put_log(f, batch, T0 + 1, "out", 0, "a");
		put_log(f, batch, T0 + 2, "out", 0, "b");
		put_log(f, batch, T0 + 2, "out", 1, "c");
		put_log(f, batch, T0 + 999, "out", 0, "d");
		put_log(f, batch, T0 + 1000, "out", 0, "e");
		fixture_write(f, batch);
	}
	struct tally_query query = query_of("lines", select_log, 2);
	assert_messages(f, &query, 1, "a b c d e ");
	query.newest_first = 1;
	assert_messages(f, &query, 1, "e d c b a ");
	query.newest_first = 0;
	query.from = T0 + 2;
	query.to = T0 + 999;
	assert_messages(f, &query, 1, "b c ");
	query.to = T0 + 1000;
	assert_messages(f, &query, 1, "b c d ");
	struct rows rows;
	assert_int_equal(ask(f, &query, &rows), 0);
	assert_int_equal(rows_at(&rows, 2, 0)->i, T0 + 999);
	rows_free(&rows);
	query.from = 0;
	const struct tally_cell after[] = {
		{.i = T0 + 2, .set = 1},
		{.text = "h1", .len = 2, .set = 1},
		{.text = "out", .len = 3, .set = 1},
		{.i = 0, .set = 1},
	};
	query.after = after;
	query.n_after = 4;
	assert_messages(f, &query, 1, "c d ");
	query.newest_first = 1;
	assert_messages(f, &query, 1, "a ");
}

static void a_state_table_is_paged_in_the_order_of_its_key(void **state)
{
	struct fixture *f = *state;
	const struct tally_select select = {.column = "id"};
	struct tally_query query = query_of("things", &select, 1);
	const struct tally_cell after[] = {text("h1"), text("b")};
	write_things(f);
	query.limit = 2;
	query.from = query.to = 0;
	assert_messages(f, &query, 1, "a b ");
	query.after = after;
	query.n_after = 2;
	assert_messages(f, &query, 1, "c d ");
	query.n_after = 1;
	struct rows rows;
	assert_int_equal(ask(f, &query, &rows), -EINVAL);
}

static void a_state_table_is_paged_backwards_too(void **state)
{
	struct fixture *f = *state;
	const struct tally_select select = {.column = "id"};
	struct tally_query query = query_of("things", &select, 1);
	const struct tally_cell after[] = {text("h1"), text("d")};
	write_things(f);
	query.limit = 2;
	query.newest_first = 1;
	assert_messages(f, &query, 1, "e d ");
	query.after = after;
	query.n_after = 2;
	assert_messages(f, &query, 1, "c b ");
	query.limit = 3;
	assert_messages(f, &query, 1, "c b a ");
}

static void refused(struct fixture *f, const struct tally_query *query, int error,
		    const char *reason)
{
	struct rows rows;
	assert_int_equal(ask(f, query, &rows), -error);
	if (!strstr(fake_host_reason(f->host), reason))
		fail_msg("\"%s\" lacks \"%s\"", fake_host_reason(f->host), reason);
}

static void unknown_names_are_refused_by_name(void **state)
{
	struct fixture *f = *state;
	struct tally_select select[] = {{.column = "nowhere"}, {.column = "message"}};
	const char *group = "message";
	const struct tally_filter filter = {"no_such", TALLY_EQUALS, 0, number(1)};
	struct tally_query query = query_of("nothing", select, 1);
	write_some_logs(f);
	refused(f, &query, ENOENT, "nothing");
	query.table = "lines";
	refused(f, &query, EINVAL, "nowhere");
	select[0] = select[1];
	select[1].aggregate = TALLY_LAST;
	query.n_select = 2;
	refused(f, &query, EINVAL, "rows or aggregates");
	query.n_select = 1;
	query.filters = &filter;
	query.n_filters = 1;
	refused(f, &query, EINVAL, "no_such");
	query.n_filters = 0;
	query.group_by = &group;
	query.n_group_by = 1;
	refused(f, &query, EINVAL, "neither group_by");
	select[0].aggregate = TALLY_LAST;
	refused(f, &query, EINVAL, "message is not a tag");
	query.n_group_by = 0;
	select[0].aggregate = TALLY_AVG;
	refused(f, &query, EINVAL, "message has no avg");
	select[0].aggregate = TALLY_RATE;
	refused(f, &query, EINVAL, "message has no rate");
	select[0].aggregate = 99;
	refused(f, &query, EINVAL, "no such aggregate");
	select[0].aggregate = TALLY_RAW;
	query.limit = 0;
	refused(f, &query, EINVAL, "limit");
	query.limit = 1;
	query.deadline = 0;
	refused(f, &query, EINVAL, "deadline");
}

static int stop_after_one(void *arg, const struct tally_batch *rows)
{
	(void)rows;
	return ++*(int *)arg == 1 ? 77 : 0;
}

static void a_callback_can_stop_a_query(void **state)
{
	struct fixture *f = *state;
	struct tally_query query = query_of("lines", select_log, 2);
	int calls = 0;
	write_lines_for_paging(f);
	assert_int_equal(f->plugin->store->query(f->store, &query, stop_after_one, &calls), 77);
	assert_int_equal(calls, 1);
}

static void a_query_past_its_deadline_is_ended(void **state)
{
	struct fixture *f = *state;
	static const struct tally_select select = {.column = "value", .aggregate = TALLY_AVG};
	for (int64_t b = 0; b < 6; b++) {
		struct tally_batch *batch = fixture_batch(f, &series_table);
		for (int64_t i = 0; i < 5000; i++)
			put_series(f, batch, T0 + (b * 5000 + i) * SECOND, "a", 1, 1);
		fixture_write(f, batch);
	}
	struct tally_query query = query_of("samples", &select, 1);
	struct rows rows;
	query.deadline = clock_monotonic() + CLOCK_MS;
	refused(f, &query, ETIMEDOUT, "deadline");
	query.deadline = clock_monotonic() + 60 * CLOCK_SECOND;
	assert_int_equal(ask(f, &query, &rows), 0);
	assert_int_equal(rows.n, 1);
	rows_free(&rows);
}

static bool at_once(void *arg)
{
	++*(int *)arg;
	return true;
}

static void a_query_that_is_cancelled_ends_and_the_next_one_works(void **state)
{
	struct fixture *f = *state;
	struct tally_query query = query_of("lines", select_log, 2);
	int asked = 0;
	write_some_logs(f);
	query.cancelled = at_once;
	query.cancelled_arg = &asked;
	refused(f, &query, ECANCELED, "cancelled");
	assert_true(asked > 0);
	query.cancelled = NULL;
	assert_messages(f, &query, 1, "c a b d e ");
}

static void a_query_waits_for_a_connection_only_until_its_deadline(void **state)
{
	struct fixture *f = *state;
	struct tally_query query = query_of("lines", select_log, 2);
	write_some_logs(f);
	fixture_hold_readers(f, true);
	query.deadline = clock_monotonic() + 20 * CLOCK_MS;
	refused(f, &query, ETIMEDOUT, "busy until the deadline");
	fixture_hold_readers(f, false);
	query.deadline = clock_monotonic() + 60 * CLOCK_SECOND;
	assert_messages(f, &query, 1, "c a b d e ");
}

struct asking {
	struct fixture *fixture;
	atomic_bool *done;
	int64_t answers;
	bool wrong;
};

static int count_rows(void *arg, const struct tally_batch *rows)
{
	*(int64_t *)arg += rows->n_rows;
	return 0;
}

/* Every write has ten rows, so whatever a reader sees is a multiple of ten. */
static void *ask_again_and_again(void *arg)
{
	struct asking *asking = arg;
	while (!atomic_load(asking->done) || asking->answers == 0) {
		struct tally_query query = query_of("lines", select_log, 2);
		int64_t n = 0;
		query.limit = 100000;
		int r = asking->fixture->plugin->store->query(asking->fixture->store, &query,
							      count_rows, &n);
		asking->wrong |= r != 0 || n % 10 != 0;
		asking->answers++;
	}
	return NULL;
}

static void readers_see_whole_writes_while_they_go_on(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[6];
	struct asking asking[6];
	atomic_bool done = false;
	assert_int_equal(f->plugin->output->prepare(f->store, &log_table), 0);
	for (int i = 0; i < 6; i++) {
		asking[i] = (struct asking){.fixture = f, .done = &done};
		assert_int_equal(pthread_create(&threads[i], NULL, ask_again_and_again, &asking[i]),
				 0);
	}
	for (int64_t w = 0; w < 100; w++) {
		struct tally_batch *batch = fixture_batch(f, &log_table);
		for (int64_t i = 0; i < 10; i++)
			put_log(f, batch, T0 + w * SECOND, i % 2 ? "out" : "err", i, "m");
		fixture_write(f, batch);
	}
	atomic_store(&done, true);
	for (int i = 0; i < 6; i++) {
		pthread_join(threads[i], NULL);
		assert_false(asking[i].wrong);
	}
}

int main(void)
{
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		STORE_TEST(rows_come_in_the_order_of_time_then_of_their_key),
		STORE_TEST(the_range_includes_from_and_excludes_to),
		STORE_TEST(an_answer_names_its_columns_and_types),
		STORE_TEST(long_answers_come_in_batches_of_500),
		STORE_TEST(filters_select_what_they_say),
		STORE_TEST(labels_are_found_whatever_characters_the_others_have),
		STORE_TEST(filters_apply_to_tags_and_fields_of_a_series),
		STORE_TEST(lines_of_one_series_come_in_their_order),
		STORE_TEST(each_line_of_a_long_answer_has_the_tags_of_its_series),
		STORE_TEST(lines_of_one_series_go_on_after_any_row),
		STORE_TEST(paging_gives_each_row_once_while_rows_are_added),
		STORE_TEST(paging_backwards_gives_each_row_once_too),
		STORE_TEST(rows_of_one_microsecond_are_all_there_in_their_order),
		STORE_TEST(a_state_table_is_paged_in_the_order_of_its_key),
		STORE_TEST(a_state_table_is_paged_backwards_too),
		STORE_TEST(unknown_names_are_refused_by_name),
		STORE_TEST(a_callback_can_stop_a_query),
		STORE_TEST(a_query_past_its_deadline_is_ended),
		STORE_TEST(a_query_that_is_cancelled_ends_and_the_next_one_works),
		STORE_TEST(readers_see_whole_writes_while_they_go_on),
	};
	const struct CMUnitTest several[] = {
		STORE_TEST(a_query_waits_for_a_connection_only_until_its_deadline),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	if (backend_several())
		failed += cmocka_run_group_tests(several, NULL, NULL);
	return failed;
}

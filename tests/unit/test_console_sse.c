#include "api/sse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

static void note(void *arg, const struct sse_event *event)
{
	struct strbuf *said = arg;
	strbuf_add(said, "[%s|%.*s]", event->name, (int)event->len, event->data);
}

/* In pieces of every size, since that is how they come. */
static void check(const char *text, const char *wanted, const char *id, const char *comment)
{
	for (size_t piece = 1; piece <= strlen(text); piece++) {
		struct sse sse = {0};
		struct strbuf said = {0};
		for (size_t at = 0; at < strlen(text); at += piece) {
			size_t left = strlen(text) - at;
			sse_feed(&sse, text + at, left < piece ? left : piece, note, &said);
		}
		assert_string_equal(said.data ? said.data : "", wanted);
		assert_string_equal(sse.id, id);
		assert_string_equal(sse.comment, comment);
		strbuf_done(&said);
		sse_done(&sse);
	}
}

static void events_have_a_name_an_id_and_data(void **state)
{
	(void)state;
	check("retry: 2000\n\nid: 7\nevent: logs\ndata: {\"a\":1}\n\nevent: ready\ndata: {}\n\n",
	      "[logs|{\"a\":1}][ready|{}]", "7", "");
	check("data:one\ndata: two\r\n\r\n:\n: why\n\n", "[|one\ntwo]", "", " why");
	check("id: 1\ndata\n\n\n\nevent: x\n\n", "", "1", "");
}

static void what_was_not_whole_is_not_resumed_after(void **state)
{
	struct sse sse = {0};
	struct strbuf said = {0};
	const char *text = "id: 1\ndata: a\n\nid: 2\ndata: b\n";
	(void)state;
	sse_feed(&sse, text, strlen(text), note, &said);
	assert_string_equal(sse.id, "1");
	sse_restart(&sse);
	text = "data: c\n\n";
	sse_feed(&sse, text, strlen(text), note, &said);
	assert_string_equal(said.data, "[|a][|c]");
	assert_string_equal(sse.id, "1");
	strbuf_done(&said);
	sse_done(&sse);
}

static void a_line_without_an_end_takes_no_memory_without_an_end(void **state)
{
	enum { PIECE = 1 << 20 };
	struct sse sse = {0};
	struct strbuf said = {0};
	char *piece = malloc(PIECE);
	(void)state;
	memset(piece, 'x', PIECE);
	sse_feed(&sse, "data: ", 6, note, &said);
	for (int i = 0; i < 20; i++)
		sse_feed(&sse, piece, PIECE, note, &said);
	assert_true(sse.line.size <= 2 * (size_t)SSE_MAX_LINE);
	sse_feed(&sse, "\ndata: a\n\n", 10, note, &said);
	assert_string_equal(said.data, "[|a]");
	free(piece);
	strbuf_done(&said);
	sse_done(&sse);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_have_a_name_an_id_and_data),
		cmocka_unit_test(what_was_not_whole_is_not_resumed_after),
		cmocka_unit_test(a_line_without_an_end_takes_no_memory_without_an_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

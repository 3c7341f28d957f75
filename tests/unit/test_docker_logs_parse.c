/* Bytes of a log to lines: frames, terminals, parts, levels, by what engines really sent. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_engine.h"
#include "sources/log_frames.h"
#include "logs/log_level.h"
#include "logs/log_lines.h"
#include "sources/log_raw.h"
#include "logs/log_text.h"
#include "test.h"

enum { MAX_LINES = 64, MAX_LINE = 256 << 10 };

struct reader {
	struct log_frames frames;
	struct log_raw raw;
	struct log_lines lines;
	struct log_line got[MAX_LINES];
	uint32_t n;
	char engine_said[100];
};

static enum log_outcome keep_line(void *arg, const struct log_line *line)
{
	struct reader *reader = arg;
	assert_true(reader->n < MAX_LINES);
	struct log_line *kept = &reader->got[reader->n++];
	*kept = *line;
	kept->text = malloc(line->len + 1);
	assert_non_null(kept->text);
	memcpy(kept->text, line->text, line->len);
	kept->text[line->len] = '\0';
	return LOG_MORE;
}

static enum log_outcome take_part(void *arg, const struct log_part *part)
{
	struct reader *reader = arg;
	return log_lines_part(&reader->lines, part, keep_line, reader);
}

static void note_error(void *arg, const char *text, size_t len)
{
	struct reader *reader = arg;
	snprintf(reader->engine_said, sizeof(reader->engine_said), "%.*s", (int)len, text);
}

static void begin(struct reader *reader, size_t max)
{
	*reader = (struct reader){.frames.max = max + 64, .raw.max = 2 * max, .lines.max = max};
}

static void end(struct reader *reader)
{
	for (uint32_t i = 0; i < reader->n; i++)
		free(reader->got[i].text);
	log_frames_done(&reader->frames);
	log_raw_done(&reader->raw);
	log_lines_done(&reader->lines);
}

/* In pieces of so many bytes, each in memory of its own so that a sanitizer sees its ends. */
static enum log_outcome feed(struct reader *reader, bool terminal, const char *bytes, size_t len,
			     size_t piece)
{
	const struct log_frame_calls calls = {take_part, note_error, reader};
	enum log_outcome outcome = LOG_MORE;
	for (size_t at = 0; at < len && outcome == LOG_MORE; at += piece) {
		size_t n = len - at < piece ? len - at : piece;
		char *copy = malloc(n);
		assert_non_null(copy);
		memcpy(copy, bytes + at, n);
		outcome = terminal ? log_raw_feed(&reader->raw, copy, n, take_part, reader)
				   : log_frames_feed(&reader->frames, copy, n, &calls);
		free(copy);
	}
	return outcome;
}

static void assert_line(const struct reader *reader, uint32_t i, enum log_stream stream,
			const char *text)
{
	assert_true(i < reader->n);
	assert_int_equal(reader->got[i].stream, stream);
	assert_string_equal(reader->got[i].text, text);
	assert_int_equal(reader->got[i].cut, 0);
	assert_int_equal(reader->got[i].sequence, stream);
}

static void assert_long_line(const struct reader *reader, uint32_t i, char c, size_t len)
{
	assert_int_equal(reader->got[i].len, len);
	for (size_t at = 0; at < len; at++)
		assert_int_equal(reader->got[i].text[at], c);
}

/* ---- What engines sent ---- */

static void assert_mixed(const struct reader *reader)
{
	assert_int_equal(reader->n, 12);
	assert_line(reader, 0, LOG_STDOUT, "plain");
	assert_line(reader, 1, LOG_STDOUT, "");
	assert_line(reader, 2, LOG_STDERR, "to-stderr");
	assert_int_equal(reader->got[3].len, 28);
	assert_memory_equal(reader->got[3].text,
			    "utf8 \xc3\xa9 bad \xef\xbf\xbd\xef\xbf\xbd nul \0 end", 28);
	assert_line(reader, 4, LOG_STDOUT, "cr\r");
	assert_long_line(reader, 5, 'x', 40000);
	assert_long_line(reader, 6, 'y', 16384);
	assert_line(reader, 7, LOG_STDOUT, "{\"level\":\"info\",\"msg\":\"json line\"}");
	assert_line(reader, 8, LOG_STDERR, "Exception in thread");
	assert_line(reader, 9, LOG_STDERR, "\tat a.b(C.java:1)");
	assert_line(reader, 10, LOG_STDERR, "\tat d.e(F.java:2)");
	assert_line(reader, 11, LOG_STDOUT, "no newline at end");
}

static void recorded_frames_give_the_same_lines_in_any_pieces(void **state)
{
	static const char *const engines[] = {"docker-20.10.24-cgroupv1",
					      "docker-29.7.2-containerdstore-cgroupv1"};
	static const size_t pieces[] = {1, 2, 7, 39, 4096, 1 << 20};
	(void)state;
	for (size_t e = 0; e < 2; e++) {
		char path[300];
		size_t len;
		snprintf(path, sizeof(path), "%s/docker/%s/logs_mixed.bin", TEST_DATA_DIR,
			 engines[e]);
		char *bytes = fake_engine_read_file(path, &len);
		for (size_t p = 0; p < sizeof(pieces) / sizeof(pieces[0]); p++) {
			struct reader reader;
			begin(&reader, MAX_LINE);
			assert_int_equal(feed(&reader, false, bytes, len, pieces[p]), LOG_MORE);
			assert_mixed(&reader);
			end(&reader);
		}
		free(bytes);
	}
}

static void a_terminal_s_log_has_no_frames(void **state)
{
	char path[300];
	size_t len;
	struct reader reader;
	(void)state;
	snprintf(path, sizeof(path), "%s/docker/docker-20.10.24-cgroupv1/logs_tty1.raw",
		 TEST_DATA_DIR);
	char *bytes = fake_engine_read_file(path, &len);
	for (size_t piece = 1; piece <= len; piece++) {
		begin(&reader, MAX_LINE);
		assert_int_equal(feed(&reader, true, bytes, len, piece), LOG_MORE);
		assert_int_equal(reader.n, 2);
		assert_string_equal(reader.got[0].text, "out1\r");
		assert_string_equal(reader.got[1].text, "err1\r");
		assert_int_equal(reader.got[0].time, INT64_C(1795450645522965471));
		end(&reader);
	}
	free(bytes);
}

/* ---- What a terminal can do ---- */

#define TIME_1 "2026-11-23T16:17:25.522965471Z "
#define TIME_2 "2026-11-23T16:17:26.000000001Z "
#define EARLIER "2026-11-23T16:17:25.522965470Z "

static void parts_of_a_terminal_s_long_line_are_joined(void **state)
{
	static char bytes[2 * 16384 + 200];
	struct reader reader;
	(void)state;
	size_t len = (size_t)snprintf(bytes, sizeof(bytes), "%s", TIME_1);
	memset(bytes + len, 'x', 16384);
	len += 16384;
	len += (size_t)snprintf(bytes + len, sizeof(bytes) - len, "%s", TIME_1);
	memset(bytes + len, 'x', 16384);
	len += 16384;
	len += (size_t)snprintf(bytes + len, sizeof(bytes) - len, "%s\r\n%sb\r\n", TIME_1 "xx",
				TIME_2);
	static const size_t pieces[] = {1, 100, 16384, 1 << 20};
	for (size_t p = 0; p < 4; p++) {
		begin(&reader, MAX_LINE);
		assert_int_equal(feed(&reader, true, bytes, len, pieces[p]), LOG_MORE);
		assert_int_equal(reader.n, 2);
		assert_int_equal(reader.got[0].len, 2 * 16384 + 3);
		assert_string_equal(reader.got[0].text + 2 * 16384, "xx\r");
		assert_string_equal(reader.got[1].text, "b\r");
		end(&reader);
	}
}

static void a_terminal_s_last_line_without_newline_ends_where_the_next_run_begins(void **state)
{
	static const char bytes[] = TIME_1 "tail" TIME_2 "next run\r\n" TIME_2 "open";
	struct reader reader;
	(void)state;
	begin(&reader, MAX_LINE);
	assert_int_equal(feed(&reader, true, bytes, sizeof(bytes) - 1, 5), LOG_MORE);
	assert_int_equal(reader.n, 2);
	assert_string_equal(reader.got[0].text, "tail");
	assert_string_equal(reader.got[1].text, "next run\r");
	assert_int_equal(log_raw_end(&reader.raw, take_part, &reader), LOG_MORE);
	assert_int_equal(reader.n, 3);
	assert_string_equal(reader.got[2].text, "open");
	end(&reader);
}

static void a_time_that_a_program_prints_does_not_cut_its_line(void **state)
{
	static const char bytes[] = TIME_1 "at " EARLIER "it said\r\n";
	struct reader reader;
	(void)state;
	begin(&reader, MAX_LINE);
	assert_int_equal(feed(&reader, true, bytes, sizeof(bytes) - 1, 1000), LOG_MORE);
	assert_int_equal(reader.n, 1);
	assert_string_equal(reader.got[0].text, "at " EARLIER "it said\r");
	end(&reader);
}

/* ---- Bounds and garbage ---- */

static size_t put_frame(char *at, unsigned char type, const char *text, size_t len)
{
	const char head[8] = {
		(char)type,       0,        0, 0, (char)(len >> 24), (char)(len >> 16),
		(char)(len >> 8), (char)len};
	memcpy(at, head, 8);
	memcpy(at + 8, text, len);
	return len + 8;
}

static void what_is_no_frame_is_garbage(void **state)
{
	static const char *const wrong[] = {"HTTP/1.1 200 OK", "\1\0\1\0\0\0\0\1",
					    "\4\0\0\0\0\0\0\1", "\1\0\0\0\0\0\0\0"};
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct reader reader;
		begin(&reader, MAX_LINE);
		assert_int_equal(feed(&reader, false, wrong[i], 8, 3), LOG_GARBAGE);
		end(&reader);
	}
	char bytes[100];
	struct reader reader;
	begin(&reader, MAX_LINE);
	size_t len = put_frame(bytes, 1, "no time in front\n", 17);
	assert_int_equal(feed(&reader, false, bytes, len, 100), LOG_GARBAGE);
	end(&reader);
	begin(&reader, MAX_LINE);
	assert_int_equal(feed(&reader, true, "no time in front\r\n", 18, 100), LOG_GARBAGE);
	end(&reader);
}

static void the_engine_s_own_error_is_no_line(void **state)
{
	static const char said[] = "Error grabbing logs: unexpected EOF";
	char bytes[100];
	struct reader reader;
	(void)state;
	size_t len = put_frame(bytes, 3, said, sizeof(said) - 1);
	begin(&reader, MAX_LINE);
	assert_int_equal(feed(&reader, false, bytes, len, 9), LOG_MORE);
	assert_string_equal(reader.engine_said, said);
	assert_int_equal(reader.n, 0);
	end(&reader);
}

static void a_line_over_the_bound_is_cut_and_the_next_is_whole(void **state)
{
	static char part[31 + 16384], bytes[5 * sizeof(part)];
	static const size_t pieces[] = {1000, sizeof(bytes)};
	size_t len = 0;
	(void)state;
	memcpy(part, TIME_1, 31);
	memset(part + 31, 'x', 16384);
	for (int i = 0; i < 3; i++)
		len += put_frame(bytes + len, 1, part, sizeof(part));
	len += put_frame(bytes + len, 1, TIME_1 "end\n", 35);
	len += put_frame(bytes + len, 1, TIME_2 "next\n", 36);
	for (int p = 0; p < 2; p++)
		for (size_t max = 1000; max < 60000; max += 19000) {
			struct reader reader;
			size_t whole = 3 * 16384 + 3, kept = max < whole ? max : whole;
			begin(&reader, max);
			assert_int_equal(feed(&reader, false, bytes, len, pieces[p]), LOG_MORE);
			assert_int_equal(reader.n, 2);
			assert_int_equal(reader.got[0].len, kept);
			assert_int_equal(reader.got[0].len + reader.got[0].cut, whole);
			assert_string_equal(reader.got[1].text, "next");
			end(&reader);
		}
}

/* ---- Levels and text ---- */

static void levels_are_recognised_where_lines_tell_them(void **state)
{
	static const struct {
		const char *line, *level;
	} cases[] = {
		{"{\"level\":\"info\",\"msg\":\"x\"}", "info"},
		{"{\"msg\":\"level\", \"severity\" : \"ERROR\"}", "error"},
		{"{\"time\":1,\"level\":30,\"msg\":\"pino\"}", "info"},
		{"{\"a\":{\"level\":\"error\"},\"lvl\":\"warn\"}", "warning"},
		{"{\"a\":\"x\\\"level\\\":\\\"error\\\"\",\"@l\":\"Fatal\"}", "critical"},
		{"{\"log.level\":\"DEBUG\"}", "debug"},
		{"{\"msg\":\"no level\"}", NULL},
		{"{\"level\":", NULL},
		{"time=\"2026-11-23T16:00:00Z\" level=warning msg=\"x\"", "warning"},
		{"ts=1 lvl=eror msg=x", "error"},
		{"2026-11-23 16:00:00,123 ERROR [main] x", "error"},
		{"2026/11/23 16:00:00 [warn] 7#7: x", "warning"},
		{"[2026-11-23] INFO: x", "info"},
		{"info: listening", "info"},
		{"Error: no such file", "error"},
		{"<3>kernel says", "error"},
		{"<14>app says", "info"},
		{"E0102 15:04:05.000000 1 x.go:1] y", "error"},
		{"W1123 15:04:05.000000 1 x.go:1] y", "warning"},
		{"1:M 23 Nov 2026 16:00:00.000 # WARNING overcommit", "warning"},
		{"2026-11-23 16:00:00.000 UTC [1] FATAL:  the database system", "critical"},
		{"GET /error/info HTTP/1.1", NULL},
		{"there was no error in it", NULL},
		{"information about errors", NULL},
		{"E0102", NULL},
		{"<999>x", NULL},
		{"", NULL},
		{"   ", NULL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *level = log_level(cases[i].line, strlen(cases[i].line));
		if (!cases[i].level && level)
			fail_msg("%s: %s, not NULL", cases[i].line, level);
		if (cases[i].level && (!level || strcmp(level, cases[i].level) != 0))
			fail_msg("%s: %s, not %s", cases[i].line, level ? level : "NULL",
				 cases[i].level);
	}
}

static void text_becomes_valid_utf_8_without_nul(void **state)
{
	static const struct {
		const char *text, *clean;
		size_t len;
	} cases[] = {
		{"plain text of some length", "plain text of some length", 25},
		{"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9},
		{"a\0b",
		 "a\xef\xbf\xbd"
		 "b",
		 3},
		{"12345678\0", "12345678\xef\xbf\xbd", 9},
		{"\xff", "\xef\xbf\xbd", 1},
		{"\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd", 2},
		{"\xed\xa0\x80x", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx", 4},
		{"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 4},
		{"ab\xe2\x82", "ab\xef\xbf\xbd\xef\xbf\xbd", 4},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char clean[100];
		size_t len = log_text_clean(cases[i].text, cases[i].len, false, clean);
		assert_int_equal(len, strlen(cases[i].clean));
		assert_memory_equal(clean, cases[i].clean, len);
		assert_true(log_text_is_clean(clean, len));
		bool same = len == cases[i].len && memcmp(clean, cases[i].text, len) == 0;
		assert_int_equal(log_text_is_clean(cases[i].text, cases[i].len), same);
	}
	char clean[20];
	assert_int_equal(log_text_clean("ab\xe2\x82", 4, true, clean), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recorded_frames_give_the_same_lines_in_any_pieces),
		cmocka_unit_test(a_terminal_s_log_has_no_frames),
		cmocka_unit_test(parts_of_a_terminal_s_long_line_are_joined),
		cmocka_unit_test(
			a_terminal_s_last_line_without_newline_ends_where_the_next_run_begins),
		cmocka_unit_test(a_time_that_a_program_prints_does_not_cut_its_line),
		cmocka_unit_test(what_is_no_frame_is_garbage),
		cmocka_unit_test(the_engine_s_own_error_is_no_line),
		cmocka_unit_test(a_line_over_the_bound_is_cut_and_the_next_is_whole),
		cmocka_unit_test(levels_are_recognised_where_lines_tell_them),
		cmocka_unit_test(text_becomes_valid_utf_8_without_nul),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

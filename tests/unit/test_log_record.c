/* Records of log files: both formats, damage by a power cut, lines of parts with times of their
 * own. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "logs/log_file.h"
#include "logs/log_lines.h"
#include "logs/log_record.h"
#include "test.h"

#define TIME "2026-11-23T16:17:25.522965471Z"
#define JSON(text) "{\"log\":\"" text "\\n\",\"stream\":\"stdout\",\"time\":\"" TIME "\"}"
#define NULS "\0\0\0\0\0\0\0\0"

static const int64_t time_ns = INT64_C(1795450645522965471);

enum { MAX_LINES = 16, RECORD_SIZE = 300 };

/* ---- One record ---- */

struct record {
	char bytes[RECORD_SIZE];
	struct log_part part;
	bool fine, recovered;
};

static struct record read_bytes(const char *bytes, size_t len)
{
	struct record record = {.fine = false};
	char *copy = malloc(len + 1); /* so that a sanitizer sees its end */
	assert_non_null(copy);
	memcpy(copy, bytes, len);
	record.fine = log_record_read(copy, len, &record.part);
	if (!record.fine)
		record.recovered = log_record_recover(copy, len, &record.part);
	if (record.fine || record.recovered) {
		assert_true(record.part.len < RECORD_SIZE);
		memcpy(record.bytes, record.part.text, record.part.len);
	}
	free(copy);
	return record;
}

static void the_cri_format_is_read(void **state)
{
	static const struct {
		const char *record, *text;
		enum log_stream stream;
		bool ends;
		int64_t time;
	} cases[] = {
		{TIME " stdout F a text", "a text", LOG_STDOUT, true, time_ns},
		{TIME " stderr P part", "part", LOG_STDERR, false, time_ns},
		{"2026-11-23T16:17:25.522965471+00:00 stdout F x", "x", LOG_STDOUT, true, time_ns},
		{"2026-11-23T17:17:25.522965471+01:00 stdout F x", "x", LOG_STDOUT, true, time_ns},
		{"2026-11-23T10:47:25.522965471-05:30 stderr F x", "x", LOG_STDERR, true, time_ns},
		{"2026-11-23T16:17:25Z stdout F x", "x", LOG_STDOUT, true,
		 time_ns - time_ns % 1000000000},
		{TIME " stdout F ", "", LOG_STDOUT, true, time_ns},
		{TIME " stdout F", "", LOG_STDOUT, true, time_ns},
		{TIME " stdout F  two  blanks ", " two  blanks ", LOG_STDOUT, true, time_ns},
		{TIME " stdout P:later:tags x", "x", LOG_STDOUT, false, time_ns},
		{TIME " stdout F {\"log\":\"x\"}", "{\"log\":\"x\"}", LOG_STDOUT, true, time_ns},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct record record = read_bytes(cases[i].record, strlen(cases[i].record));
		assert_true(record.fine);
		assert_true(record.part.cri);
		assert_string_equal(record.bytes, cases[i].text);
		assert_int_equal(record.part.stream, cases[i].stream);
		assert_int_equal(record.part.ends, cases[i].ends);
		assert_int_equal(record.part.time, cases[i].time);
	}
}

static void what_is_in_neither_format_is_no_record(void **state)
{
	static const char *const wrong[] = {"",
					    "rubbish",
					    "2026",
					    TIME,
					    TIME " ",
					    TIME " stdout",
					    TIME " stdout ",
					    TIME " stdin F x",
					    TIME " stdout X x",
					    TIME " stdout FP x",
					    TIME " text without a stream",
					    "2026-13-23T16:17:25Z stdout F x",
					    "25.522 stdout F x",
					    "{}",
					    "[]",
					    "{\"log\":\"no time\"}"};
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct record record = read_bytes(wrong[i], strlen(wrong[i]));
		assert_false(record.fine);
		assert_false(record.recovered);
	}
}

static void a_whole_record_behind_damage_is_kept(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} cases[] = {
#define CASE(b) {b, sizeof(b) - 1}
		CASE(NULS JSON("kept")),
		CASE("{\"log\":\"torn" JSON("kept")),
		CASE("{\"log\":\"torn" NULS JSON("kept")),
		CASE("{\"log\":\"torn\\" JSON("kept")),
		CASE("{\"log\":\"a\\n\",\"stream\":\"std" JSON("kept")),
		CASE("{\"log\":\"a\\n\",\"stream\":" JSON("kept")),
		CASE("{" JSON("kept")),
		CASE("{\"lo" JSON("kept")),
		CASE("rubbish " JSON("kept")),
		CASE(JSON("lost") JSON("kept")),
		CASE(TIME " stdout F torn" NULS TIME " stdout F kept"),
		CASE(NULS TIME " stdout F kept"),
		CASE("{\"log\":\"torn" NULS TIME " stdout F kept"),
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct record record = read_bytes(cases[i].bytes, cases[i].len);
		assert_false(record.fine);
		assert_true(record.recovered);
		assert_string_equal(record.bytes, "kept");
		assert_int_equal(record.part.time, time_ns);
	}
}

/* What a container prints is not mistaken for damage. */
static void text_that_looks_like_a_record_is_text(void **state)
{
	static const char json[] = JSON("{\\\"log\\\":\\\"x\\\"}");
	static const char one_nul[] = TIME " stdout F a\0" TIME " stdout F b";
	(void)state;
	struct record record = read_bytes(json, sizeof(json) - 1);
	assert_true(record.fine);
	assert_string_equal(record.bytes, "{\"log\":\"x\"}");
	record = read_bytes(one_nul, sizeof(one_nul) - 1);
	assert_true(record.fine);
	assert_int_equal(record.part.len, 2 + sizeof(TIME " stdout F b") - 1);
}

/* ---- A file ---- */

struct reader {
	char path[60];
	struct log_file file;
	struct log_lines lines;
	char *buffer;
	struct log_line got[MAX_LINES];
	uint32_t n;
};

static void begin(struct reader *reader)
{
	*reader = (struct reader){.lines.max = 1 << 20, .path = "/tmp/test_log_record_XXXXXX"};
	int fd = mkstemp(reader->path);
	assert_true(fd >= 0);
	close(fd);
	reader->buffer = malloc(LOG_FILE_BUFFER);
	assert_non_null(reader->buffer);
}

static void end(struct reader *reader)
{
	for (uint32_t i = 0; i < reader->n; i++)
		free(reader->got[i].text);
	log_file_close(&reader->file);
	log_lines_done(&reader->lines);
	free(reader->buffer);
	unlink(reader->path);
}

static void append(const struct reader *reader, const char *bytes, size_t len)
{
	FILE *file = fopen(reader->path, "a");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void append_text(const struct reader *reader, const char *text)
{
	append(reader, text, strlen(text));
}

static enum log_outcome on_line(void *arg, const struct log_line *line)
{
	struct reader *reader = arg;
	assert_true(reader->n < MAX_LINES);
	reader->got[reader->n] = *line;
	reader->got[reader->n++].text = strndup(line->text ? line->text : "", line->len);
	return LOG_MORE;
}

static enum log_outcome on_part(void *arg, const struct log_part *part)
{
	struct reader *reader = arg;
	return log_lines_part(&reader->lines, part, on_line, reader);
}

/* From where the mark says, to the end. */
static void read_all(struct reader *reader)
{
	const struct log_begin where = {.resume = &reader->lines.resume, .buffer = reader->buffer};
	int state = LOG_MORE;
	log_file_close(&reader->file);
	log_lines_restart(&reader->lines);
	assert_int_equal(log_file_open(&reader->file, reader->path, &where), 0);
	while (state == LOG_MORE)
		state = log_file_read(&reader->file, reader->buffer, on_part, reader);
	assert_int_equal(state, LOG_END);
}

static void assert_lines(const struct reader *reader, const char *const *wanted, uint32_t n)
{
	assert_int_equal(reader->n, n);
	for (uint32_t i = 0; i < n; i++)
		assert_string_equal(reader->got[i].text, wanted[i]);
}

#define AT(s) "2026-11-23T16:17:" s ".000000001Z "

static void parts_of_a_cri_line_are_joined_whatever_their_times(void **state)
{
	static const char *const wanted[] = {"err", "abcd", "whole"};
	struct reader reader;
	(void)state;
	begin(&reader);
	append_text(&reader,
		    AT("01") "stdout P ab\n" AT("02") "stdout P c\n" AT("02") "stderr F err\n");
	read_all(&reader);
	assert_int_equal(reader.n, 1);
	append_text(&reader, AT("09") "stdout F d\n" AT("09") "stdout F whole\n");
	read_all(&reader); /* anew, as after a crash */
	assert_lines(&reader, wanted, 3);
	read_all(&reader);
	assert_int_equal(reader.n, 3);
	end(&reader);
}

static void a_cri_line_over_the_bound_is_cut(void **state)
{
	struct reader reader;
	(void)state;
	begin(&reader);
	reader.lines.max = 5;
	append_text(&reader,
		    AT("01") "stdout P abc\n" AT("02") "stdout P def\n" AT("03") "stdout F gh\n");
	read_all(&reader);
	assert_int_equal(reader.n, 1);
	assert_string_equal(reader.got[0].text, "abcde");
	assert_int_equal(reader.got[0].cut, 3);
	end(&reader);
}

/* A run that ended without a newline, and the next in the same file. */
static void a_last_line_without_its_end_is_not_joined_with_the_next_run(void **state)
{
	static const char *const wanted[] = {"tail", "run", "tail", "run"};
	char position[LOG_POSITION_SIZE];
	struct reader reader;
	(void)state;
	begin(&reader);
	append_text(&reader, AT("01") "stdout P ta\n" AT("02") "stdout P il\n");
	for (int run = 1; run <= 2; run++) {
		read_all(&reader);
		assert_int_equal(log_lines_end(&reader.lines, on_line, &reader), LOG_MORE);
		/* The daemon is started anew as well. */
		log_resume_write(&reader.lines.resume, position);
		assert_true(log_resume_read(position, &reader.lines.resume));
		append_text(&reader, run == 1 ? AT("03") "stdout F run\n" AT("04") "stdout P tail\n"
					      : AT("05") "stdout F run\n");
	}
	read_all(&reader);
	assert_lines(&reader, wanted, 4);
	end(&reader);
}

static void a_run_of_nuls_takes_no_record_along(void **state)
{
	static const char *const wanted[] = {"before", "behind", "last"};
	enum { MANY = 3 * LOG_FILE_BUFFER + 5 };
	(void)state;
	for (size_t nuls = 1; nuls <= MANY; nuls = nuls == 1 ? 4096 : nuls * 26) {
		struct reader reader;
		char *run = calloc(1, MANY);
		assert_non_null(run);
		begin(&reader);
		append_text(&reader, JSON("before") "\n");
		append(&reader, run, nuls);
		append_text(&reader, "{\"log\":\"behind\\n\",\"stream\":\"stdout\",\"time\":"
				     "\"2026-11-23T16:17:26Z\"}\n");
		append_text(&reader, "2026-11-23T16:17:27Z stdout F last\n");
		read_all(&reader);
		assert_lines(&reader, wanted, 3);
		assert_int_equal(reader.file.damaged, 1);
		assert_int_equal(reader.file.damaged_at, sizeof(JSON("before")));
		assert_int_equal(reader.file.foreign, 0);
		free(run);
		end(&reader);
	}
}

static void a_file_without_any_record_is_known_as_such(void **state)
{
	struct reader reader;
	(void)state;
	begin(&reader);
	append_text(&reader, "no\nlog\n\nat all\n");
	read_all(&reader);
	assert_int_equal(reader.file.records, 0);
	assert_int_equal(reader.file.foreign, 3);
	assert_false(log_file_has_record(&reader.file, reader.buffer));
	append_text(&reader, JSON("one") "\n");
	assert_true(log_file_has_record(&reader.file, reader.buffer));
	end(&reader);
}

/* ---- Parts that an engine sends again ---- */

/* Parts of a line by the letter they are filled with, capitals end it; +: with a next time. */
static void send_parts(struct reader *reader, const char *parts)
{
	static char text[LOG_PART_FULL];
	int64_t time = time_ns;
	begin(reader);
	reader->lines.resends = true;
	for (; *parts; parts++) {
		bool ends = *parts >= 'A' && *parts <= 'Z';
		struct log_part part = {.time = time, .text = text, .ends = ends};
		time += *parts == '+';
		if (*parts == '+')
			continue;
		part.len = ends ? 10 : LOG_PART_FULL;
		/* x is one byte over and over, all else does not repeat itself. */
		for (size_t i = 0; i < part.len; i++)
			text[i] = (char)(*parts == 'x' ? 'x' : *parts + (int)(i * i / 1000 % 7));
		assert_int_equal(log_lines_part(&reader->lines, &part, on_line, reader), LOG_MORE);
	}
}

static void parts_sent_again_are_dropped_but_not_those_of_text_that_repeats_itself(void **state)
{
	enum { FULL = LOG_PART_FULL };
	static const struct {
		const char *parts;
		uint32_t n;
		size_t len, repeats;
	} cases[] = {
		{"abC", 1, 2 * FULL + 10, 0},   {"aabC", 1, 2 * FULL + 10, 1},
		{"ababC", 1, 2 * FULL + 10, 2}, {"abCC", 1, 2 * FULL + 10, 1},
		{"abCbC", 1, 2 * FULL + 10, 2}, {"abC+D", 2, 2 * FULL + 10, 0},
		{"xxC", 1, 2 * FULL + 10, 0},   {"xxxxC", 1, 4 * FULL + 10, 0},
		{"xxCxC", 1, 2 * FULL + 10, 2}, {"AA+A", 2, 10, 1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reader reader;
		send_parts(&reader, cases[i].parts);
		assert_int_equal(reader.n, cases[i].n);
		assert_int_equal(reader.got[0].len, cases[i].len);
		assert_int_equal(reader.lines.repeats, cases[i].repeats);
		end(&reader);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_cri_format_is_read),
		cmocka_unit_test(what_is_in_neither_format_is_no_record),
		cmocka_unit_test(a_whole_record_behind_damage_is_kept),
		cmocka_unit_test(text_that_looks_like_a_record_is_text),
		cmocka_unit_test(parts_of_a_cri_line_are_joined_whatever_their_times),
		cmocka_unit_test(a_cri_line_over_the_bound_is_cut),
		cmocka_unit_test(a_last_line_without_its_end_is_not_joined_with_the_next_run),
		cmocka_unit_test(a_run_of_nuls_takes_no_record_along),
		cmocka_unit_test(a_file_without_any_record_is_known_as_such),
		cmocka_unit_test(
			parts_sent_again_are_dropped_but_not_those_of_text_that_repeats_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

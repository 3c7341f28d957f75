/* Levels: a corpus of lines as loggers write them, and what no line of a file can show. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "logs/log_level.h"
#include "test.h"

enum { LINE_SIZE = 4096, LOGGERS = 200, LINES_WANTED = 200, LOGGERS_WANTED = 40 };

/* ---- The corpus ---- */

/* \e, \a, \t and \\ become what they stand for. */
static void unescape(char *text)
{
	static const char from[] = "eat\\", to[] = "\x1b\a\t\\";
	char *out = text;
	for (; *text; text++) {
		const char *found = *text == '\\' && text[1] ? strchr(from, text[1]) : NULL;
		*out++ = found ? to[found - from] : *text;
		text += found != NULL;
	}
	*out = '\0';
}

/* In memory of its own, so that a sanitizer sees a read behind its end. */
static const char *level_of(const char *text, size_t len)
{
	char *copy = malloc(len ? len : 1);
	assert_non_null(copy);
	memcpy(copy, text, len);
	const char *level = log_level(copy, len);
	free(copy);
	return level ? level : "-";
}

struct corpus {
	char loggers[LOGGERS][40];
	uint32_t n_loggers, n_lines, wrong;
};

static void count_logger(struct corpus *corpus, const char *logger)
{
	for (uint32_t i = 0; i < corpus->n_loggers; i++)
		if (strcmp(corpus->loggers[i], logger) == 0)
			return;
	assert_true(corpus->n_loggers < LOGGERS);
	snprintf(corpus->loggers[corpus->n_loggers++], sizeof(corpus->loggers[0]), "%s", logger);
}

static void check_line(struct corpus *corpus, char *line)
{
	char *rest = line;
	const char *logger = strsep(&rest, "\t"), *wanted = strsep(&rest, "\t");
	assert_non_null(rest);
	count_logger(corpus, logger);
	corpus->n_lines++;
	unescape(rest);
	const char *level = level_of(rest, strlen(rest));
	if (strcmp(level, wanted) == 0)
		return;
	print_message("%s: %s, not %s: %s\n", logger, level, wanted, rest);
	corpus->wrong++;
}

static void every_logger_s_lines_have_the_level_they_say(void **state)
{
	static struct corpus corpus;
	char line[LINE_SIZE];
	FILE *file = fopen(TEST_DATA_DIR "/log_levels/lines.tsv", "r");
	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] != '#')
			check_line(&corpus, line);
	}
	fclose(file);
	assert_int_equal(corpus.wrong, 0);
	assert_true(corpus.n_lines >= LINES_WANTED);
	assert_true(corpus.n_loggers >= LOGGERS_WANTED);
}

/* ---- What the corpus cannot show ---- */

static void a_level_behind_a_long_message_is_found(void **state)
{
	static const char *const forms[][2] = {
		{"{\"msg\":\"", "\",\"level\":\"error\"}"},
		{"2026-11-23T16:00:00Z {\"msg\":\"", "\",\"level\":\"error\"}"},
		{"time=\"2026-11-23T16:00:00Z\" msg=\"", "\" level=error"},
	};
	enum { LONG = 100000 };
	char *text = malloc(LONG + 200);
	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		size_t head = strlen(forms[i][0]), tail = strlen(forms[i][1]);
		memcpy(text, forms[i][0], head);
		memset(text + head, 'x', LONG);
		memcpy(text + head + LONG, forms[i][1], tail);
		assert_string_equal(level_of(text, head + LONG + tail), "error");
	}
	free(text);
}

/* Cut anywhere, with anything in place of any byte: nothing is read that is not there. */
static void torn_lines_are_read_within_their_bounds(void **state)
{
	static const char *const lines[] = {
		"{\"a\":\"x\\\\\",\"log\":{\"level\":\"\\u001b[31merror\\u001b[0m\"},\"level\":3}",
		"{\"t\":{\"$date\":\"x\"},\"s\":\"I\",\"PRIORITY\":\"3\",\"short_message\":\"\"}",
		"\x1b[31m[2026 x:trace4] \x1b]0;t\a level=\"error\" {\"level\":\"warn\"}",
		"1:M 23 Nov 2026 16:00:00.000 * x",
		"E1123 15:04:05.000000 1 x.go:1] y LOG:  [Note] fatal error: x",
		"a=\"\\\" level=error\" lvl=\"warn\" b=",
	};
	static const char bytes[] = {0, '"', '\\', '{', '=', 0x1b, (char)0xff, ' ', ':', 'E'};
	char text[200];
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		size_t len = strlen(lines[i]);
		for (size_t n = 0; n <= len; n++)
			(void)level_of(lines[i], n);
		for (size_t at = 0; at < len; at++)
			for (size_t b = 0; b < sizeof(bytes); b++) {
				memcpy(text, lines[i], len);
				text[at] = bytes[b];
				(void)level_of(text, len);
			}
	}
	assert_string_equal(level_of("", 0), "-");
	assert_string_equal(level_of("   ", 3), "-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_logger_s_lines_have_the_level_they_say),
		cmocka_unit_test(a_level_behind_a_long_message_is_found),
		cmocka_unit_test(torn_lines_are_read_within_their_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

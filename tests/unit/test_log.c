#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process/log.h"
#include "process/log_limit.h"
#include "base/clock.h"
#include "test.h"

/* stderr goes to a pipe while a test talks; read_back() gives what was said. */
static int saved = -1, reading = -1;
static char said[64 * 1024];

static void capture(void)
{
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	saved = dup(STDERR_FILENO);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	reading = fds[0];
}

static const char *read_back(void)
{
	size_t len = 0;
	ssize_t r;
	dup2(saved, STDERR_FILENO);
	close(saved);
	while ((r = read(reading, said + len, sizeof(said) - 1 - len)) > 0)
		len += (size_t)r;
	close(reading);
	said[len] = '\0';
	return said;
}

static unsigned count_of(const char *text, const char *part)
{
	unsigned n = 0;
	for (const char *p = strstr(text, part); p; p = strstr(p + 1, part))
		n++;
	return n;
}

static void a_message_is_one_line_with_time_level_and_source(void **state)
{
	(void)state;
	capture();
	log_message(TALLY_WARNING, "input.x", "disk %d%% full\n", 97);
	const char *text = read_back();
	assert_int_equal(text[4], '-');
	assert_int_equal(text[10], 'T');
	assert_int_equal(text[23], 'Z');
	assert_string_equal(text + 24, " warning input.x: disk 97% full\n");
}

static void foreign_control_characters_are_escaped_and_utf8_is_kept(void **state)
{
	(void)state;
	capture();
	log_message(TALLY_ERROR, "input.esc", "a\nb\x1b[31m \x7f \xc2\x9b \xff é … 🐳");
	assert_non_null(strstr(read_back(), ": a\\x0Ab\\x1B[31m \\x7F \\xC2\\x9B \\xFF é … 🐳\n"));
}

static void a_message_that_is_too_long_is_cut_visibly(void **state)
{
	static char big[20000];
	(void)state;
	memset(big, 1, sizeof(big) - 1);
	capture();
	log_message(TALLY_ERROR, "input.long", "%s", big);
	const char *text = read_back();
	assert_true(strlen(text) <= 4096);
	assert_non_null(strstr(text, "…\n"));
}

static void the_same_message_is_cut_and_the_rest_told_as_a_count(void **state)
{
	(void)state;
	capture();
	for (int i = 0; i < 17; i++)
		log_message(TALLY_ERROR, "input.noisy", "failed %d", i);
	log_message(TALLY_ERROR, "input.other", "failed %d", 0);
	log_tick(clock_monotonic());
	log_tick(clock_monotonic() + 61 * CLOCK_SECOND);
	log_tick(clock_monotonic() + 62 * CLOCK_SECOND);
	const char *text = read_back();
	assert_int_equal(count_of(text, "input.noisy: failed"), 5);
	assert_int_equal(count_of(text, "input.other: failed"), 1);
	assert_int_equal(count_of(text, "12 more like this in the last minute: failed 16\n"), 1);
}

static void lists_are_never_cut(void **state)
{
	(void)state;
	capture();
	for (int i = 0; i < 30; i++)
		log_list(TALLY_ERROR, "daemon", "problem %d", i);
	assert_int_equal(count_of(read_back(), "daemon: problem"), 30);
}

static void messages_below_the_level_are_neither_said_nor_counted(void **state)
{
	(void)state;
	uint64_t infos = log_counted(TALLY_INFO), warnings = log_counted(TALLY_WARNING);
	log_set_level(TALLY_WARNING);
	capture();
	log_message(TALLY_INFO, "input.quiet", "hush");
	log_message(TALLY_WARNING, "input.quiet", "look");
	const char *text = read_back();
	log_set_level(TALLY_INFO);
	assert_null(strstr(text, "hush"));
	assert_non_null(strstr(text, "look"));
	assert_int_equal(log_counted(TALLY_INFO), infos);
	assert_int_equal(log_counted(TALLY_WARNING), warnings + 1);
}

static void under_systemd_lines_begin_with_their_priority(void **state)
{
	struct stat st;
	char stream[64];
	(void)state;
	capture();
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_init();
	log_message(TALLY_WARNING, "input.j", "hello");
	setenv("JOURNAL_STREAM", "1:1", 1);
	log_init();
	log_message(TALLY_WARNING, "input.j", "other");
	const char *text = read_back();
	assert_int_equal(strncmp(text, "<4>input.j: hello\n20", 20), 0);
}

static void levels_are_parsed_by_name(void **state)
{
	(void)state;
	assert_int_equal(log_parse_level("debug"), TALLY_DEBUG);
	assert_int_equal(log_parse_level("error"), TALLY_ERROR);
	assert_true(log_parse_level("loud") < 0);
}

static void a_full_limiter_tells_what_the_entry_that_gives_way_kept_back(void **state)
{
	static struct log_limit limit;
	struct log_limit_suppressed told;
	(void)state;
	for (int i = 0; i < LOG_LIMIT_BURST + 3; i++) {
		struct log_limit_message message = {TALLY_ERROR, "first", "f", "text"};
		assert_int_equal(log_limit_admit(&limit, &message, 1, &told), i < LOG_LIMIT_BURST);
	}
	for (int i = 0; i < LOG_LIMIT_ENTRIES - 1; i++) {
		char source[16];
		snprintf(source, sizeof(source), "s%d", i);
		struct log_limit_message message = {TALLY_ERROR, source, "f", "text"};
		assert_true(log_limit_admit(&limit, &message, 2, &told));
		assert_int_equal(told.n, 0);
	}
	struct log_limit_message message = {TALLY_ERROR, "one too many", "f", "text"};
	assert_true(log_limit_admit(&limit, &message, 3, &told));
	assert_int_equal(told.n, 3);
	assert_string_equal(told.source, "first");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_one_line_with_time_level_and_source),
		cmocka_unit_test(foreign_control_characters_are_escaped_and_utf8_is_kept),
		cmocka_unit_test(a_message_that_is_too_long_is_cut_visibly),
		cmocka_unit_test(the_same_message_is_cut_and_the_rest_told_as_a_count),
		cmocka_unit_test(lists_are_never_cut),
		cmocka_unit_test(messages_below_the_level_are_neither_said_nor_counted),
		cmocka_unit_test(under_systemd_lines_begin_with_their_priority),
		cmocka_unit_test(levels_are_parsed_by_name),
		cmocka_unit_test(a_full_limiter_tells_what_the_entry_that_gives_way_kept_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "test.h"

/* What a piece of work of 4,000 rows shows on such a file: 1,000 rows in each of four steps. */
static char *shown(bool terminal, int64_t step)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);
	struct progress progress = {.what = "copying", .unit = "rows", .total = 4000};
	progress_begin_at(&progress, file, terminal, CLOCK_SECOND);
	for (int64_t i = 1; i <= 4; i++)
		progress_tick(&progress, i * 1000, CLOCK_SECOND + i * step);
	progress_end_at(&progress, CLOCK_SECOND + 4 * step);
	fclose(file);
	return text;
}

static void what_is_soon_done_shows_nothing(void **state)
{
	(void)state;
	auto_free char *terminal = shown(true, CLOCK_SECOND / 10);
	auto_free char *file = shown(false, CLOCK_SECOND / 10);
	assert_string_equal(terminal, "");
	assert_string_equal(file, "");
}

static void a_terminal_has_one_line_that_is_drawn_over(void **state)
{
	(void)state;
	auto_free char *text = shown(true, CLOCK_SECOND);
	assert_non_null(strstr(text, "\rcopying [#####"));
	assert_non_null(strstr(text, "25 %, 1000 of 4000 rows, about 3 s left\033[K"));
	/* In the end it is gone, and a plain line stays. */
	const char *end = strstr(text, "\r\033[K");
	assert_non_null(end);
	assert_string_equal(end, "\r\033[Kcopying: 4000 rows in 4 s\n");
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void a_file_has_plain_lines_and_few_of_them(void **state)
{
	(void)state;
	auto_free char *text = shown(false, 6 * CLOCK_SECOND);
	assert_string_equal(text, "copying: 50 %, 2000 of 4000 rows, about 12 s left\n"
				  "copying: 100 %, 4000 of 4000 rows\n"
				  "copying: 4000 rows in 24 s\n");
}

static void no_line_is_wider_than_the_screen(void **state)
{
	(void)state;
	struct progress progress = {.what = "copying container_stats",
				    .unit = "rows",
				    .done = 123456,
				    .total = 9876543,
				    .now = 100 * CLOCK_SECOND};
	for (size_t columns = 1; columns < 200; columns++) {
		char line[256];
		progress_format(&progress, columns, line, sizeof(line));
		assert_in_range(strlen(line), 1, columns);
		if (columns <= 60 || columns >= 100)
			assert_int_equal(strchr(line, '[') != NULL, columns >= 100);
	}
}

static void without_a_total_it_counts(void **state)
{
	(void)state;
	char line[128];
	struct progress progress = {
		.what = "reading", .unit = "bytes", .done = 3 << 19, .now = 3700 * CLOCK_SECOND};
	progress_format(&progress, 80, line, sizeof(line));
	assert_string_equal(line, "reading: 1.5 MiB in 1 h 1 min");
}

static void what_was_done_before_does_not_make_it_look_fast(void **state)
{
	(void)state;
	char line[128];
	struct progress progress = {.what = "copying", .unit = "rows", .total = 2000};
	progress_resume(&progress, 1000);
	progress_begin_at(&progress, stderr, false, 0);
	progress.done = 1100;
	progress.now = 10 * CLOCK_SECOND;
	progress_format(&progress, 60, line, sizeof(line));
	assert_non_null(strstr(line, "55 %, 1100 of 2000 rows, about 1 min 30 s left"));
}

static void nearly_done_is_not_done(void **state)
{
	(void)state;
	char line[128];
	struct progress progress = {
		.what = "copying", .unit = "rows", .done = 99999, .total = 100000};
	progress_format(&progress, 40, line, sizeof(line));
	assert_string_equal(line, "copying: 99 %, 100.0k of 100.0k rows");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_soon_done_shows_nothing),
		cmocka_unit_test(a_terminal_has_one_line_that_is_drawn_over),
		cmocka_unit_test(a_file_has_plain_lines_and_few_of_them),
		cmocka_unit_test(no_line_is_wider_than_the_screen),
		cmocka_unit_test(without_a_total_it_counts),
		cmocka_unit_test(what_was_done_before_does_not_make_it_look_fast),
		cmocka_unit_test(nearly_done_is_not_done),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

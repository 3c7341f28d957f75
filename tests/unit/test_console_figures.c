#include "terminal/figures.h"

#include <math.h>
#include <string.h>

#include "base/strbuf.h"
#include "terminal/chart.h"
#include "terminal/text.h"
#include "test.h"

struct figure_case {
	double x;
	const char *text;
};

static void check_figures(const struct figure_case *cases, size_t n,
			  void (*figure)(double x, char ret[FIGURE_SIZE]))
{
	for (size_t i = 0; i < n; i++) {
		char text[FIGURE_SIZE];
		figure(cases[i].x, text);
		assert_string_equal(text, cases[i].text);
	}
}

static void figures_are_those_of_the_dashboard(void **state)
{
	static const struct figure_case percents[] = {
		{0, "0 %"},       {0.004, "0 %"}, {0.25, "0.25 %"},  {9.5, "9.5 %"},
		{41.2, "41.2 %"}, {182, "182 %"}, {NAN, FIGURE_NONE}};
	static const struct figure_case bytes[] = {{0, "0 B"},
						   {1023, "1023 B"},
						   {1024, "1 KiB"},
						   {1536, "1.5 KiB"},
						   {210.0 * (1 << 20), "210 MiB"},
						   {1.2 * (1 << 30), "1.2 GiB"},
						   {NAN, FIGURE_NONE}};
	static const struct figure_case rates[] = {
		{999, "999 B/s"}, {80e3, "80 kB/s"}, {1.2e6, "1.2 MB/s"}};
	static const struct figure_case durations[] = {
		{-1, "0 s"},        {12, "12 s"},          {190, "3 min"},
		{3 * 3600, "3 h"},  {21540, "5 h 59 min"}, {7 * 3600 + 60, "7 h"},
		{90000, "1 d 1 h"}, {3 * 86400, "3 d"},    {NAN, FIGURE_NONE}};
	(void)state;
	check_figures(percents, sizeof(percents) / sizeof(*percents), figure_percent);
	check_figures(bytes, sizeof(bytes) / sizeof(*bytes), figure_bytes);
	check_figures(rates, sizeof(rates) / sizeof(*rates), figure_rate);
	check_figures(durations, sizeof(durations) / sizeof(*durations), figure_duration);
}

static void names_are_in_the_order_of_their_numbers(void **state)
{
	static const char *const ordered[] = {"",      "1",        "9",       "10",  "a-2b",
					      "a-10b", "a-10c",    "B",       "web", "web-1",
					      "web-2", "web-010x", "web-10y", "zoo"};
	(void)state;
	for (size_t i = 0; i + 1 < sizeof(ordered) / sizeof(*ordered); i++) {
		assert_true(figure_compare_names(ordered[i], ordered[i + 1]) < 0);
		assert_true(figure_compare_names(ordered[i + 1], ordered[i]) > 0);
		assert_int_equal(figure_compare_names(ordered[i], ordered[i]), 0);
	}
}

static void a_line_of_blocks_has_gaps_where_nothing_is_known(void **state)
{
	static const float values[] = {0, 50, 100, NAN, 200};
	struct strbuf out = {0};
	(void)state;
	figure_spark(&out, values, 5, 100);
	assert_string_equal(out.data, "▁▅█ █");
	strbuf_clear(&out);
	figure_spark(&out, values, 1, 0);
	assert_string_equal(out.data, "▁");
	strbuf_done(&out);
}

static void check_chart(const double *values, size_t n, size_t columns, size_t height,
			const char *wanted)
{
	struct chart_series series = {values, n, STYLE_GOOD};
	struct strbuf shown = {0};
	double top = chart_top(&series, 1);
	for (size_t row = 0; row < height; row++) {
		struct line line = {0};
		chart_row(&line, &series, 1, top, columns, height, row);
		assert_int_equal(line.width, columns);
		strbuf_add(&shown, "%s|", line.text.data);
		line_done(&line);
	}
	assert_string_equal(shown.data, wanted);
	strbuf_done(&shown);
}

static void charts_are_of_dots_and_joined(void **state)
{
	static const double rises[] = {0, 1, 2, 3}, jumps[] = {0, 0, 7, 7},
			    gap[] = {3, NAN, NAN, 3};
	(void)state;
	check_chart(rises, 4, 2, 1, "⡠⠊|");
	check_chart(jumps, 4, 2, 2, " ⡏|⣀⠇|");
	check_chart(gap, 4, 2, 1, "⠁⠈|");
	check_chart(NULL, 0, 2, 1, "  |");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_are_those_of_the_dashboard),
		cmocka_unit_test(names_are_in_the_order_of_their_numbers),
		cmocka_unit_test(a_line_of_blocks_has_gaps_where_nothing_is_known),
		cmocka_unit_test(charts_are_of_dots_and_joined),
	};
	text_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

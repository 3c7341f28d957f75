/* Blocks come, are forgotten, and leave gaps, drawn at random; each gap that has lines is found. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "store/log_text_gaps.h"
#include "test.h"

enum { TIMES = 40000 };

/* At each time a line or none, which is in a block of one time or in none. */
static bool lines[TIMES], blocks[TIMES];
static int64_t taken, n_looked, n_gaps;
static struct log_text_whole whole;
static uint32_t drawn;

static int64_t draw(int64_t below)
{
	drawn = drawn * 1664525 + 1013904223;
	return (int64_t)(drawn >> 8) % below;
}

static int find_blocks(void *arg, int64_t from, int64_t before, struct log_text_span *ret, int most)
{
	int n = 0;
	(void)arg;
	from = from < 0 ? 0 : from;
	for (int64_t i = (before < TIMES ? before : TIMES) - 1; i >= from && n < most; i--)
		if (blocks[i])
			ret[n++] = (struct log_text_span){i, i + 1};
	n_looked += n;
	return n;
}

static int find_line(void *arg, int64_t from, int64_t to)
{
	(void)arg;
	n_gaps++;
	for (int64_t i = to - 1; i >= (from < 0 ? 0 : from); i--) {
		if (!lines[i])
			continue;
		assert_false(blocks[i]);
		taken = i;
		return 1;
	}
	return 0;
}

static const struct log_text_gaps gaps = {find_blocks, find_line, NULL};

static int find(void)
{
	int r = LOG_TEXT_GAPS_MORE;
	for (int i = 0; r == LOG_TEXT_GAPS_MORE && i < 20; i++)
		r = log_text_gaps_find(&gaps, &whole, "said", CLOCK_SECOND);
	return r;
}

/* Behind the last block there is another way. */
static bool is_missing(void)
{
	int64_t i = TIMES - 1;
	while (i >= 0 && !blocks[i])
		i--;
	for (; i >= 0; i--)
		if (lines[i] && !blocks[i])
			return true;
	return false;
}

static int64_t make_all(void)
{
	int64_t n = 0;
	while (find() == 1) {
		assert_true(lines[taken] && !blocks[taken]);
		blocks[taken] = true;
		n++;
	}
	assert_false(is_missing());
	return n;
}

static int begin(void **state)
{
	(void)state;
	memset(lines, 0, sizeof(lines));
	memset(blocks, 0, sizeof(blocks));
	whole = (struct log_text_whole){.from = 0};
	drawn = 1;
	return 0;
}

static void each_gap_is_found_whatever_is_forgotten(void **state)
{
	(void)state;
	int64_t end = 1000;
	for (int64_t i = 0; i < end; i++)
		blocks[i] = lines[i] = draw(3) > 0;
	for (int round = 0; round < 400; round++) {
		int64_t at = draw(end);
		switch (draw(4)) {
		case 0: /* a line where there was none, or another: its block is forgotten */
			lines[at] = true;
			blocks[at] = false;
			log_text_whole_forget(&whole, at);
			break;
		case 1: /* the oldest are deleted */
			memset(lines, 0, (size_t)at / 50);
			memset(blocks, 0, (size_t)at / 50);
			break;
		default: /* more than one step makes blocks of: the newest comes first */
			for (int64_t n = draw(8); n > 0; n--)
				lines[end++] = draw(3) > 0;
			blocks[end - 1] = lines[end - 1] = true;
		}
		if (draw(2))
			make_all();
	}
	make_all();
}

static void what_is_known_is_not_looked_through_again(void **state)
{
	(void)state;
	for (int64_t i = 0; i < 30000; i++)
		blocks[i] = lines[i] = i < 5000 || i > 10000;
	memset(lines + 5000, true, 300); /* a backlog */
	n_looked = 0;
	assert_int_equal(make_all(), 300);
	assert_in_range(n_looked, 25000, 35000);
	n_looked = 0;
	for (int64_t i = 30000; i < 30100; i++) { /* one at a time */
		blocks[i] = lines[i] = true;
		assert_int_equal(make_all(), 0);
	}
	lines[29990] = true;
	blocks[29990] = false;
	log_text_whole_forget(&whole, 29990);
	assert_int_equal(make_all(), 1);
	assert_in_range(n_looked, 100, 1000);
}

static void a_step_looks_at_few_gaps_without_lines(void **state)
{
	(void)state;
	int steps = 0, r = LOG_TEXT_GAPS_MORE;
	for (int64_t i = 0; i < 2000; i += 2)
		blocks[i] = lines[i] = true;
	for (; r == LOG_TEXT_GAPS_MORE && steps < 100; steps++) {
		n_gaps = 0;
		r = log_text_gaps_find(&gaps, &whole, "said", CLOCK_SECOND);
		assert_in_range(n_gaps, 0, 101);
	}
	assert_int_equal(r, 0);
}

static void blocks_that_somebody_deleted_are_missed_after_an_hour(void **state)
{
	(void)state;
	memset(lines, true, 100);
	memset(blocks, true, 100);
	assert_int_equal(make_all(), 0);
	blocks[50] = false;
	assert_int_equal(find(), 0);
	assert_int_equal(log_text_gaps_find(&gaps, &whole, "said", CLOCK_SECOND + CLOCK_HOUR), 1);
	assert_int_equal(taken, 50);
}

static void of_another_table_nothing_is_known(void **state)
{
	(void)state;
	memset(lines, true, 100);
	memset(blocks, true, 100);
	assert_int_equal(make_all(), 0);
	blocks[50] = false;
	assert_int_equal(log_text_gaps_find(&gaps, &whole, "told", CLOCK_SECOND), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_gap_is_found_whatever_is_forgotten, begin),
		cmocka_unit_test_setup(what_is_known_is_not_looked_through_again, begin),
		cmocka_unit_test_setup(a_step_looks_at_few_gaps_without_lines, begin),
		cmocka_unit_test_setup(blocks_that_somebody_deleted_are_missed_after_an_hour,
				       begin),
		cmocka_unit_test_setup(of_another_table_nothing_is_known, begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

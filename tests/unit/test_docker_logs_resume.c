/*
 * Reading a log over any number of breaks: nothing lost, nothing twice.  The log is made up at
 * random, with lines of equal time and long ones in parts; the engine is one that sends the last so
 * many parts or those since a time, and sends some again while it streams, as a 20.10 does.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "logs/log_lines.h"
#include "test.h"

enum { LINES = 3000, PARTS = 2 * LINES, ROUNDS = 60 };

struct written {
	struct log_part part;
	char text[24];
	uint32_t line; /* which it belongs to */
};

struct story {
	uint64_t dice;
	struct written log[PARTS];
	uint32_t n_parts, n_lines;
	struct log_lines lines;
	size_t len[LINES]; /* of all its parts */
	/* By line: how often accepted, and as which sequence. */
	uint32_t accepted[LINES];
	int64_t sequence[LINES];
	uint32_t limit; /* lines until the reader is cut off */
};

static uint32_t roll(struct story *story, uint32_t n)
{
	story->dice = story->dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(story->dice >> 33) % n;
}

/* The parts of a stderr line may lie between those of a stdout line. */
static void write_log(struct story *story)
{
	int64_t times[LOG_STREAMS] = {1000000000000, 1000000000000};
	uint32_t open[LOG_STREAMS] = {0}, line[LOG_STREAMS] = {0};
	while (story->n_lines < LINES && story->n_parts < PARTS) {
		enum log_stream stream = (enum log_stream)(roll(story, 3) == 0);
		struct written *at = &story->log[story->n_parts++];
		if (open[stream] == 0) {
			int64_t now = times[0] > times[1] ? times[0] : times[1];
			/* Lines of one time are written in one go. */
			if (roll(story, 4) > 0 || times[stream] < now)
				times[stream] = now + 1 + roll(story, 400000000);
			line[stream] = story->n_lines++;
			/* A line of many parts has a time of its own. */
			open[stream] = roll(story, 8) == 0 ? 1 + roll(story, 3) : 0;
			if (open[stream] > 0)
				times[stream] = now + 1;
		} else {
			open[stream]--;
		}
		at->line = line[stream];
		snprintf(at->text, sizeof(at->text), "<%u>", line[stream]);
		story->len[at->line] += strlen(at->text);
		at->part = (struct log_part){.time = times[stream],
					     .text = at->text,
					     .len = strlen(at->text),
					     .stream = stream,
					     .ends = open[stream] == 0};
	}
}

static enum log_outcome on_line(void *arg, const struct log_line *line)
{
	struct story *story = arg;
	uint32_t which = (uint32_t)strtoul(line->text + 1, NULL, 10);
	assert_true(which < LINES);
	assert_int_equal(line->len, story->len[which]);
	if (story->accepted[which]++ > 0)
		assert_int_equal(story->sequence[which], line->sequence);
	story->sequence[which] = line->sequence;
	return LOG_MORE;
}

/* No line has parts on both sides. */
static bool is_between_lines(const struct story *story, uint32_t at)
{
	uint32_t last = at + 40 < story->n_parts ? at + 40 : story->n_parts;
	for (uint32_t i = at > 40 ? at - 40 : 0; i < at; i++)
		for (uint32_t j = at; j < last; j++)
			if (story->log[i].line == story->log[j].line)
				return false;
	return true;
}

/* What comes again after part i: from the first line of a time on, and more of its stream than
 * what came last.  Past i: nothing. */
static uint32_t begin_of_repeat(struct story *story, uint32_t from, uint32_t i)
{
	const struct written *log = story->log;
	uint32_t back = i - roll(story, i - from + 1);
	while (back < i && (back == from || log[back - 1].part.time == log[back].part.time ||
			    !is_between_lines(story, back)))
		back++;
	for (uint32_t later = back; later <= i; later++)
		if (log[later].part.stream == log[back].part.stream && log[later].part.ends &&
		    log[later].part.time > log[back].part.time)
			return back;
	return i + 1;
}

/* From part `from` on; false: the first shows that this is too late in the log. */
static bool read_from(struct story *story, uint32_t from, bool widest)
{
	struct log_lines *lines = &story->lines;
	uint32_t left = story->limit;
	log_lines_restart(lines);
	if (from < story->n_parts && !widest &&
	    !log_resume_covers(&lines->resume, &story->log[from].part))
		return false;
	for (uint32_t i = from; i < story->n_parts && left > 0; i++, left--) {
		assert_int_equal(log_lines_part(lines, &story->log[i].part, on_line, story),
				 LOG_MORE);
		if (roll(story, 200) > 0)
			continue;
		uint32_t again = begin_of_repeat(story, from, i);
		for (; again <= i; again++)
			assert_int_equal(
				log_lines_part(lines, &story->log[again].part, on_line, story),
				LOG_MORE);
	}
	return true;
}

static uint32_t first_since(const struct story *story, int64_t since)
{
	uint32_t i = 0;
	while (i < story->n_parts && story->log[i].part.time < since)
		i++;
	return i;
}

/* As the plugin connects. */
static void connect_once(struct story *story)
{
	struct log_lines *lines = &story->lines;
	if (log_resume_is_empty(&lines->resume)) {
		read_from(story, 0, true);
		return;
	}
	for (uint32_t width = 16; width < story->n_parts; width *= 4)
		if (read_from(story, story->n_parts - width, false))
			return;
	read_from(story, first_since(story, log_resume_since(&lines->resume)), true);
}

static void tell_story(uint64_t seed, bool crashes)
{
	struct story *story = calloc(1, sizeof(*story));
	char position[LOG_POSITION_SIZE] = "";
	assert_non_null(story);
	story->dice = seed;
	story->lines.max = 1 << 20;
	write_log(story);
	uint32_t all = story->n_parts;
	for (int connection = 0; connection < 40; connection++) {
		/* The log grows while nobody reads. */
		story->n_parts = connection < 38
					 ? roll(story, all / 20) + all / 40 * (uint32_t)connection
					 : all;
		if (story->n_parts > all)
			story->n_parts = all;
		story->limit = connection == 39 ? PARTS : 1 + roll(story, all / 10);
		connect_once(story);
		if (roll(story, 3) == 0)
			log_resume_write(&story->lines.resume, position);
		if (crashes && roll(story, 4) == 0) {
			log_lines_done(&story->lines);
			if (position[0])
				assert_true(log_resume_read(position, &story->lines.resume));
		}
	}
	story->n_parts = all;
	story->limit = PARTS;
	connect_once(story);
	for (uint32_t i = 0; i < story->n_parts; i++) {
		uint32_t line = story->log[i].line;
		if (!story->log[i].part.ends)
			continue;
		if (story->accepted[line] == 0 || (!crashes && story->accepted[line] > 1))
			fail_msg("seed %llu: line %u was taken %u times", (unsigned long long)seed,
				 line, story->accepted[line]);
	}
	log_lines_done(&story->lines);
	free(story);
}

static void any_number_of_breaks_neither_loses_nor_doubles_a_line(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= ROUNDS; seed++)
		tell_story(seed, false);
}

static void after_crashes_lines_that_come_again_have_the_same_sequence(void **state)
{
	(void)state;
	for (uint64_t seed = 1001; seed <= 1000 + ROUNDS; seed++)
		tell_story(seed, true);
}

/* ---- Single rules ---- */

static void lines_of_equal_time_are_counted_per_stream(void **state)
{
	struct log_resume resume = {0};
	uint32_t ordinal;
	(void)state;
	assert_true(log_resume_accept(&resume, LOG_STDOUT, 5, &ordinal));
	assert_int_equal(ordinal, 0);
	assert_true(log_resume_accept(&resume, LOG_STDERR, 5, &ordinal));
	assert_int_equal(ordinal, 0);
	assert_true(log_resume_accept(&resume, LOG_STDOUT, 5, &ordinal));
	assert_int_equal(ordinal, 1);
	log_resume_rewind(&resume);
	assert_false(log_resume_accept(&resume, LOG_STDOUT, 5, &ordinal));
	assert_false(log_resume_accept(&resume, LOG_STDOUT, 5, &ordinal));
	assert_true(log_resume_accept(&resume, LOG_STDOUT, 5, &ordinal));
	assert_int_equal(ordinal, 2);
}

static void a_position_is_read_as_it_was_written_and_nothing_else_is(void **state)
{
	static const char *const wrong[] = {
		"", "1", "2 1.0 0 1.0 0", "1 5.0 0 6.0 x", "1 5.0 0 6.0 0 9", "latest"};
	struct log_resume resume = {.accepted = {{INT64_MAX, UINT32_MAX}, {7, 0}}, .begun = {0, 9}};
	struct log_resume read = {0};
	char text[LOG_POSITION_SIZE];
	(void)state;
	log_resume_write(&resume, text);
	assert_true(log_resume_read(text, &read));
	assert_memory_equal(&read, &resume, sizeof(read));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(log_resume_read(wrong[i], &read));
	assert_memory_equal(&read, &resume, sizeof(read));
}

static void a_clock_set_back_moves_the_mark_so_that_new_lines_count(void **state)
{
	struct log_resume resume = {0};
	uint32_t ordinal;
	(void)state;
	assert_true(log_resume_accept(&resume, LOG_STDOUT, 1000, &ordinal));
	assert_true(log_resume_accept(&resume, LOG_STDERR, 100, &ordinal));
	assert_false(log_resume_accept(&resume, LOG_STDOUT, 500, &ordinal));
	log_resume_step_back(&resume, 400);
	assert_true(log_resume_accept(&resume, LOG_STDOUT, 600, &ordinal));
	assert_true(log_resume_accept(&resume, LOG_STDERR, 200, &ordinal));
	assert_false(log_resume_accept(&resume, LOG_STDOUT, 399, &ordinal));
}

static void only_lines_after_a_given_time_count_when_only_new_ones_are_wanted(void **state)
{
	struct log_resume resume = {0};
	const struct log_part later = {.time = 2000}, earlier = {.time = 500};
	uint32_t ordinal;
	(void)state;
	log_resume_begin_at(&resume, 1000);
	assert_true(log_resume_covers(&resume, &earlier));
	assert_false(log_resume_covers(&resume, &later));
	assert_false(log_resume_has_gap(&resume, &later));
	assert_false(log_resume_accept(&resume, LOG_STDOUT, 1000, &ordinal));
	assert_true(log_resume_accept(&resume, LOG_STDOUT, 1001, &ordinal));
	assert_true(log_resume_has_gap(&resume, &later));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_number_of_breaks_neither_loses_nor_doubles_a_line),
		cmocka_unit_test(after_crashes_lines_that_come_again_have_the_same_sequence),
		cmocka_unit_test(lines_of_equal_time_are_counted_per_stream),
		cmocka_unit_test(a_position_is_read_as_it_was_written_and_nothing_else_is),
		cmocka_unit_test(a_clock_set_back_moves_the_mark_so_that_new_lines_count),
		cmocka_unit_test(only_lines_after_a_given_time_count_when_only_new_ones_are_wanted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

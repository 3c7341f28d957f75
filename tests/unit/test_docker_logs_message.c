/*
 * Lines joined to messages: where one begins and ends, and that none is lost or comes twice however
 * often the reader is killed in the middle of one, since its position goes with the rows.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "logs/log_message.h"
#include "test.h"

enum { SECOND = 1000000000, LINES = 2000, KILLS = 200, TEXT = 4000 };

/* ---- A reader ---- */

struct got {
	int64_t time, sequence;
	char text[TEXT];
};

struct reader {
	struct log_rule rule;
	struct log_lines lines;
	struct log_messages messages;
	struct got got[LINES];
	uint32_t n, safe; /* messages; those that were handed over */
	char position[LOG_POSITION_SIZE];
	uint64_t dice;
};

static uint32_t roll(struct reader *reader, uint32_t n)
{
	reader->dice = reader->dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(reader->dice >> 33) % n;
}

static void hand_over(struct reader *reader)
{
	struct log_resume resume = reader->lines.resume;
	log_messages_hold(&reader->messages, &resume);
	log_resume_write(&resume, reader->position);
	reader->safe = reader->n;
}

static enum log_outcome keep(void *arg, const struct log_line *line)
{
	struct reader *reader = arg;
	assert_true(reader->n < LINES);
	struct got *got = &reader->got[reader->n++];
	*got = (struct got){.time = line->time, .sequence = line->sequence};
	snprintf(got->text, TEXT, "%.*s", (int)line->len, line->len ? line->text : "");
	if (roll(reader, 3) == 0)
		hand_over(reader);
	return LOG_MORE;
}

static enum log_outcome on_line(void *arg, const struct log_line *line)
{
	struct reader *reader = arg;
	return log_messages_line(&reader->messages, line, keep, reader);
}

static struct reader *reader_create(const char *pattern)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	assert_non_null(reader);
	reader->rule = (struct log_rule){
		.joins = pattern != NULL, .gap = SECOND, .max = 1000, .max_lines = 20};
	if (pattern)
		assert_int_equal(regcomp(&reader->rule.start, pattern, REG_EXTENDED | REG_NOSUB),
				 0);
	reader->lines.max = 1000;
	reader->messages.rule = &reader->rule;
	return reader;
}

static void reader_destroy(struct reader *reader)
{
	log_messages_forget(&reader->messages);
	log_lines_done(&reader->lines);
	if (reader->rule.joins)
		regfree(&reader->rule.start);
	free(reader);
}

static void feed(struct reader *reader, enum log_stream stream, int64_t time, const char *text)
{
	char copy[TEXT];
	snprintf(copy, sizeof(copy), "%s", text);
	const struct log_part part = {
		.time = time, .text = copy, .len = strlen(copy), .stream = stream, .ends = true};
	assert_int_equal(log_lines_part(&reader->lines, &part, on_line, reader), LOG_MORE);
}

static void end(struct reader *reader)
{
	assert_int_equal(log_messages_end(&reader->messages, INT64_MAX, keep, reader), LOG_MORE);
}

static void assert_got(const struct reader *reader, uint32_t i, const char *text)
{
	assert_true(i < reader->n);
	assert_string_equal(reader->got[i].text, text);
}

/* ---- Where messages begin and end ---- */

static void a_line_that_fits_begins_a_message(void **state)
{
	struct reader *reader = reader_create("^[0-9]{4}-|^panic:");
	(void)state;
	feed(reader, LOG_STDOUT, 1, "tail of what was before");
	feed(reader, LOG_STDOUT, 2, "2026-01-01 boom");
	feed(reader, LOG_STDOUT, 3, "\tat a");
	feed(reader, LOG_STDOUT, 3, "");
	feed(reader, LOG_STDOUT, 4, "at 2026-01-01");
	feed(reader, LOG_STDOUT, 5, "panic: no");
	assert_int_equal(reader->n, 2);
	end(reader);
	assert_int_equal(reader->n, 3);
	assert_got(reader, 0, "tail of what was before");
	assert_got(reader, 1, "2026-01-01 boom\n\tat a\n\nat 2026-01-01");
	assert_got(reader, 2, "panic: no");
	assert_int_equal(reader->got[1].time, 2);
	reader_destroy(reader);
}

static void streams_have_messages_of_their_own(void **state)
{
	struct reader *reader = reader_create("^A");
	(void)state;
	feed(reader, LOG_STDOUT, 1, "A out");
	feed(reader, LOG_STDERR, 2, "A err");
	feed(reader, LOG_STDOUT, 3, "b");
	feed(reader, LOG_STDERR, 4, "c");
	end(reader);
	assert_got(reader, 0, "A out\nb");
	assert_got(reader, 1, "A err\nc");
	assert_int_equal(reader->got[1].sequence, 1);
	reader_destroy(reader);
}

static void a_late_line_and_one_too_many_begin_another(void **state)
{
	struct reader *reader = reader_create("^A");
	char long_line[900];
	(void)state;
	memset(long_line, 'x', sizeof(long_line) - 1);
	long_line[sizeof(long_line) - 1] = '\0';
	feed(reader, LOG_STDOUT, 1, "A");
	feed(reader, LOG_STDOUT, 1 + SECOND, "in time");
	feed(reader, LOG_STDOUT, 2 + 2 * (int64_t)SECOND, "late");
	feed(reader, LOG_STDOUT, 3 + 2 * (int64_t)SECOND, long_line);
	feed(reader, LOG_STDOUT, 4 + 2 * (int64_t)SECOND, long_line);
	assert_int_equal(reader->n, 2);
	assert_got(reader, 0, "A\nin time");
	assert_int_equal(strlen(reader->got[1].text), 4 + 1 + 899);
	for (int i = 0; i < 40; i++)
		feed(reader, LOG_STDOUT, 5 + 2 * (int64_t)SECOND, "y");
	assert_int_equal(reader->n, 4);
	assert_int_equal(strlen(reader->got[2].text), 899 + 19 * 2);
	assert_int_equal(strlen(reader->got[3].text), 20 * 2 - 1);
	reader_destroy(reader);
}

static void the_clock_ends_only_what_is_due(void **state)
{
	struct reader *reader = reader_create("^A");
	(void)state;
	assert_true(log_messages_due(&reader->messages) == INT64_MAX);
	reader->messages.now = 100;
	feed(reader, LOG_STDOUT, 1, "A");
	int64_t due = log_messages_due(&reader->messages);
	assert_true(due > 100 + SECOND);
	reader->messages.now = 200;
	feed(reader, LOG_STDERR, 2, "A");
	feed(reader, LOG_STDOUT, 3, "b");
	assert_int_equal(log_messages_end(&reader->messages, due + 99, keep, reader), LOG_MORE);
	assert_int_equal(reader->n, 0);
	assert_int_equal(log_messages_end(&reader->messages, due + 100, keep, reader), LOG_MORE);
	assert_int_equal(reader->n, 2);
	assert_true(log_messages_due(&reader->messages) == INT64_MAX);
	reader_destroy(reader);
}

static void without_a_pattern_each_line_is_a_message(void **state)
{
	struct reader *reader = reader_create(NULL);
	(void)state;
	feed(reader, LOG_STDOUT, 1, "a");
	feed(reader, LOG_STDOUT, 1, "b");
	assert_int_equal(reader->n, 2);
	assert_int_equal(reader->got[1].sequence, 2);
	reader_destroy(reader);
}

/* ---- Killed at any moment ---- */

struct written {
	enum log_stream stream;
	int64_t time;
	char text[32];
};

/* Some times are equal, some gaps too long, about each fifth line fits. */
static void write_log(struct reader *dice, struct written *log)
{
	int64_t time = SECOND;
	enum log_stream stream = LOG_STDOUT;
	for (uint32_t i = 0; i < LINES; i++) {
		bool same = roll(dice, 4) == 0;
		if (!same)
			stream = (enum log_stream)roll(dice, 2);
		if (!same)
			time += roll(dice, 20) == 0 ? 2 * (int64_t)SECOND
						    : 1 + roll(dice, 100000000);
		log[i].stream = stream;
		log[i].time = time;
		snprintf(log[i].text, sizeof(log[i].text), "%s%u", roll(dice, 5) ? "" : "A ", i);
	}
}

/* As the last lines of a log are asked for, more and more of them. */
static uint32_t begin_of(struct reader *reader, const struct written *log, uint32_t written)
{
	for (uint32_t n = 1 + roll(reader, 30); n < written; n *= 2) {
		const struct written *first = &log[written - n];
		const struct log_part part = {.time = first->time, .stream = first->stream};
		if (log_resume_covers(&reader->lines.resume, &part))
			return written - n;
	}
	return 0;
}

static void restart(struct reader *reader)
{
	reader->n = reader->safe;
	log_messages_forget(&reader->messages);
	log_lines_restart(&reader->lines);
	reader->lines.resume = (struct log_resume){0};
	if (reader->position[0])
		assert_true(log_resume_read(reader->position, &reader->lines.resume));
}

static void read_up_to(struct reader *reader, const struct written *log, uint32_t written)
{
	for (uint32_t i = begin_of(reader, log, written); i < written; i++)
		feed(reader, log[i].stream, log[i].time, log[i].text);
}

static void killed_at_any_moment_it_loses_nothing_and_doubles_nothing(void **state)
{
	static struct written log[LINES];
	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		struct reader *wanted = reader_create("^A"), *reader = reader_create("^A");
		wanted->dice = reader->dice = seed;
		write_log(reader, log);
		read_up_to(wanted, log, LINES);
		end(wanted);
		for (uint32_t kill = 1; kill <= KILLS; kill++) {
			read_up_to(reader, log, LINES * kill / KILLS);
			/* A connection may also break, which forgets nothing. */
			if (roll(reader, 4) == 0)
				log_lines_restart(&reader->lines);
			else
				restart(reader);
		}
		read_up_to(reader, log, LINES);
		end(reader);
		assert_int_equal(reader->n, wanted->n);
		for (uint32_t i = 0; i < wanted->n; i++)
			assert_memory_equal(&reader->got[i], &wanted->got[i], sizeof(struct got));
		reader_destroy(wanted);
		reader_destroy(reader);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_that_fits_begins_a_message),
		cmocka_unit_test(streams_have_messages_of_their_own),
		cmocka_unit_test(a_late_line_and_one_too_many_begin_another),
		cmocka_unit_test(the_clock_ends_only_what_is_due),
		cmocka_unit_test(without_a_pattern_each_line_is_a_message),
		cmocka_unit_test(killed_at_any_moment_it_loses_nothing_and_doubles_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

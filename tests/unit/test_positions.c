#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/positions.h"
#include "test.h"

static char folder[64], path[96], aside[112];
static struct positions *positions;
static const int journal_a, journal_b; /* known by where they are */

static void open_file(void)
{
	struct error error;
	assert_int_equal(positions_create(path, &positions, &error), 0);
}

static int start(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/tallyd-positions-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/positions", folder);
	snprintf(aside, sizeof(aside), "%s.damaged", path);
	open_file();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	positions_destroy(positions);
	unlink(path);
	unlink(aside);
	return rmdir(folder);
}

static void restart(void)
{
	struct error error;
	assert_int_equal(positions_save(positions, &error), 0);
	positions_destroy(positions);
	open_file();
}

/* A batch that went to one journal, at that sequence. */
static void push(const char *source, const char *position, const void *journal, uint64_t sequence)
{
	struct position_mark *mark = positions_open(positions, source, position);
	if (mark)
		positions_hold(positions, mark, journal, sequence);
	positions_close(positions, mark, true);
}

static void assert_at(const char *source, const char *position)
{
	char text[POSITIONS_MAX_TEXT + 1];
	assert_int_equal(positions_get(positions, source, text, sizeof(text)), 0);
	assert_string_equal(text, position);
}

/* Its input asks where to begin. */
static void assert_begins_at(const char *source, const char *position)
{
	char text[POSITIONS_MAX_TEXT + 1];
	int r = positions_get_pending(positions, source, text, sizeof(text));
	if (r == -ENOENT)
		r = positions_get(positions, source, text, sizeof(text));
	assert_int_equal(r, 0);
	assert_string_equal(text, position);
}

static void assert_nowhere(const char *source)
{
	char text[8];
	assert_int_equal(positions_get(positions, source, text, sizeof(text)), -ENOENT);
}

/* ---- What counts -------------------------------------------------------------- */

static void a_position_counts_when_its_rows_are_acked(void **state)
{
	(void)state;
	push("s", "one", &journal_a, 1);
	push("s", "two", &journal_a, 2);
	assert_nowhere("s");
	positions_acknowledge(positions, &journal_a, 1);
	assert_at("s", "one");
	positions_acknowledge(positions, &journal_a, 9);
	assert_at("s", "two");
}

static void a_position_waits_for_all_before_it(void **state)
{
	(void)state;
	push("s", "one", &journal_a, 1);
	push("s", "two", &journal_b, 1);
	push("s", "three", &journal_b, 2);
	positions_acknowledge(positions, &journal_b, 2);
	assert_nowhere("s");
	positions_acknowledge(positions, &journal_a, 1);
	assert_at("s", "three");
}

static void a_position_waits_for_every_journal(void **state)
{
	(void)state;
	struct position_mark *mark = positions_open(positions, "s", "one");
	positions_hold(positions, mark, &journal_a, 1);
	positions_acknowledge(positions, &journal_a, 1); /* before the other has been asked */
	assert_nowhere("s");
	positions_hold(positions, mark, &journal_b, 5);
	positions_close(positions, mark, true);
	assert_nowhere("s");
	positions_acknowledge(positions, &journal_b, 5);
	assert_at("s", "one");
}

static void a_position_that_no_journal_holds_counts_at_once(void **state)
{
	(void)state;
	positions_close(positions, positions_open(positions, "s", "one"), true);
	assert_at("s", "one");
}

static void sources_do_not_wait_for_each_other(void **state)
{
	(void)state;
	push("s", "one", &journal_a, 1);
	push("t", "uno", &journal_a, 2);
	push("r", "eins", &journal_b, 1);
	positions_acknowledge(positions, &journal_b, 1);
	assert_at("r", "eins");
	assert_nowhere("s");
	positions_acknowledge(positions, &journal_a, 1);
	assert_at("s", "one");
	assert_nowhere("t");
	positions_acknowledge(positions, &journal_a, 2);
	assert_at("t", "uno");
}

static void nothing_counts_behind_rows_that_were_given_up(void **state)
{
	(void)state;
	push("s", "one", &journal_a, 1);
	positions_close(positions, positions_open(positions, "s", "two"), false);
	push("s", "three", &journal_a, 2);
	positions_acknowledge(positions, &journal_a, 2);
	assert_at("s", "one"); /* to ask what is safe is not to begin there again */
	push("s", "four", &journal_a, 3);
	positions_acknowledge(positions, &journal_a, 3);
	assert_at("s", "one");
	assert_begins_at("s", "one");
	push("s", "two", &journal_a, 4);
	positions_acknowledge(positions, &journal_a, 4);
	assert_at("s", "two");
}

static void what_a_journal_took_with_it_never_counts(void **state)
{
	(void)state;
	push("s", "one", &journal_a, 1);
	push("s", "two", &journal_b, 1);
	positions_forget(positions, &journal_a);
	positions_acknowledge(positions, &journal_b, 1);
	assert_nowhere("s");
}

static void assert_pending(const char *source, const char *position)
{
	char text[POSITIONS_MAX_TEXT + 1];
	int r = positions_get_pending(positions, source, text, sizeof(text));
	assert_int_equal(r, position ? 0 : -ENOENT);
	if (position)
		assert_string_equal(text, position);
}

static void an_input_that_starts_anew_goes_on_behind_what_is_on_its_way(void **state)
{
	(void)state;
	assert_pending("s", NULL);
	push("s", "one", &journal_a, 1);
	push("s", "two", &journal_a, 2);
	assert_pending("s", "two");
	assert_nowhere("s"); /* after a crash */
	positions_acknowledge(positions, &journal_a, 2);
	assert_pending("s", NULL);
	assert_at("s", "two");
}

static void an_input_that_starts_anew_goes_on_before_what_was_given_up(void **state)
{
	(void)state;
	push("s", "one", &journal_a, 1);
	positions_close(positions, positions_open(positions, "s", "two"), false);
	push("s", "three", &journal_a, 2);
	assert_pending("s", "one");
	push("s", "two", &journal_a, 3); /* again */
	assert_pending("s", "two");
	assert_pending("s", "two");
	positions_acknowledge(positions, &journal_a, 3);
	assert_at("s", "two");
}

/* ---- What is kept ------------------------------------------------------------- */

static void what_counts_survives_a_restart(void **state)
{
	(void)state;
	push("s", "one", &journal_a, 1);
	push("s", "two", &journal_a, 2);
	push("tab\tand\nnewline\\", "a\\tb\n\t\xff", &journal_b, 1);
	positions_acknowledge(positions, &journal_a, 1);
	positions_acknowledge(positions, &journal_b, 1);
	restart();
	assert_at("s", "one");
	assert_at("tab\tand\nnewline\\", "a\\tb\n\t\xff");
}

static void the_file_is_written_only_when_something_changed(void **state)
{
	struct stat before, after;
	struct error error;
	(void)state;
	assert_int_equal(positions_save(positions, &error), 0);
	assert_int_equal(access(path, F_OK), -1);
	push("s", "one", &journal_a, 1);
	positions_acknowledge(positions, &journal_a, 1);
	assert_int_equal(positions_save(positions, &error), 0);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(before.st_mode & 0777, 0600);
	push("s", "two", &journal_a, 2);
	assert_int_equal(positions_save(positions, &error), 0);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
}

static void a_save_that_failed_is_made_up_for(void **state)
{
	struct error error;
	(void)state;
	push("s", "one", &journal_a, 1);
	positions_acknowledge(positions, &journal_a, 1);
	char fresh[112];
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	assert_int_equal(mkdir(fresh, 0700), 0); /* in its way */
	assert_true(positions_save(positions, &error) < 0);
	assert_non_null(strstr(error.text, path));
	rmdir(fresh);
	restart();
	assert_at("s", "one");
}

static void write_file(const char *bytes, size_t len)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	fclose(file);
}

static size_t read_file(char *bytes, size_t size)
{
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	size_t len = fread(bytes, 1, size, file);
	fclose(file);
	return len;
}

static void any_damage_is_noticed_and_set_aside(void **state)
{
	char bytes[512];
	struct error error;
	(void)state;
	push("s", "one", &journal_a, 1);
	push("t", "two", &journal_a, 2);
	positions_acknowledge(positions, &journal_a, 2);
	assert_int_equal(positions_save(positions, &error), 0);
	size_t len = read_file(bytes, sizeof(bytes));
	for (size_t i = 0; i < 2 * len; i++) {
		char damaged[512];
		memcpy(damaged, bytes, len);
		if (i < len)
			damaged[i] ^= 1;
		write_file(damaged, i < len ? len : i - len); /* a bit, or a cut */
		positions_destroy(positions);
		assert_int_equal(positions_create(path, &positions, &error), -EBADMSG);
		assert_non_null(strstr(error.text, aside));
		assert_int_equal(access(path, F_OK), -1);
		assert_int_equal(access(aside, F_OK), 0);
		assert_nowhere("s");
		assert_nowhere("t");
	}
}

/* ---- Bounds ------------------------------------------------------------------- */

static void what_is_too_long_is_not_kept(void **state)
{
	static char name[POSITIONS_MAX_NAME + 2], text[POSITIONS_MAX_TEXT + 2];
	char small[4];
	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	memset(text, 't', sizeof(text) - 1);
	assert_null(positions_open(positions, name, "x"));
	assert_null(positions_open(positions, "s", text));
	assert_nowhere("s");
	name[POSITIONS_MAX_NAME] = '\0';
	text[POSITIONS_MAX_TEXT] = '\0';
	push(name, text, &journal_a, 1);
	positions_acknowledge(positions, &journal_a, 1);
	assert_int_equal(positions_get(positions, name, small, sizeof(small)), -ERANGE);
	restart();
	assert_at(name, text);
}

static void of_too_many_sources_the_least_used_is_forgotten(void **state)
{
	char name[32];
	(void)state;
	for (int i = 0; i < POSITIONS_MAX_SOURCES + 1; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		push(name, "x", &journal_a, (uint64_t)i + 1);
		positions_acknowledge(positions, &journal_a, (uint64_t)i + 1);
		assert_at("s0", "x"); /* which is thereby in use */
	}
	assert_at(name, "x");
	assert_nowhere("s1");
	assert_at("s2", "x");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_position_counts_when_its_rows_are_acked),
		TEST(a_position_waits_for_all_before_it),
		TEST(a_position_waits_for_every_journal),
		TEST(a_position_that_no_journal_holds_counts_at_once),
		TEST(sources_do_not_wait_for_each_other),
		TEST(nothing_counts_behind_rows_that_were_given_up),
		TEST(what_a_journal_took_with_it_never_counts),
		TEST(an_input_that_starts_anew_goes_on_behind_what_is_on_its_way),
		TEST(an_input_that_starts_anew_goes_on_before_what_was_given_up),
		TEST(what_counts_survives_a_restart),
		TEST(the_file_is_written_only_when_something_changed),
		TEST(a_save_that_failed_is_made_up_for),
		TEST(any_damage_is_noticed_and_set_aside),
		TEST(what_is_too_long_is_not_kept),
		TEST(of_too_many_sources_the_least_used_is_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

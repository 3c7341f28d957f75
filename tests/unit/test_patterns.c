/* The patterns of log lines: what they have in common, and that a restart changes nothing. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include <tallyd/testing/fake_host.h>
#include "patterns/pattern_tree.h"
#include "patterns/patterns.h"
#include "patterns/patterns_table.h"
#include "test.h"

static void expect_words(const char *line, const char *expected)
{
	struct pattern_words words;
	char text[PATTERN_BYTES + 1];
	pattern_words_read(line, strlen(line), &words);
	memcpy(text, words.text, words.at[words.n]);
	text[words.n ? words.at[words.n] - 1 : 0] = '\0';
	assert_string_equal(text, expected);
}

static void what_changes_from_line_to_line_is_blank(void **state)
{
	(void)state;
	expect_words("took 12ms for 10.0.0.7:80", "took <*> for <*>");
	expect_words("user=alice age=12 at 0x1f", "user=alice age=<*> at <*>");
	expect_words("id 550e8400-e29b-abcd-a716-446655440000 done", "id <*> done");
	expect_words("open /var/lib/x: no such file", "open <*>: no such file");
	expect_words("\"GET /shop/12?x=y HTTP/1.1\" 200 -", "\"GET <*> HTTP/<*>\" <*> -");
	expect_words("temperature -12 or +3", "temperature <*> or <*>");
	expect_words("commit deadbeef by eva", "commit <*> by eva");
}

static void times_and_levels_in_front_do_not_count(void **state)
{
	(void)state;
	expect_words("2026-11-30T06:48:04.123Z INFO  listening on :8080", "listening on :<*>");
	expect_words("[Mon Nov 30 06:48:04 2026] [error] lost it", "lost it");
	expect_words("\033[31mERROR\033[0m lost it", "lost it");
	expect_words("12 34", "<*>");
	expect_words("error", "error");
}

static void of_json_the_message_counts(void **state)
{
	(void)state;
	expect_words("{\"level\":\"error\",\"order\":8,\"msg\":\"payment 8 refused\"}",
		     "payment <*> refused");
	expect_words("{\"message\": \"said \\\"no\\\" to 5\"}", "said \\\"no\\\" to <*>");
	expect_words("{\"a\":1}", "{\"a\":<*>}");
}

static void any_bytes_are_words(void **state)
{
	(void)state;
	struct pattern_words words;
	char line[6000];
	uint32_t random = 1;
	for (int i = 0; i < 2000; i++) {
		size_t len = (size_t)i * 3;
		for (size_t k = 0; k < len; k++) {
			random = random * 1664525 + 1013904223;
			line[k] = (char)(random >> 24);
		}
		pattern_words_read(line, len, &words);
		assert_true(words.n <= PATTERN_WORDS && words.at[words.n] <= PATTERN_BYTES);
	}
	expect_words("", "");
	expect_words(" \t\033[", "");
	expect_words("{\"msg\":\"", "");
}

/* ---- The tree ------------------------------------------------------------------------ */

static struct pattern *add(struct pattern_tree *tree, uint64_t service, const char *line)
{
	struct pattern_words words;
	bool changed;
	pattern_words_read(line, strlen(line), &words);
	return pattern_tree_add(tree, service, &words, &changed);
}

static void expect_text(const struct pattern *pattern, const char *text)
{
	assert_non_null(pattern);
	assert_int_equal(pattern->n_bytes, strlen(text) + 1);
	assert_memory_equal(pattern->text, text, strlen(text));
}

static void lines_that_are_alike_have_one_pattern(void **state)
{
	(void)state;
	struct pattern_tree tree;
	assert_int_equal(pattern_tree_init(&tree, 100), 0);
	struct pattern *one = add(&tree, 1, "opened order 7 for u-9 by card in shop");
	assert_ptr_equal(add(&tree, 1, "opened order 8 for x@y by cash in shop"), one);
	expect_text(one, "opened order <*> for <*> by <*> in shop");
	assert_ptr_not_equal(add(&tree, 1, "closed the shop at 5 since nobody came in"), one);
	assert_ptr_not_equal(add(&tree, 2, "opened order 7 for u-9 by card in shop"), one);
	assert_int_equal(tree.n_patterns, 3);
	pattern_tree_done(&tree, NULL);
}

static void a_word_tells_two_events_apart_until_it_is_a_value(void **state)
{
	(void)state;
	struct pattern_tree tree;
	assert_int_equal(pattern_tree_init(&tree, 100), 0);
	struct pattern *started = add(&tree, 1, "the machine number 5 was started by hand");
	struct pattern *stopped = add(&tree, 1, "the machine number 6 was stopped by hand");
	assert_ptr_not_equal(started, stopped);
	static const char *const names[] = {"eva", "tom", "kim", "ann", "bob", "joe", "sue"};
	for (int i = 0; i < 7; i++) {
		char line[80];
		snprintf(line, sizeof(line), "the login of %s was fine", names[i]);
		add(&tree, 1, line);
	}
	expect_text(add(&tree, 1, "the login of max was fine"), "the login of <*> was fine");
	pattern_tree_done(&tree, NULL);
}

static void there_are_no_more_than_fit(void **state)
{
	(void)state;
	struct pattern_tree tree;
	char line[80];
	assert_int_equal(pattern_tree_init(&tree, 700), 0);
	for (int service = 1; service < 4; service++)
		for (int i = 0; i < 2000; i++) {
			snprintf(line, sizeof(line), "%c%c %c%c %.*s", 'g' + i % 19,
				 'g' + i / 19 % 19, 'g' + i / 361 % 19, 'h', i % 30,
				 " x x x x x x x x x x x x x x x x x x");
			add(&tree, (uint64_t)service, line);
		}
	assert_int_equal(tree.n_patterns, 700);
	uint32_t of_first = 0;
	for (uint32_t i = 0; i < tree.n_patterns; i++)
		of_first += tree.patterns[i]->service == 1;
	assert_int_equal(of_first, 500);
	pattern_tree_done(&tree, NULL);
}

/* ---- Over a restart ------------------------------------------------------------------ */

static void make_line(uint32_t i, char ret[200])
{
	static const char *const verbs[] = {"opened", "closed", "lost", "found", "moved", "broke"};
	uint32_t random = i * 2654435761U;
	snprintf(ret, 200, "%s the %c%c thing %u of user=%c%c %.*s", verbs[random % 6],
		 'g' + (int)(random >> 8) % 5, 'h', random, 'a' + (int)(random >> 12) % 20,
		 'b' + (int)(random >> 20) % 20, (int)(random >> 16) % 9, " a b c d");
}

static void take(struct patterns *patterns, uint32_t i, char ret[PATTERN_ID_SIZE])
{
	char text[200];
	make_line(i, text);
	const struct pattern_line line = {.service = i % 3 ? "shop/web" : "shop/db",
					  .text = text,
					  .len = strlen(text),
					  .time = (int64_t)i * CLOCK_SECOND};
	assert_int_equal(patterns_take(patterns, &line, ret), PATTERN_FOUND);
}

static void a_restart_changes_no_pattern(void **state)
{
	enum { LINES = 3000 };
	struct fake_host *whole = fake_host_create("input.whole");
	struct fake_host *parts = fake_host_create("input.parts");
	char folder[] = "/tmp/patterns_XXXXXX", file[200];
	struct patterns *one, *two;
	char of_one[PATTERN_ID_SIZE], of_two[PATTERN_ID_SIZE];
	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(file, sizeof(file), "%s/input.parts.rows", folder);
	fake_host_ctx(whole)->state_dir = fake_host_ctx(parts)->state_dir = folder;
	assert_int_equal(patterns_open(fake_host_ctx(whole), 1000, &one), 0);
	assert_int_equal(patterns_open(fake_host_ctx(parts), 1000, &two), 0);
	for (uint32_t i = 0; i < LINES; i++) {
		if (i % 500 == 499) {
			assert_int_equal(patterns_flush(two, 0, true), 0);
			patterns_close(two);
			assert_int_equal(patterns_open(fake_host_ctx(parts), 1000, &two), 0);
		}
		take(one, i, of_one);
		take(two, i, of_two);
		assert_string_equal(of_one, of_two);
	}
	assert_int_equal(patterns_count(one), patterns_count(two));
	patterns_close(one);
	patterns_close(two);
	fake_host_destroy(whole);
	fake_host_destroy(parts);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(folder), 0);
}

/* ---- Over a crash ------------------------------------------------------------------------ */

static void take_at(struct patterns *patterns, const char *text, int64_t time)
{
	char id[PATTERN_ID_SIZE];
	const struct pattern_line line = {
		.service = "web", .text = text, .len = strlen(text), .time = time};
	assert_int_equal(patterns_take(patterns, &line, id), PATTERN_FOUND);
}

struct kept {
	struct fake_host *host;
	char folder[sizeof("/tmp/patterns_XXXXXX")], file[60];
	struct patterns *patterns;
};

static void kept_begin(struct kept *kept)
{
	*kept = (struct kept){.host = fake_host_create("input.kept"),
			      .folder = "/tmp/patterns_XXXXXX"};
	assert_non_null(mkdtemp(kept->folder));
	snprintf(kept->file, sizeof(kept->file), "%s/input.kept.rows", kept->folder);
	fake_host_ctx(kept->host)->state_dir = kept->folder;
	fake_host_set_monotonic(kept->host, CLOCK_MINUTE);
	assert_int_equal(patterns_open(fake_host_ctx(kept->host), 100, &kept->patterns), 0);
}

static void kept_crash(struct kept *kept)
{
	patterns_close(kept->patterns);
	assert_int_equal(patterns_open(fake_host_ctx(kept->host), 100, &kept->patterns), 0);
}

static void kept_end(struct kept *kept)
{
	patterns_close(kept->patterns);
	fake_host_destroy(kept->host);
	unlink(kept->file);
	assert_int_equal(rmdir(kept->folder), 0);
}

static void a_crash_after_the_first_rows_makes_no_pattern_younger(void **state)
{
	struct kept kept;
	(void)state;
	kept_begin(&kept);
	take_at(kept.patterns, "opened order 1", 1);
	patterns_save_new(kept.patterns, CLOCK_MINUTE);
	kept_crash(&kept);
	take_at(kept.patterns, "opened order 2", 2);
	assert_int_equal(patterns_due(kept.patterns), CLOCK_MINUTE + 2 * CLOCK_SECOND);
	assert_int_equal(patterns_flush(kept.patterns, patterns_due(kept.patterns), false), 0);
	assert_int_equal(fake_host_rows(kept.host, "log_patterns"), 1);
	const struct tally_cell *row = fake_host_row(kept.host, "log_patterns", 0);
	assert_int_equal(row[PATTERNS_FIRST_SEEN].i, 1);
	assert_int_equal(row[PATTERNS_LAST_SEEN].i, 2);
	assert_memory_equal(row[PATTERNS_EXAMPLE].text, "opened order 1", 14);
	kept_end(&kept);
}

static void new_patterns_are_written_once_a_second(void **state)
{
	const int64_t now = CLOCK_MINUTE;
	struct kept kept;
	(void)state;
	kept_begin(&kept);
	take_at(kept.patterns, "opened order 1", 1);
	patterns_save_new(kept.patterns, now);
	assert_int_equal(unlink(kept.file), 0);
	take_at(kept.patterns, "closed the shop", 2);
	patterns_save_new(kept.patterns, now + CLOCK_SECOND - 1);
	assert_int_equal(access(kept.file, F_OK), -1);
	/* Also if no rows come that would bring it up. */
	assert_int_equal(patterns_due(kept.patterns), now + CLOCK_SECOND);
	assert_int_equal(patterns_flush(kept.patterns, now + CLOCK_SECOND, false), 0);
	assert_int_equal(unlink(kept.file), 0);
	/* Nothing new, nothing written. */
	take_at(kept.patterns, "opened order 3", 3);
	patterns_save_new(kept.patterns, now + CLOCK_MINUTE);
	assert_int_equal(access(kept.file, F_OK), -1);
	kept_end(&kept);
}

/* ---- What was not seen for long ------------------------------------------------------- */

static void the_patterns_seen_last_make_room(void **state)
{
	enum { MAX = 40, SERVICES = 400 };
	struct fake_host *host = fake_host_create("input.room");
	struct patterns *patterns;
	char id[PATTERN_ID_SIZE], kept[PATTERN_ID_SIZE], service[40];
	uint32_t gone = 0, made = 0;
	(void)state;
	fake_host_ctx(host)->producer = "once"; /* no file */
	assert_int_equal(patterns_open(fake_host_ctx(host), MAX, &patterns), 0);
	/* As of jobs that come and go, beside one that stays. */
	for (int i = 0; i < SERVICES; i++) {
		snprintf(service, sizeof(service), "job-%d", i);
		struct pattern_line line = {.service = service,
					    .text = "the job begins",
					    .len = 14,
					    .time = i * CLOCK_MINUTE};
		fake_host_set_monotonic(host, (i + 1) * CLOCK_MINUTE);
		made += patterns_take(patterns, &line, id) == PATTERN_FOUND;
		line.service = "web";
		assert_int_equal(patterns_take(patterns, &line, i ? id : kept), PATTERN_FOUND);
		assert_true(i == 0 || strcmp(id, kept) == 0);
		assert_true(patterns_count(patterns) <= MAX);
	}
	assert_int_equal(made, SERVICES);
	assert_int_equal(patterns_flush(patterns, 0, true), 0);
	const struct tally_batch *batch = fake_host_batch(host, 0);
	for (uint32_t i = 0; i < batch->n_rows; i++)
		gone += batch->cells[i * PATTERNS_COLUMNS + PATTERNS_GONE_AT].set;
	assert_int_equal(gone, SERVICES + 1 - patterns_count(patterns));
	patterns_close(patterns);
	fake_host_destroy(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_changes_from_line_to_line_is_blank),
		cmocka_unit_test(times_and_levels_in_front_do_not_count),
		cmocka_unit_test(of_json_the_message_counts),
		cmocka_unit_test(any_bytes_are_words),
		cmocka_unit_test(lines_that_are_alike_have_one_pattern),
		cmocka_unit_test(a_word_tells_two_events_apart_until_it_is_a_value),
		cmocka_unit_test(there_are_no_more_than_fit),
		cmocka_unit_test(a_restart_changes_no_pattern),
		cmocka_unit_test(a_crash_after_the_first_rows_makes_no_pattern_younger),
		cmocka_unit_test(new_patterns_are_written_once_a_second),
		cmocka_unit_test(the_patterns_seen_last_make_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

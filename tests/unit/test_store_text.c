/*
 * The index of a log's text: with it, without it and half made, a search gives what reading all
 * lines gives.
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store_fixture.h"
#include "base/text_match.h"
#include "store/log_text.h"
#include "test.h"

/* LOG: time, host (tag), level, message, sequence (order). */
enum { C_TIME, C_HOST, C_LEVEL, C_MESSAGE, C_SEQUENCE, C_N };
static const struct tally_column columns[C_N] = {
	[C_TIME] = {.name = "time", .type = TALLY_TIME},
	[C_HOST] = {.name = "host", .type = TALLY_TEXT, .role = TALLY_TAG},
	[C_LEVEL] = {.name = "level", .type = TALLY_TEXT},
	[C_MESSAGE] = {.name = "message", .type = TALLY_TEXT},
	[C_SEQUENCE] = {.name = "sequence", .type = TALLY_INT, .role = TALLY_ORDER},
};
static const struct tally_table table = {
	.name = "said", .columns = columns, .n_columns = C_N, .kind = TALLY_LOG, .revision = 1};

enum { MOST = 30000, LINE = 160 };
struct line {
	int64_t time, sequence;
	char host[8];
	char text[LINE];
	bool null;
};
static struct line lines[MOST];
static uint32_t n_lines;
static uint32_t seed;

static uint32_t chance(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* ---- Lines --------------------------------------------------------------------- */

static const char *const words[] = {"connection", "TIMEOUT",  "Größe",  "zwölf", "request",
				    "user",       "GET /api", "日本語", "~/.x",  "100%",
				    "a_b",        "ÄÖÜ",      "error",  "ok"};

static void make_text(char ret[LINE])
{
	size_t len = 0;
	ret[0] = '\0';
	for (uint32_t i = chance(6); i > 0; i--)
		len += (size_t)snprintf(ret + len, LINE - len, "%s ",
					words[chance(sizeof(words) / sizeof(words[0]))]);
	if (chance(3))
		snprintf(ret + len, LINE - len, "id=%08x", chance(1 << 24) * 251);
}

static void put_line(struct fixture *f, struct tally_batch *batch, struct line *line)
{
	struct tally_cell *row = tally_batch_row(f->ctx, batch);
	tally_put_int(row, C_TIME, line->time);
	tally_put_int(row, C_SEQUENCE, line->sequence);
	put_text(f, batch, C_HOST, line->host);
	put_text(f, batch, C_LEVEL, "info");
	if (!line->null)
		put_text(f, batch, C_MESSAGE, line->text);
}

/* n lines between two times, of three hosts, in no order; some in bursts. */
static void write_lines(struct fixture *f, int64_t from, int64_t to, uint32_t n)
{
	struct tally_batch *batch = fixture_batch(f, &table);
	for (uint32_t i = 0; i < n; i++) {
		struct line *line = &lines[n_lines];
		int64_t width = chance(3) ? to - from : (to - from) / 50;
		*line = (struct line){.sequence = n_lines++, .null = chance(40) == 0};
		line->time = from + (int64_t)((double)width * chance(1 << 20) / (1 << 20));
		snprintf(line->host, sizeof(line->host), "h%u", chance(3));
		make_text(line->text);
		put_line(f, batch, line);
	}
	fixture_write(f, batch);
}

static void write_one(struct fixture *f, int64_t time, const char *text)
{
	struct tally_batch *batch = fixture_batch(f, &table);
	struct line *line = &lines[n_lines];
	*line = (struct line){.time = time, .sequence = n_lines++, .host = "h1"};
	snprintf(line->text, sizeof(line->text), "%s", text);
	put_line(f, batch, line);
	fixture_write(f, batch);
}

/* ---- Searching ----------------------------------------------------------------- */

static bool newest_first;

static int by_key(const void *left, const void *right)
{
	const struct line *a = *(struct line *const *)left, *b = *(struct line *const *)right;
	int order = (a->time > b->time) - (a->time < b->time);
	if (order == 0)
		order = strcmp(a->host, b->host);
	if (order == 0)
		order = (a->sequence > b->sequence) - (a->sequence < b->sequence);
	return newest_first ? -order : order;
}

/* As reading all lines finds them. */
static uint32_t scan(int64_t from, int64_t to, const char *text, const char *host,
		     const struct line **ret)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < n_lines; i++) {
		const struct line *line = &lines[i];
		if (line->time >= from && line->time < to && !line->null &&
		    text_contains(line->text, strlen(line->text), text, strlen(text)) &&
		    (!host || strcmp(host, line->host) == 0))
			ret[n++] = line;
	}
	qsort(ret, n, sizeof(struct line *), by_key);
	return n;
}

static const struct tally_select select_line[] = {{"host", TALLY_RAW, 0},
						  {"sequence", TALLY_RAW, 0}};

static uint32_t search(struct fixture *f, int64_t from, int64_t to, const char *text,
		       const char *host, uint32_t limit)
{
	static const struct line *expected[MOST];
	struct tally_filter filters[2] = {{.column = "message", .match = TALLY_CONTAINS},
					  {.column = "host", .match = TALLY_EQUALS}};
	struct tally_query query = query_of("said", select_line, 2);
	struct rows rows;
	filters[0].value =
		(struct tally_cell){.text = text, .len = (uint32_t)strlen(text), .set = 1};
	if (host)
		filters[1].value =
			(struct tally_cell){.text = host, .len = (uint32_t)strlen(host), .set = 1};
	query.filters = filters;
	query.n_filters = host ? 2 : 1;
	query.from = from;
	query.to = to;
	query.limit = limit;
	query.newest_first = newest_first;
	if (ask(f, &query, &rows) != 0)
		fail_msg("\"%s\": %s", text, fake_host_reason(f->host));
	uint32_t n = scan(from, to, text, host, expected);
	if (rows.n != (n < limit ? n : limit))
		fail_msg("\"%s\": %u rows instead of %u", text, rows.n, n);
	for (uint32_t i = 0; i < rows.n; i++) {
		assert_int_equal(rows_at(&rows, i, 0)->i, expected[i]->time);
		assert_int_equal(rows_at(&rows, i, 2)->i, expected[i]->sequence);
	}
	rows_free(&rows);
	return n;
}

/* Now and then something that is in no line, or in another case. */
static void make_search(char ret[LINE])
{
	const struct line *line = &lines[chance(n_lines)];
	size_t len = strlen(line->text), want = 1 + chance(12);
	size_t at = len ? chance((uint32_t)len) : 0;
	want = want > len - at ? len - at : want;
	/* Whole characters, since PostgreSQL takes no others. */
	while (at > 0 && (line->text[at] & 0xc0) == 0x80)
		at--;
	while (at + want < len && (line->text[at + want] & 0xc0) == 0x80)
		want++;
	memcpy(ret, line->text + at, want);
	ret[want] = '\0';
	for (size_t i = 0; i < want; i++)
		if (ret[i] >= 'a' && ret[i] <= 'z' && chance(3) == 0)
			ret[i] ^= 0x20;
	if (chance(5) == 0)
		snprintf(ret, LINE, "%08x", chance(1 << 24) * 251);
}

static void searches_are_right(struct fixture *f, int64_t from, int64_t to, uint32_t n)
{
	char text[LINE];
	for (uint32_t i = 0; i < n; i++) {
		int64_t a = from, b = to;
		make_search(text);
		if (chance(2)) {
			a += (to - from) / 1000 * chance(500);
			b -= (to - from) / 1000 * chance(500);
		}
		newest_first = chance(2);
		search(f, a, b, text, chance(4) ? NULL : "h2", chance(2) ? 5 : 10000);
	}
}

static int64_t blocks(struct fixture *f)
{
	return fixture_sql(f, "SELECT count(*) FROM @text WHERE slice = -1");
}

static void fresh(void)
{
	n_lines = 0;
	seed = 1;
	newest_first = true;
}

/* ---- Tests --------------------------------------------------------------------- */

static void a_search_finds_what_reading_all_lines_finds(void **state)
{
	struct fixture *f = *state;
	fresh();
	time_passes(f, T0 + 5 * HOUR);
	for (int i = 0; i < 4; i++)
		write_lines(f, T0 + i * HOUR, T0 + (i + 1) * HOUR, 3200);
	searches_are_right(f, T0 - HOUR, T0 + 5 * HOUR, 8); /* no index yet */
	maintenance_at(f, T0 + 5 * HOUR);
	assert_true(blocks(f) >= 3);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM @text"),
			 blocks(f) * (LOG_TEXT_SLICES + 1));
	searches_are_right(f, T0 - HOUR, T0 + 5 * HOUR, 40);
	/* Half of it is as good. */
	fixture_sql(f,
		    "DELETE FROM @text WHERE \"from\" IN (SELECT \"from\" FROM @text WHERE slice "
		    "= -1 ORDER BY \"from\" LIMIT 2)");
	searches_are_right(f, T0 - HOUR, T0 + 5 * HOUR, 8);
	int64_t left = blocks(f);
	fixture_restart(f); /* or an hour later: nobody else deletes them */
	maintenance_at(f, T0 + 5 * HOUR + MINUTE);
	assert_true(blocks(f) > left);
	searches_are_right(f, T0 - HOUR, T0 + 5 * HOUR, 8);
}

static void blocks_that_lack_a_text_are_not_read(void **state)
{
	struct fixture *f = *state;
	struct tally_query query = query_of("said", select_line, 2);
	struct tally_filter filter = {.column = "message", .match = TALLY_CONTAINS};
	struct rows rows;
	fresh();
	time_passes(f, T0 + 2 * HOUR);
	write_lines(f, T0, T0 + HOUR, 9000);
	maintenance_at(f, T0 + 2 * HOUR);
	/* From now on they all seem to lack everything. */
	fixture_sql(f, backend_empty_bits);
	filter.value = (struct tally_cell){.text = "Connection", .len = 10, .set = 1};
	query.filters = &filter;
	query.n_filters = 1;
	assert_int_equal(ask(f, &query, &rows), 0);
	assert_int_equal(rows.n, 0);
	rows_free(&rows);
}

static void a_line_that_comes_late_is_found_at_once(void **state)
{
	struct fixture *f = *state;
	int64_t now = T0 + 5 * HOUR;
	fresh();
	time_passes(f, now);
	for (int i = 0; i < 3; i++)
		write_lines(f, T0 + i * HOUR, T0 + (i + 1) * HOUR, 3000);
	maintenance_at(f, now);
	assert_int_equal(search(f, T0, now, "xyzzy", NULL, 10), 0);
	for (int i = 0; i < 4; i++) {
		char text[32];
		int64_t time = T0 + 20 * MINUTE + i * 50 * MINUTE + 7;
		snprintf(text, sizeof(text), "the %d xyzzy!", i);
		write_one(f, time, text);
		newest_first = i % 2;
		assert_int_equal(search(f, T0, now, "Xyzzy!", NULL, 10), i + 1);
		assert_int_equal(search(f, time, time + 1, text, NULL, 10), 1);
		maintenance_at(f, now + (i + 1) * MINUTE);
		assert_int_equal(search(f, T0, now, "xyZZy!", NULL, 10), i + 1);
	}
	/* Older than all there was. */
	write_one(f, T0 - 2 * HOUR, "xyzzy, too");
	assert_int_equal(search(f, T0 - DAY, now, "xyzzy", NULL, 10), 5);
	maintenance_at(f, now + 10 * MINUTE);
	assert_int_equal(search(f, T0 - DAY, now, "xyzzy", NULL, 10), 5);
	searches_are_right(f, T0 - DAY, now, 8);
}

static void many_late_lines_leave_the_index_right(void **state)
{
	struct fixture *f = *state;
	int64_t now = T0 + 5 * HOUR;
	fresh();
	time_passes(f, now);
	write_lines(f, T0, T0 + 4 * HOUR, 9000);
	maintenance_at(f, now);
	for (int i = 0; i < 3; i++) {
		write_lines(f, T0 + i * HOUR, T0 + (i + 2) * HOUR, 1000);
		searches_are_right(f, T0, now, 7);
		maintenance_at(f, now + (i + 1) * MINUTE);
		searches_are_right(f, T0, now, 7);
	}
	assert_int_equal(fixture_sql(f,
				     "SELECT count(*) FROM (SELECT \"from\", lag(\"to\") OVER "
				     "(ORDER BY \"from\") AS before FROM @text WHERE slice = -1) t "
				     "WHERE before > \"from\""),
			 0);
}

static void the_index_goes_with_its_lines(void **state)
{
	struct fixture *f = *state;
	fresh();
	time_passes(f, T0 + 2 * DAY);
	write_lines(f, T0, T0 + 2 * HOUR, 9000);
	uint32_t old = n_lines;
	write_lines(f, T0 + 30 * HOUR, T0 + 32 * HOUR, 9000);
	maintenance_at(f, T0 + 2 * DAY);
	int64_t all = blocks(f);
	/* A week later the first ones are too old. */
	maintenance_at(f, T0 + 8 * DAY + HOUR);
	maintenance_at(f, T0 + 8 * DAY + HOUR + MINUTE);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM said"), n_lines - old);
	assert_true(blocks(f) < all && blocks(f) > 0);
	n_lines -= old;
	memmove(lines, lines + old, n_lines * sizeof(*lines));
	searches_are_right(f, T0 - HOUR, T0 + 2 * DAY, 8);
	maintenance_at(f, T0 + 20 * DAY);
	maintenance_at(f, T0 + 20 * DAY + MINUTE);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM @text"), 0);
}

/* A clock that was ahead has counted, and indexed, time that is still to come. */
static void a_clock_that_went_back_leaves_no_block_of_the_future(void **state)
{
	struct fixture *f = *state;
	fresh();
	time_passes(f, T0 + 3 * HOUR);
	write_lines(f, T0, T0 + 2 * HOUR, 9000);
	maintenance_at(f, T0 + 3 * HOUR);
	assert_true(blocks(f) > 1);
	assert_int_equal(maintenance_when_set_to(f, T0 + HOUR), 0);
	/* Nobody takes this line for a late one. */
	write_one(f, T0 + HOUR + 5 * MINUTE, "xyzzy");
	assert_int_equal(search(f, T0, T0 + DAY, "xyzzy", NULL, 10), 1);
	maintenance_when_set_to(f, T0 + 3 * HOUR);
	assert_int_equal(search(f, T0, T0 + DAY, "xyzzy", NULL, 10), 1);
	searches_are_right(f, T0, T0 + DAY, 8);
}

/* Also of more lines within a second than a block should have. */
static void a_burst_of_lines_is_cut_into_blocks(void **state)
{
	struct fixture *f = *state;
	fresh();
	time_passes(f, T0 + HOUR);
	write_lines(f, T0 + 10 * MINUTE, T0 + 10 * MINUTE + SECOND, 9000);
	write_lines(f, T0 + 10 * MINUTE, T0 + 10 * MINUTE + SECOND, 9000);
	maintenance_at(f, T0 + HOUR);
	assert_in_range(blocks(f), 2, 100);
	searches_are_right(f, T0, T0 + HOUR, 8);
}

/* In a process of its own, which is killed some time; there is always something to do. */
static void maintain_and_die(struct fixture *f, int64_t now)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (f->plugin->start(f->store) == 0)
			for (int i = 0; i < 3; i++)
				maintenance_when_set_to(f, now + i * MINUTE);
		_exit(0);
	}
	const struct timespec pause = {.tv_nsec = chance(150) * 1000000};
	nanosleep(&pause, NULL);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void a_crash_leaves_the_index_right(void **state)
{
	struct fixture *f = *state;
	int64_t now = T0 + 5 * HOUR;
	fresh();
	time_passes(f, now);
	write_lines(f, T0, T0 + 4 * HOUR, 9000);
	for (int i = 0; i < 4; i++) {
		write_lines(f, T0, T0 + 4 * HOUR, 500);
		f->plugin->stop(f->store);
		maintain_and_die(f, now);
		assert_int_equal(f->plugin->start(f->store), 0);
		searches_are_right(f, T0, now, 6);
	}
	maintenance_at(f, now + 10 * MINUTE);
	assert_true(blocks(f) > 1);
	searches_are_right(f, T0, now, 8);
}

/* Whether all that is asked for a text is in what was made of the lines. */
static bool block_has(const struct log_text *text, const char *part, size_t len)
{
	uint8_t bits[LOG_TEXT_SLICE_BYTES];
	struct stored_table *stored = catalog_copy(&table);
	struct tally_filter filter = {
		.column = "message",
		.match = TALLY_CONTAINS,
		.value = {.text = (char *)(uintptr_t)part, .len = (uint32_t)len, .set = 1}};
	struct tally_query query = {.filters = &filter, .n_filters = 1};
	struct bound_query bound = {.query = &query, .stored = stored, .filter = {C_MESSAGE}};
	struct log_text_asked asked;
	uint32_t salt = log_text_salt(chance(1 << 20));
	assert_int_equal(salt & 1, 1);
	log_text_ask(&bound, &asked);
	assert_int_equal(asked.n > 0, len > 0);
	bool has = true;
	for (uint32_t t = 0; t < asked.n; t++) {
		size_t n = log_text_slice(text, asked.tests[t].slice, salt, bits);
		has = has && log_text_has(&asked.tests[t], salt, bits, n);
	}
	catalog_free(stored);
	return has;
}

/* Much of which other lines have, too; also NUL, which a text from the API can have. */
static size_t make_bytes(char ret[LINE], uint32_t i)
{
	make_text(ret);
	size_t len = strlen(ret);
	if (i % 4 == 0) {
		len = chance(LINE);
		for (size_t at = 0; at < len; at++)
			ret[at] = (char)(chance(2) ? 0 : chance(256));
	}
	return len;
}

static void what_is_asked_of_a_block_is_in_it(void **state)
{
	enum { SOME = 8 };
	static char made[SOME][LINE];
	size_t len[SOME];
	struct log_text *text = log_text_create();
	(void)state;
	fresh();
	for (int round = 0; round < 100; round++) {
		log_text_clear(text);
		for (uint32_t i = 0; i < SOME; i++) {
			len[i] = make_bytes(made[i], i);
			log_text_add(text, made[i], len[i]);
		}
		for (uint32_t i = 0; i < 4 * SOME; i++) {
			uint32_t of = i % SOME, from = chance((uint32_t)len[of] + 1);
			uint32_t n = chance((uint32_t)len[of] - from + 1);
			assert_true(block_has(text, made[of] + from, n));
		}
	}
	/* And not what is in no line: else it would be of no use. */
	log_text_clear(text);
	log_text_add(text, "connection timed out", 20);
	assert_false(block_has(text, "refused", 7));
	log_text_destroy(text);
}

/* SQLite keeps 1,002 bytes of such a row in place, and gives the rest a page of its own: 4,096
 * bytes. */
static void a_slice_lies_in_its_row(void **state)
{
	enum { LINES = LOG_TEXT_LINES * 5 / 4, ROOM = 1002 - 60 /* the other columns */ };
	uint8_t bits[LOG_TEXT_SLICE_BYTES];
	char line[LINE];
	struct log_text *text = log_text_create();
	(void)state;
	fresh();
	for (uint32_t i = 0; i < LINES; i++) {
		make_text(line);
		size_t len = strlen(line);
		len += (size_t)snprintf(line + len, LINE - len, " request=%08x%08x",
					chance(1 << 24) * 251, chance(1 << 24) * 251);
		log_text_add(text, line, len);
	}
	for (uint32_t slice = 0; slice < LOG_TEXT_SLICES; slice++)
		assert_in_range(log_text_slice(text, slice, 1, bits), 100, ROOM);
	log_text_destroy(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_search_finds_what_reading_all_lines_finds),
		TEST(blocks_that_lack_a_text_are_not_read),
		TEST(a_line_that_comes_late_is_found_at_once),
		TEST(many_late_lines_leave_the_index_right),
		TEST(the_index_goes_with_its_lines),
		TEST(a_clock_that_went_back_leaves_no_block_of_the_future),
		TEST(a_burst_of_lines_is_cut_into_blocks),
		TEST(a_crash_leaves_the_index_right),
		cmocka_unit_test(what_is_asked_of_a_block_is_in_it),
		cmocka_unit_test(a_slice_lies_in_its_row),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

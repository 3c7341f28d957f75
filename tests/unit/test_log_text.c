/* What the filter of a block rules out that its lines have not: numbers above all. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/log_text.h"
#include "test.h"

static const struct tally_column columns[] = {
	{.name = "time", .type = TALLY_TIME},
	{.name = "host", .type = TALLY_TEXT, .role = TALLY_TAG},
	{.name = "message", .type = TALLY_TEXT},
};
static const struct tally_table table = {
	.name = "said", .columns = columns, .n_columns = 3, .kind = TALLY_LOG, .revision = 1};

enum { SALT_AT = 1234567 };

static struct log_text_asked asked_of(const struct stored_table *stored, const char *text)
{
	const struct tally_filter filter = {
		.column = "message",
		.match = TALLY_CONTAINS,
		.value = {.text = text, .len = (uint32_t)strlen(text), .set = 1}};
	const struct tally_query query = {.filters = &filter, .n_filters = 1};
	const struct bound_query bound = {.query = &query, .stored = stored, .filter = {2}};
	struct log_text_asked asked;
	log_text_ask(&bound, &asked);
	return asked;
}

static bool may_have(const struct log_text *text, const struct log_text_asked *asked)
{
	uint8_t bits[LOG_TEXT_SLICE_BYTES];
	uint32_t salt = log_text_salt(SALT_AT);
	for (uint32_t t = 0; t < asked->n; t++) {
		size_t len = log_text_slice(text, asked->tests[t].slice, salt, bits);
		if (!log_text_has(&asked->tests[t], salt, bits, len))
			return false;
	}
	return true;
}

/* A thousand lines, each with a time and two numbers of its own. */
static struct log_text *numbered(void)
{
	struct log_text *text = log_text_create();
	for (uint32_t i = 0; i < 1000; i++) {
		char line[120];
		int len = snprintf(line, sizeof(line),
				   "2026-11-30T02:%02u:%02uZ user=%u took %u.%03u ms", i / 60,
				   i % 60, i * 7919 % 100000, i % 70, i * 613 % 1000);
		log_text_add(text, line, (size_t)len);
	}
	return text;
}

static void numbers_that_are_there_are_found(void **state)
{
	struct stored_table *stored = catalog_copy(&table);
	struct log_text *text = numbered();
	(void)state;
	for (uint32_t i = 100; i < 1000; i++) {
		char number[32];
		snprintf(number, sizeof(number), "user=%u took", i * 7919 % 100000);
		const struct log_text_asked asked = asked_of(stored, number);
		assert_true(may_have(text, &asked));
	}
	log_text_destroy(text);
	catalog_free(stored);
}

static void numbers_that_no_line_has_are_ruled_out(void **state)
{
	enum { ASKED = 2000 };
	struct stored_table *stored = catalog_copy(&table);
	struct log_text *text = numbered();
	uint32_t wrong = 0;
	(void)state;
	for (uint32_t i = 0; i < ASKED; i++) {
		char number[16];
		snprintf(number, sizeof(number), "%08u", 20000000 + i * 31337);
		const struct log_text_asked asked = asked_of(stored, number);
		wrong += may_have(text, &asked);
	}
	/* With one place for five digits it would be twelve of them. */
	assert_in_range(wrong, 0, 1);
	log_text_destroy(text);
	catalog_free(stored);
}

static void a_block_of_before_is_not_asked_for_second_places(void **state)
{
	const uint8_t empty[64] = {0};
	const struct log_text_test test = {.place = 77, .second = true};
	uint32_t salt = log_text_salt(SALT_AT);
	(void)state;
	assert_false(log_text_has(&test, salt, empty, sizeof(empty)));
	assert_true(log_text_has(&test, salt & (LOG_TEXT_TWICE - 1), empty, sizeof(empty)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_that_are_there_are_found),
		cmocka_unit_test(numbers_that_no_line_has_are_ruled_out),
		cmocka_unit_test(a_block_of_before_is_not_asked_for_second_places),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <tallyd/host.h>

#include "fake_host.h"
#include "pipeline/batch.h"
#include "pipeline/batch_check.h"
#include "test.h"

static const struct tally_column columns[] = {
	{.name = "time", .type = TALLY_TIME},
	{.name = "name", .type = TALLY_TEXT, .role = TALLY_TAG},
	{.name = "value", .type = TALLY_REAL},
};
static const struct tally_table table = {
	.name = "t", .columns = columns, .n_columns = 3, .kind = TALLY_SERIES, .revision = 1};

static void a_new_row_is_all_null(void **state)
{
	struct tally_batch *batch = batch_create(&table);
	(void)state;
	for (int i = 0; i < 100; i++) {
		struct tally_cell *row = batch_row(batch);
		for (uint32_t c = 0; c < table.n_columns; c++)
			assert_int_equal(row[c].set, 0);
		tally_put_real(row, 2, i);
	}
	assert_int_equal(batch->n_rows, 100);
	assert_true(batch->cells[(size_t)99 * 3 + 2].f > 98.9);
	batch_drop(batch);
}

static void copied_text_outlives_its_original(void **state)
{
	struct tally_batch *batch = batch_create(&table);
	char long_text[20000];
	(void)state;
	memset(long_text, 'x', sizeof(long_text));
	struct tally_cell *row = batch_row(batch);
	tally_put_text_borrowed(row, 1, batch_copy(batch, long_text, sizeof(long_text)),
				sizeof(long_text));
	memset(long_text, 'y', sizeof(long_text));
	const char *small = batch_copy(batch, "small", 5);
	assert_memory_equal(small, "small", 5);
	assert_int_equal(batch->cells[1].text[sizeof(long_text) - 1], 'x');
	batch_drop(batch);
}

static int freed;
static void count_free(void *memory)
{
	freed++;
	free(memory);
}

static void adopted_memory_goes_with_the_last_reference(void **state)
{
	struct tally_batch *batch = batch_create(&table);
	(void)state;
	freed = 0;
	assert_int_equal(batch_adopt(batch, malloc(100), 100, count_free), 0);
	assert_true(batch_bytes(batch) >= 100);
	batch_keep(batch);
	batch_drop(batch);
	assert_int_equal(freed, 0);
	batch_drop(batch);
	assert_int_equal(freed, 1);
}

static void a_copy_is_a_string(void **state)
{
	struct tally_batch *batch = batch_create(&table);
	(void)state;
	const char *first = batch_copy(batch, "first and more", 5);
	assert_string_equal(batch_copy(batch, "second", 6), "second");
	assert_string_equal(first, "first");
	assert_string_equal(batch_copy(batch, NULL, 0), "");
	assert_null(batch_copy(batch, NULL, 1));
	assert_null(batch_copy(batch, "x", SIZE_MAX));
	batch_drop(batch);
}

static void rows_with_a_wrong_cell_are_taken_out(void **state)
{
	struct tally_batch *batch = batch_create(&table);
	struct error error;
	(void)state;
	for (int i = 0; i < 6; i++) {
		struct tally_cell *row = batch_row(batch);
		tally_put_text_borrowed(row, 1, batch_copy(batch, "abc", 3), 3);
		tally_put_real(row, 2, i);
		if (i == 1)
			row[1].text = NULL;
		if (i == 3)
			row[2].len = 3;
	}
	tally_put_text_borrowed(batch_row(batch), 1, batch_copy(batch, "abc", 3), 5);
	assert_int_equal(batch_check(batch, &error), 3);
	assert_string_equal(error.text, "row 1 of t: column name is set but has no text");
	assert_int_equal(batch->n_rows, 4);
	const double kept[] = {0, 2, 4, 5};
	for (size_t i = 0; i < 4; i++)
		assert_true(batch->cells[i * 3 + 2].f == kept[i]);
	batch_drop(batch);
}

/* A length is 32 bits in a cell: one that is longer must not be cut to what is left of it. */
static void a_text_over_4_gib_is_refused_not_cut(void **state)
{
	struct fake_host *host = fake_host_create("input.test");
	struct tally_ctx *ctx = fake_host_ctx(host);
	struct tally_batch *batch = batch_create(&table);
	const size_t too_long = (size_t)UINT32_MAX + 4; /* cut, it would be 3 */
	struct error error;
	(void)state;
	tally_put_text_borrowed(batch_row(batch), 1, "abc", too_long);
	assert_int_equal(tally_put_text(ctx, batch, batch_row(batch), 1, "abc", too_long), -E2BIG);
	assert_int_equal(tally_put_text(ctx, batch, batch_row(batch), 1, "abc", 3), 0);
	assert_string_equal(batch->cells[2 * 3 + 1].text, "abc");
	assert_int_equal(batch_check(batch, &error), 2);
	assert_non_null(strstr(error.text, "4 GiB"));
	assert_int_equal(batch->n_rows, 1);
	batch_drop(batch);
	fake_host_destroy(host);
}

static void what_was_emitted_or_is_gone_is_refused(void **state)
{
	struct tally_batch *batch = batch_create(&table);
	(void)state;
	batch_keep(batch);
	assert_int_equal(batch_seal(batch, NULL), 0);
	assert_null(batch_row(batch));
	assert_null(batch_copy(batch, "x", 1));
	assert_int_equal(batch_adopt(batch, NULL, 0, free), -EINVAL);
	assert_int_equal(batch_seal(batch, NULL), -EINVAL);
	batch_drop(batch);
	batch_drop(batch);
	batch_drop(batch);
	batch_keep(batch);
	assert_null(batch_row(batch));
	assert_int_equal(batch_seal(batch, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_is_a_string),
		cmocka_unit_test(rows_with_a_wrong_cell_are_taken_out),
		cmocka_unit_test(a_text_over_4_gib_is_refused_not_cut),
		cmocka_unit_test(what_was_emitted_or_is_gone_is_refused),
		cmocka_unit_test(a_new_row_is_all_null),
		cmocka_unit_test(copied_text_outlives_its_original),
		cmocka_unit_test(adopted_memory_goes_with_the_last_reference),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

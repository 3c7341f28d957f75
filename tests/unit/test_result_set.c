/* Copies of rows whose texts are shared, and gone once the store has them back. */
#include <stdio.h>
#include <string.h>

#include "ask/result_set.h"
#include "test.h"

static const struct tally_column columns[] = {
	{.name = "time", .type = TALLY_TIME},
	{.name = "host", .type = TALLY_TEXT, .role = TALLY_TAG},
	{.name = "message", .type = TALLY_TEXT}};
static const struct tally_table table = {.name = "lines", .columns = columns, .n_columns = 3};

enum { ROWS = 4 };

/* One host, which all rows point to, and a message each; forgotten when they have been added. */
static void add_rows(struct result_set *rows, const char *host)
{
	static char texts[ROWS][16], shared[16];
	struct tally_cell cells[ROWS][3] = {{{.set = 0}}};
	const struct tally_batch batch = {.table = &table, .cells = cells[0], .n_rows = ROWS};
	snprintf(shared, sizeof(shared), "%s", host);
	for (int i = 0; i < ROWS; i++) {
		snprintf(texts[i], sizeof(texts[i]), "%s %d", host, i);
		cells[i][0] = (struct tally_cell){.i = i, .set = 1};
		if (i != 2)
			cells[i][1] = (struct tally_cell){
				.text = shared, .len = (uint32_t)strlen(host), .set = 1};
		cells[i][2] = (struct tally_cell){
			.text = texts[i], .len = (uint32_t)strlen(texts[i]), .set = 1};
	}
	assert_int_equal(result_set_add(rows, &batch), 0);
	memset(texts, '?', sizeof(texts));
	memset(shared, '?', sizeof(shared));
}

static void assert_rows(const struct result_set *rows, uint32_t first, const char *host)
{
	char text[16];
	for (uint32_t i = 0; i < ROWS; i++) {
		const struct tally_cell *row = result_set_row(rows, first + i);
		snprintf(text, sizeof(text), "%s %u", host, i);
		assert_int_equal(row[0].i, i);
		assert_true(i == 2 ? !row[1].set : cell_equals(&row[1], host));
		assert_true(cell_equals(&row[2], text));
	}
}

static void rows_keep_what_they_shared_with_each_other(void **state)
{
	struct result_set rows auto_result_set = {.n_rows = 0};
	(void)state;
	result_set_init(&rows, 3);
	add_rows(&rows, "alpha");
	add_rows(&rows, "gamma"); /* in the same place, and as long */
	assert_int_equal(rows.n_rows, 2 * ROWS);
	assert_rows(&rows, 0, "alpha");
	assert_rows(&rows, ROWS, "gamma");
}

static void a_shared_text_counts_once(void **state)
{
	struct result_set rows auto_result_set = {.n_rows = 0};
	(void)state;
	result_set_init(&rows, 3);
	add_rows(&rows, "alpha");
	assert_int_equal(rows.bytes, ROWS * 3 * sizeof(struct tally_cell) + strlen("alpha") +
					     ROWS * strlen("alpha 0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_keep_what_they_shared_with_each_other),
		cmocka_unit_test(a_shared_text_counts_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tallyd/host.h>

#include "pipeline/batch.h"
#include "commands/rows.h"
#include "test.h"

static const struct tally_column columns[] = {
	{.name = "time", .type = TALLY_TIME},  {.name = "name", .type = TALLY_TEXT},
	{.name = "count", .type = TALLY_INT},  {.name = "ratio", .type = TALLY_REAL},
	{.name = "on", .type = TALLY_BOOL},    {.name = "labels", .type = TALLY_JSON},
	{.name = "nothing", .type = TALLY_INT}};
static const struct tally_table table = {
	.name = "t", .columns = columns, .n_columns = 7, .kind = TALLY_SERIES, .revision = 1};

static void put_row(struct tally_batch *batch, int64_t time, const char *name, int64_t count,
		    double ratio)
{
	struct tally_cell *row = batch_row(batch);
	tally_put_int(row, 0, time);
	tally_put_text_borrowed(row, 1, name, strlen(name));
	tally_put_int(row, 2, count);
	tally_put_real(row, 3, ratio);
	tally_put_int(row, 4, count > 0);
	tally_put_text_borrowed(row, 5, "{\"a\":1}", 7);
}

static char *ndjson_of(const struct tally_batch *batch)
{
	char *text = NULL;
	size_t len;
	FILE *file = open_memstream(&text, &len);
	rows_print_ndjson(file, batch);
	fclose(file);
	return text;
}

static void ndjson_has_every_column_with_its_type(void **state)
{
	struct tally_batch *batch = batch_create(&table);
	(void)state;
	put_row(batch, INT64_C(1700000000123456789), "web", -7, 0.1);
	char *text = ndjson_of(batch);
	assert_string_equal(text, "{\"table\":\"t\",\"time\":\"2023-11-14T22:13:20.123456789Z\","
				  "\"name\":\"web\",\"count\":-7,\"ratio\":0.1,"
				  "\"on\":false,\"labels\":{\"a\":1},\"nothing\":null}\n");
	free(text);
	batch_drop(batch);
}

static void times_before_1970_and_whole_milliseconds_are_exact(void **state)
{
	struct tally_batch *batch = batch_create(&table);
	(void)state;
	put_row(batch, -1, "a", 1, 1);
	put_row(batch, INT64_C(1500000000), "b", 1, 1);
	char *text = ndjson_of(batch);
	assert_non_null(strstr(text, "1969-12-31T23:59:59.999999999Z"));
	assert_non_null(strstr(text, "1970-01-01T00:00:01.500Z"));
	free(text);
	batch_drop(batch);
}

static void foreign_text_is_escaped_for_json(void **state)
{
	struct tally_batch *batch = batch_create(&table);
	(void)state;
	put_row(batch, 0, "q\" b\\ n\n \x1b \xff é \xe2\x82", 1, 1.0 / 0.0);
	char *text = ndjson_of(batch);
	assert_non_null(strstr(text, "\"q\\\" b\\\\ n\\n \\u001b \xef\xbf\xbd é "
				     "\xef\xbf\xbd\xef\xbf\xbd\",\"count\":1,\"ratio\":null"));
	free(text);
	batch_drop(batch);
}

static void tables_are_aligned_and_leave_out_empty_columns(void **state)
{
	struct tally_batch *batches[2] = {batch_create(&table), batch_create(&table)};
	char *text = NULL;
	size_t len;
	(void)state;
	put_row(batches[0], 0, "é\x1b", 5, 2);
	put_row(batches[1], 0, "longer", 12345678, 2.5);
	FILE *file = open_memstream(&text, &len);
	rows_print_table(file, (const struct tally_batch *const *)batches, 2);
	fclose(file);
	assert_string_equal(text,
			    "t: 2 rows\n"
			    "time                  name       count  ratio  on   labels   \n"
			    "1970-01-01T00:00:00Z  é?             5      2  yes  {\"a\":1}  \n"
			    "1970-01-01T00:00:00Z  longer  12345678    2.5  yes  {\"a\":1}  \n");
	free(text);
	batch_drop(batches[0]);
	batch_drop(batches[1]);
}

static void long_texts_are_cut_in_tables(void **state)
{
	struct tally_batch *batch = batch_create(&table);
	char big[500], *text = NULL;
	size_t len;
	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	put_row(batch, 0, big, 5, 2);
	FILE *file = open_memstream(&text, &len);
	rows_print_table(file, (const struct tally_batch *const *)&batch, 1);
	fclose(file);
	assert_true(strlen(text) < 400);
	assert_non_null(strstr(text, "xxx…  "));
	free(text);
	batch_drop(batch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ndjson_has_every_column_with_its_type),
		cmocka_unit_test(times_before_1970_and_whole_milliseconds_are_exact),
		cmocka_unit_test(foreign_text_is_escaped_for_json),
		cmocka_unit_test(tables_are_aligned_and_leave_out_empty_columns),
		cmocka_unit_test(long_texts_are_cut_in_tables),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

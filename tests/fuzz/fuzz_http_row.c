/*
 * Rows as they come on the channels of a cache, of a table with a column of each type.  What is
 * taken must be writable as JSON again.
 */
#include <jansson.h>
#include <live/row_read.h>
#include <ask/result_set.h>
#include <stdlib.h>
#include <string.h>
#include "base/json_cell.h"

static const struct tally_column columns[] = {
	{.name = "time", .type = TALLY_TIME}, {.name = "host", .type = TALLY_TEXT},
	{.name = "n", .type = TALLY_INT},     {.name = "x", .type = TALLY_REAL},
	{.name = "on", .type = TALLY_BOOL},   {.name = "more", .type = TALLY_JSON}};
static const struct tally_table table = {
	.name = "t", .columns = columns, .n_columns = 6, .kind = TALLY_SERIES};

static void check(const struct tally_cell *cells)
{
	struct json_writer json;
	json_writer_init(&json, 64 << 20);
	json_begin_array(&json);
	for (uint32_t i = 0; i < table.n_columns; i++)
		json_write_cell(&json, columns[i].type, &cells[i]);
	json_end_array(&json);
	json_t *read = json_loadb(json.data, json.len, JSON_ALLOW_NUL, NULL);
	if (json.error || !read)
		abort();
	json_decref(read);
	json_writer_done(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tally_cell cells[6];
	char *text = malloc(size ? size : 1);
	if (!text)
		return 0;
	memcpy(text, data, size);
	if (!row_read(text, size, &table, cells))
		check(cells);
	free(text);
	return 0;
}

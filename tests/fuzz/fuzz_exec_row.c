/* What a program writes: a row as JSON, a row in the line protocol, and a declaration in each form.
 * The first byte says which; the second half of a text is never read past its end. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "exec_row.h"
#include "exec_rows.h"
#include <tallyd/testing/fake_host.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fake_host *host;

static struct exec_rows *start(bool influx)
{
	struct exec_rows *rows = calloc(1, sizeof(*rows));
	if (!rows)
		abort();
	host = fake_host_create("input.exec:fuzz");
	rows->ctx = fake_host_ctx(host);
	rows->influx = influx;
	rows->positions = true;
	if (exec_tables_from_text(rows->ctx,
				  "series cpu (cpu text tag, host text tag, n int tag, b bool tag, "
				  "i int, r real, o bool, t text, j json, at time), "
				  "log lines (a text tag, n int order, m text)",
				  &rows->tables) < 0)
		abort();
	exec_rows_begin(rows);
	return rows;
}

/* Rows that are taken have every tag, and texts within what they came from. */
static void check_rows(void)
{
	for (uint32_t b = 0; b < fake_host_batches(host); b++) {
		const struct tally_batch *batch = fake_host_batch(host, b);
		const struct tally_table *table = batch->table;
		for (size_t i = 0; i < (size_t)batch->n_rows * table->n_columns; i++) {
			const struct tally_column *column = &table->columns[i % table->n_columns];
			const struct tally_cell *cell = &batch->cells[i];
			bool must = column->role == TALLY_TAG || i % table->n_columns == 0;
			bool text = column->type == TALLY_TEXT || column->type == TALLY_JSON;
			if ((must && !cell->set) || cell->set > 1)
				abort();
			if (cell->set && text && strlen(cell->text) != cell->len)
				abort();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	struct exec_rows *rows = start(data[0] % 3 == 0);
	char *text = malloc(size);
	if (!text)
		abort();
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (data[0] % 3 == 2) {
		(void)exec_tables_from_text(rows->ctx, text, &rows->tables);
	} else {
		uint64_t number = 0;
		for (char *line = text; line; number++) {
			char *end = memchr(line, '\n', size - 1 - (size_t)(line - text));
			if (end)
				*end = '\0';
			size_t len = end ? (size_t)(end - line) : size - 1 - (size_t)(line - text);
			(void)exec_rows_line(rows, line, len, number);
			line = end ? end + 1 : NULL;
		}
		(void)exec_rows_pause(rows);
		(void)exec_rows_end(rows, data[0] % 2);
		check_rows();
	}
	exec_rows_done(rows);
	fake_host_destroy(host);
	free(rows);
	free(text);
	return 0;
}

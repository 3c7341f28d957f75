/*
 * A cell that was put into a column of another type shows: a text has a length where a number has
 * none, and a number where a text belongs is an address that nobody may follow.  Of text in the
 * batch's own memory the end is known, too; where other text ends only the plugin knows.
 */
#include "pipeline/batch_check.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "pipeline/batch_parts.h"

struct batch_checking {
	const struct tally_table *table;
	const struct batch_block *blocks, *last; /* last: where the text before lay */
	const struct tally_column *column;       /* what is wrong, */
	const char *what;                        /* and how */
};

static bool batch_block_has(const struct batch_block *block, const char *text)
{
	return text >= block->bytes && text < block->bytes + block->used;
}

/* Does it begin in the batch's copies and end outside of them? */
static bool batch_text_leaves(struct batch_checking *checking, const struct tally_cell *cell)
{
	const struct batch_block *block = checking->last;
	if (!block || !batch_block_has(block, cell->text))
		for (block = checking->blocks; block && !batch_block_has(block, cell->text);)
			block = block->next;
	if (!block)
		return false;
	checking->last = block;
	return cell->len > (size_t)(block->bytes + block->used - cell->text);
}

static const char *batch_check_cell(struct batch_checking *checking, uint16_t type,
				    const struct tally_cell *cell)
{
	if (type == TALLY_TEXT || type == TALLY_JSON) {
		if (!cell->text)
			return cell->len == UINT32_MAX
				       ? "has a text of more than 4 GiB, or one that no "
					 "memory was left for"
				       : "is set but has no text";
		if (cell->len && batch_text_leaves(checking, cell))
			return "is longer than the text that was copied";
		return NULL;
	}
	if (cell->len)
		return "is a number but holds text";
	if (type == TALLY_BOOL && cell->i != 0 && cell->i != 1)
		return "is a BOOL but neither 0 nor 1";
	return NULL;
}

/* Stops at the first wrong cell: one reason per row is enough for a message. */
static bool batch_check_row(struct batch_checking *checking, const struct tally_cell *row)
{
	const struct tally_table *table = checking->table;
	for (uint32_t c = 0; c < table->n_columns; c++) {
		const char *what =
			row[c].set ? batch_check_cell(checking, table->columns[c].type, &row[c])
				   : NULL;
		if (!what)
			continue;
		checking->column = &table->columns[c];
		checking->what = what;
		return false;
	}
	return true;
}

static int batch_check_fail(const struct batch_checking *checking, uint32_t row,
			    struct error *error)
{
	return error_set(error, EINVAL, "row %u of %s: column %s %s", row, checking->table->name,
			 checking->column->name, checking->what);
}

/* Rows are moved together over those taken out: between tally_emit() and the router no other
 * thread has the batch. */
uint32_t batch_check(struct tally_batch *public, struct error *error)
{
	struct batch *batch = batch_of(public);
	struct batch_checking checking = {.table = public->table, .blocks = batch->blocks};
	uint32_t kept = 0, n = public->table->n_columns;
	for (uint32_t r = 0; r < public->n_rows; r++) {
		struct tally_cell *row = batch->cells + (size_t)r * n;
		if (!batch_check_row(&checking, row)) {
			if (kept == r)
				batch_check_fail(&checking, r, error);
			continue;
		}
		if (kept < r)
			memcpy(batch->cells + (size_t)kept * n, row, n * sizeof(*row));
		kept++;
	}
	uint32_t wrong = public->n_rows - kept;
	public->n_rows = kept;
	return wrong;
}

/* Text of no length may lie nowhere: readers do not look at it. */
int batch_check_rows(const struct tally_batch *rows, struct error *error)
{
	if (!rows || !rows->table || (rows->n_rows && !rows->cells))
		return error_set(error, EINVAL, "no rows");
	struct batch_checking checking = {.table = rows->table};
	uint32_t n = rows->table->n_columns;
	for (uint32_t r = 0; r < rows->n_rows; r++)
		for (uint32_t c = 0; c < n; c++) {
			const struct tally_cell *cell = &rows->cells[(size_t)r * n + c];
			uint16_t type = rows->table->columns[c].type;
			bool text = type == TALLY_TEXT || type == TALLY_JSON;
			if (!text || !cell->set || !cell->len || cell->text)
				continue;
			checking.column = &rows->table->columns[c];
			checking.what = "is set but has no text";
			return batch_check_fail(&checking, r, error);
		}
	return 0;
}

/*
 * A copy of rows, since a store lends its batches only for the length of the call.  One thread at a
 * time, its owner's: a worker's, or that of a stream's source.
 *
 * Cells are one array that doubles; texts go into blocks that are never moved, so that cells may
 * point into them.  Blocks begin small and grow with the set, because the streams keep many that
 * hold a single row.  Everything is counted against RESULT_SET_MAX_BYTES before it is copied:
 * -E2BIG, and the set holds the rows that it had.
 */
#include "ask/result_set.h"

#include "base/cleanup.h"
#include <errno.h>
#include "base/json_trim.h"
#include "base/utf8.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	RESULT_SET_TEXT_LEAST = 1 << 10,
	RESULT_SET_TEXT_MOST = 64 << 10,
	RESULT_SET_FIRST_CELLS = 32
};

struct result_set_text {
	struct result_set_text *next;
	size_t used, size;
	char bytes[];
};

void result_set_init(struct result_set *rows, uint32_t n_columns)
{
	*rows = (struct result_set){.n_columns = n_columns};
}

int result_set_make(struct result_set *rows, uint32_t n_columns, uint32_t n_rows)
{
	result_set_init(rows, n_columns);
	rows->cells_max = (size_t)n_rows * n_columns + 1;
	rows->cells = calloc(rows->cells_max, sizeof(*rows->cells));
	rows->n_rows = rows->cells ? n_rows : 0;
	return rows->cells ? 0 : -ENOMEM;
}

void result_set_done(struct result_set *rows)
{
	while (rows->text) {
		struct result_set_text *next = rows->text->next;
		free(rows->text);
		rows->text = next;
	}
	free(rows->cells);
	rows->cells = NULL;
}

static int result_set_charge(struct result_set *rows, size_t bytes)
{
	if (bytes > RESULT_SET_MAX_BYTES - rows->bytes)
		return -E2BIG;
	rows->bytes += bytes;
	return 0;
}

/* Doubles, so that adding n rows one by one costs O(n) copies. */
static int result_set_reserve(struct result_set *rows, size_t more)
{
	size_t used = (size_t)rows->n_rows * rows->n_columns;
	size_t max = rows->cells_max ? rows->cells_max : RESULT_SET_FIRST_CELLS;
	if (result_set_charge(rows, more * sizeof(*rows->cells)) < 0)
		return -E2BIG;
	while (max - used < more)
		max *= 2;
	if (max == rows->cells_max)
		return 0;
	struct tally_cell *grown = realloc(rows->cells, max * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	rows->cells = grown;
	rows->cells_max = max;
	return 0;
}

/* Grows with what there is, since some are kept for long that hold a row. */
static int result_set_text_block(struct result_set *rows, size_t len)
{
	size_t size = rows->bytes < RESULT_SET_TEXT_MOST ? rows->bytes : RESULT_SET_TEXT_MOST;
	if (size < RESULT_SET_TEXT_LEAST)
		size = RESULT_SET_TEXT_LEAST;
	if (size < len)
		size = len;
	struct result_set_text *block = malloc(sizeof(*block) + size);
	if (!block)
		return -ENOMEM;
	*block = (struct result_set_text){.next = rows->text, .size = size};
	rows->text = block;
	return 0;
}

static int result_set_copy_text(struct result_set *rows, struct tally_cell *cell)
{
	int r = result_set_charge(rows, cell->len);
	if (r == 0 && (!rows->text || rows->text->size - rows->text->used < cell->len))
		r = result_set_text_block(rows, cell->len);
	if (r < 0)
		return r;
	char *copy = rows->text->bytes + rows->text->used;
	if (cell->len)
		memcpy(copy, cell->text, cell->len);
	cell->text = copy;
	rows->text->used += cell->len;
	return 0;
}

/* A text is cut between two characters.  Of JSON each member is cut; if that is still too much the
 * cell becomes NULL, since nobody can parse half a JSON text. */
static int result_set_copy_bounded(struct result_set *rows, uint16_t type, struct tally_cell *cell)
{
	size_t len = 0;
	if (type == TALLY_TEXT) {
		cell->len = (uint32_t)utf8_bound(cell->text, cell->len, JSON_TRIM_STRING);
		return result_set_copy_text(rows, cell);
	}
	auto_free char *bounded = malloc(cell->len);
	if (!bounded)
		return -ENOMEM;
	json_trim_value(bounded, &len, cell->text, cell->len);
	if (len > 2 * JSON_TRIM_MEMBERS) {
		cell->set = 0;
		return 0;
	}
	cell->text = bounded;
	cell->len = (uint32_t)len;
	return result_set_copy_text(rows, cell);
}

static int result_set_copy_cell(struct result_set *rows, uint16_t type, struct tally_cell *cell)
{
	int r = rows->bounded && cell->len > JSON_TRIM_STRING
			? result_set_copy_bounded(rows, type, cell)
			: result_set_copy_text(rows, cell);
	if (r < 0)
		cell->set = 0;
	return r;
}

/* Of one column of the rows.  Rows of a series share the texts of its tags, and so do copies. */
static int result_set_copy_column(struct result_set *rows, struct tally_cell *cells, uint32_t n,
				  uint16_t type)
{
	struct tally_cell last = {.text = NULL};
	const struct tally_cell *copy = NULL;
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < n; i++, cells += rows->n_columns) {
		if (!cells->set)
			continue;
		if (copy && cells->text == last.text && cells->len == last.len) {
			*cells = *copy;
			continue;
		}
		last = *cells;
		copy = cells;
		r = result_set_copy_cell(rows, type, cells);
	}
	return r;
}

/* Most columns are numbers, which are not looked at. */
static int result_set_copy_texts(struct result_set *rows, struct tally_cell *cells, uint32_t n)
{
	int r = 0;
	for (uint32_t c = 0; r == 0 && c < rows->n_columns; c++)
		if (rows->types[c] == TALLY_TEXT || rows->types[c] == TALLY_JSON)
			r = result_set_copy_column(rows, cells + c, n, rows->types[c]);
	return r;
}

int result_set_add(struct result_set *rows, const struct tally_batch *batch)
{
	size_t n = (size_t)batch->n_rows * rows->n_columns;
	if (batch->table->n_columns != rows->n_columns)
		return -EPROTO;
	/* The first batch says which table answered: the one that was asked for, or a rollup. */
	if (!rows->source[0]) {
		snprintf(rows->source, sizeof(rows->source), "%s", batch->table->name);
		for (uint32_t i = 0; i < rows->n_columns; i++)
			rows->types[i] = batch->table->columns[i].type;
	}
	int r = result_set_reserve(rows, n);
	if (r < 0 || n == 0)
		return r;
	struct tally_cell *cells = rows->cells + (size_t)rows->n_rows * rows->n_columns;
	memcpy(cells, batch->cells, n * sizeof(*cells));
	/* Rows count only once their texts are copied: until then the cells are the store's. */
	r = result_set_copy_texts(rows, cells, batch->n_rows);
	if (r < 0)
		return r;
	rows->n_rows += batch->n_rows;
	return 0;
}

bool cell_equals(const struct tally_cell *cell, const char *text)
{
	return cell->set && cell->len == strlen(text) && memcmp(cell->text, text, cell->len) == 0;
}

int cell_compare(const struct tally_cell *a, const struct tally_cell *b)
{
	uint32_t len = a->len < b->len ? a->len : b->len;
	if (!a->set || !b->set)
		return (int)a->set - (int)b->set;
	int order = len ? memcmp(a->text, b->text, len) : 0;
	return order ? order : (a->len > b->len) - (a->len < b->len);
}

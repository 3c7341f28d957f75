/*
 * See series_tags.h.  For read/scan.c and read/packed_scan.c, on a query's thread.  Rows of one
 * batch share the texts of their tags, which are copied once for all of them.
 */
#include "read/series_tags.h"

#include "bind.h"
#include "database.h"

bool series_tags_has(const struct bound_query *bound, uint32_t select)
{
	return bound->stored->table.columns[bound->select[select]].role == TALLY_TAG;
}

static int series_tags_make(struct series_tags *tags, struct reader *reader,
			    const struct stored_table *stored)
{
	sqlite3_str *sql = sqlite3_str_new(reader->db);
	sqlite3_str_appendall(sql, "SELECT _series");
	for (uint32_t i = 0; i < stored->n_tags; i++)
		sqlite3_str_appendf(sql, ", \"%w\"", stored->table.columns[stored->tags[i]].name);
	sqlite3_str_appendf(sql, " FROM \"%w_series\" WHERE _series = ?1", stored->table.name);
	return reader_prepare(reader, STATEMENT_TAGS, sql, &tags->row);
}

static uint16_t series_tags_column(const struct stored_table *stored, uint16_t column)
{
	uint16_t i = 0;
	while (stored->tags[i] != column)
		i++;
	return (uint16_t)(1 + i);
}

static void series_tags_choose(struct series_tags *tags, const struct bound_query *bound)
{
	for (uint32_t i = 0; i < bound->query->n_select; i++) {
		if (!series_tags_has(bound, i))
			continue;
		tags->places[tags->n].in_row = series_tags_column(bound->stored, bound->select[i]);
		tags->places[tags->n++].in_answer = (uint16_t)(1 + i);
	}
}

int series_tags_find(struct series_tags *tags, struct reader *reader,
		     const struct bound_query *bound, int64_t series)
{
	tags->n = 0;
	tags->batch = 0; /* batches are counted from 1 on */
	series_tags_choose(tags, bound);
	if (tags->n == 0 && !bound->query->after)
		return 1; /* nobody wants them */
	tags->row = reader_borrow(reader, STATEMENT_TAGS);
	int r = tags->row ? 0 : series_tags_make(tags, reader, bound->stored);
	if (r < 0)
		return r;
	sqlite3_bind_int64(tags->row, 1, series);
	return database_step(reader->ctx, tags->row);
}

/* Of the first row of a batch. */
static int series_tags_copy(struct series_tags *tags, struct result *result, struct tally_cell *row)
{
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < tags->n; i++) {
		uint16_t c = tags->places[i].in_answer;
		struct tally_cell cell =
			bind_read(tags->row, tags->places[i].in_row, result->columns[c].type);
		r = result_put(result, row, c, &cell);
		tags->cells[i] = row[c];
	}
	tags->batch = result->n_batches;
	return r;
}

int series_tags_put(struct series_tags *tags, struct result *result, struct tally_cell *row)
{
	if (tags->batch != result->n_batches)
		return series_tags_copy(tags, result, row);
	for (uint32_t i = 0; i < tags->n; i++)
		row[tags->places[i].in_answer] = tags->cells[i];
	return 0;
}

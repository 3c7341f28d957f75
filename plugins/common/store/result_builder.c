/* Column descriptions of an answer are those of the table, with another type where an aggregate
 * makes one. */
#include "store/result_builder.h"

#include <errno.h>
#include <stdio.h>

enum { ANSWER_BATCH_ROWS = 500 };

static uint16_t answer_type(uint16_t type, uint32_t aggregate)
{
	switch (aggregate) {
	case TALLY_AVG:
	case TALLY_RATE:
		return TALLY_REAL;
	case TALLY_COUNT:
		return TALLY_INT;
	case TALLY_SUM:
		return type == TALLY_BOOL ? (uint16_t)TALLY_INT : type;
	default:
		return type;
	}
}

static void answer_add(struct answer *answer, const struct tally_column *column, uint32_t aggregate)
{
	struct tally_column *own = &answer->columns[answer->table.n_columns++];
	*own = *column;
	own->type = answer_type(column->type, aggregate);
	if (aggregate == TALLY_COUNT)
		own->unit = NULL;
}

void answer_init(struct answer *answer, struct tally_ctx *ctx, const struct question *question,
		 const char *suffix, tally_rows_fn *rows, void *arg)
{
	const struct tally_table *table = &question->stored->table;
	const struct tally_query *query = question->query;
	answer->ctx = ctx;
	answer->rows = rows;
	answer->arg = arg;
	answer->batch = NULL;
	answer->n_batches = 0;
	snprintf(answer->name, sizeof(answer->name), "%s%s", table->name, suffix);
	answer->table = (struct tally_table){.name = answer->name,
					     .help = table->help,
					     .columns = answer->columns,
					     .kind = table->kind,
					     .revision = table->revision};
	answer_add(answer, &table->columns[0], TALLY_RAW);
	for (uint32_t i = 0; i < query->n_group_by; i++)
		answer_add(answer, &table->columns[question->group[i]], TALLY_RAW);
	for (uint32_t i = 0; i < query->n_select; i++)
		answer_add(answer, &table->columns[question->select[i]],
			   query->select[i].aggregate);
}

void answer_done(struct answer *answer)
{
	if (answer->batch)
		tally_batch_drop(answer->ctx, answer->batch);
	answer->batch = NULL;
}

int answer_finish(struct answer *answer)
{
	struct tally_batch *batch = answer->batch;
	if (!batch || batch->n_rows == 0)
		return 0;
	int r = answer->rows(answer->arg, batch);
	answer_done(answer);
	return r;
}

int answer_row(struct answer *answer, struct tally_cell **ret)
{
	if (answer->batch && answer->batch->n_rows >= ANSWER_BATCH_ROWS) {
		int r = answer_finish(answer);
		if (r != 0)
			return r;
	}
	if (!answer->batch) {
		answer->batch = tally_batch_new(answer->ctx, &answer->table);
		answer->n_batches++;
	}
	struct tally_cell *row = answer->batch ? tally_batch_row(answer->ctx, answer->batch) : NULL;
	if (!row)
		return tally_fail(answer->ctx, ENOMEM, "no memory");
	*ret = row;
	return 0;
}

int answer_put(struct answer *answer, struct tally_cell *row, uint32_t column,
	       const struct tally_cell *cell)
{
	uint16_t type = answer->columns[column].type;
	row[column] = *cell;
	if (!cell->set || (type != TALLY_TEXT && type != TALLY_JSON))
		return 0;
	row[column].text = tally_batch_copy(answer->ctx, answer->batch, cell->text, cell->len);
	if (row[column].text)
		return 0;
	row[column].set = 0;
	return tally_fail(answer->ctx, ENOMEM, "no memory");
}

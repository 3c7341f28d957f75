/* Column descriptions of an answer are those of the table, with another type where an aggregate
 * makes one. */
#include "store/result_builder.h"

#include <errno.h>
#include <string.h>

enum { RESULT_BATCH_ROWS = 500 };

static uint16_t result_type(uint16_t type, uint32_t aggregate)
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

static void result_add(struct result *result, const struct tally_column *column, uint32_t aggregate)
{
	struct tally_column *own = &result->columns[result->table.n_columns++];
	*own = *column;
	own->type = result_type(column->type, aggregate);
	if (aggregate == TALLY_COUNT)
		own->unit = NULL;
}

/* Both together, cut off where there is no room. */
static void result_name(struct result *result, const char *table, const char *suffix)
{
	size_t room = sizeof(result->name) - 1, n = strnlen(table, room);
	memcpy(result->name, table, n);
	size_t more = strnlen(suffix, room - n);
	memcpy(result->name + n, suffix, more);
	result->name[n + more] = '\0';
}

void result_init(struct result *result, struct tally_ctx *ctx, const struct bound_query *bound,
		 const char *suffix, tally_rows_fn *rows, void *arg)
{
	const struct tally_table *table = &bound->stored->table;
	const struct tally_query *query = bound->query;
	result->ctx = ctx;
	result->rows = rows;
	result->arg = arg;
	result->batch = NULL;
	result->n_batches = 0;
	result_name(result, table->name, suffix);
	result->table = (struct tally_table){.name = result->name,
					     .help = table->help,
					     .columns = result->columns,
					     .kind = table->kind,
					     .revision = table->revision};
	result_add(result, &table->columns[0], TALLY_RAW);
	for (uint32_t i = 0; i < query->n_group_by; i++)
		result_add(result, &table->columns[bound->group[i]], TALLY_RAW);
	for (uint32_t i = 0; i < query->n_select; i++)
		result_add(result, &table->columns[bound->select[i]], query->select[i].aggregate);
}

void result_done(struct result *result)
{
	if (result->batch)
		tally_batch_drop(result->ctx, result->batch);
	result->batch = NULL;
}

int result_finish(struct result *result)
{
	struct tally_batch *batch = result->batch;
	if (!batch || batch->n_rows == 0)
		return 0;
	int r = result->rows(result->arg, batch);
	result_done(result);
	return r;
}

int result_row(struct result *result, struct tally_cell **ret)
{
	if (result->batch && result->batch->n_rows >= RESULT_BATCH_ROWS) {
		int r = result_finish(result);
		if (r != 0)
			return r;
	}
	if (!result->batch) {
		result->batch = tally_batch_new(result->ctx, &result->table);
		result->n_batches++;
	}
	struct tally_cell *row = result->batch ? tally_batch_row(result->ctx, result->batch) : NULL;
	if (!row)
		return tally_fail(result->ctx, ENOMEM, "no memory");
	*ret = row;
	return 0;
}

int result_copy_text(struct result *result, struct tally_cell *cell)
{
	cell->text = tally_batch_copy(result->ctx, result->batch, cell->text, cell->len);
	if (cell->text)
		return 0;
	cell->set = 0;
	return tally_fail(result->ctx, ENOMEM, "no memory");
}

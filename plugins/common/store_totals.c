#include "store_totals.h"

#include <stdlib.h>

#include "store_schema.h"

static const struct tally_column *totals_column(const struct totals *totals, uint32_t f)
{
	return &totals->question->stored->table.columns[totals->columns[f]];
}

static uint32_t totals_field(struct totals *totals, uint16_t column)
{
	uint32_t f = 0;
	while (f < totals->sheet.n_fields && totals->columns[f] != column)
		f++;
	if (f == totals->sheet.n_fields) {
		const struct tally_column *c = &totals->question->stored->table.columns[column];
		bool counter = c->role == TALLY_COUNTER && catalog_is_number(c);
		totals->fields[f] = (struct sheet_field){.type = c->type, .counter = counter};
		totals->columns[f] = column;
		totals->sheet.n_fields++;
	}
	return f;
}

void totals_init(struct totals *totals, const struct question *question, struct answer *answer)
{
	const struct tally_query *query = question->query;
	totals->question = question;
	totals->answer = answer;
	totals->rates = false;
	totals->newest = query->bucket == 0;
	sheet_init(&totals->sheet, answer->ctx, totals->fields, 0, query->bucket, query->limit);
	for (uint32_t i = 0; i < query->n_select; i++) {
		uint32_t f = totals_field(totals, question->select[i]);
		totals->field_of[i] = f;
		totals->fields[f].parts |= schema_parts_of(query->select[i].aggregate) &
					   schema_all_parts(totals_column(totals, f));
		totals->newest |= query->select[i].aggregate == TALLY_LAST;
		totals->rates |= query->select[i].aggregate == TALLY_RATE;
	}
}

void totals_done(struct totals *totals)
{
	sheet_done(&totals->sheet);
}

static int64_t totals_time(const struct sheet *sheet, const struct sheet_bucket *bucket)
{
	return sheet->bucket ? bucket->start : bucket->newest;
}

static int totals_order(const void *left, const void *right, void *arg)
{
	const struct sheet_bucket *const *a = left, *const *b = right;
	int64_t time_a = totals_time(arg, *a), time_b = totals_time(arg, *b);
	if (time_a != time_b)
		return time_a < time_b ? -1 : 1;
	return ((*a)->group > (*b)->group) - ((*a)->group < (*b)->group);
}

static int totals_row(struct totals *totals, struct sheet_bucket *bucket,
		      totals_group_fn *put_group, void *arg)
{
	const struct tally_query *query = totals->question->query;
	struct tally_cell *row = NULL;
	int r = answer_row(totals->answer, &row);
	if (r != 0)
		return r;
	tally_put_int(row, 0, totals_time(&totals->sheet, bucket));
	r = put_group(arg, row, bucket->group);
	for (uint32_t i = 0; r == 0 && i < query->n_select; i++) {
		struct tally_cell cell = sheet_value(&totals->sheet, bucket, totals->field_of[i],
						     query->select[i].aggregate);
		r = answer_put(totals->answer, row, 1 + query->n_group_by + i, &cell);
	}
	return r;
}

int totals_answer(struct totals *totals, totals_group_fn *put_group, void *arg)
{
	struct sheet *sheet = &totals->sheet;
	int r = 0;
	if (sheet->n_buckets)
		qsort_r(sheet->buckets, sheet->n_buckets, sizeof(*sheet->buckets), totals_order,
			sheet);
	for (uint32_t i = 0; r == 0 && i < sheet->n_buckets; i++) {
		uint32_t at = totals->question->query->newest_first ? sheet->n_buckets - 1 - i : i;
		r = totals_row(totals, sheet->buckets[at], put_group, arg);
	}
	return r == 0 ? answer_finish(totals->answer) : r;
}

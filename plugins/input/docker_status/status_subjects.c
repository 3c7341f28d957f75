#include "status_subjects.h"

#include <stdlib.h>
#include <string.h>

#include "status_table.h"

static int by_id(const void *a, const void *b)
{
	const struct subject *left = a, *right = b;
	return strcmp(left->id, right->id);
}

static int compare_id(const void *id, const void *item)
{
	const struct subject *subject = item;
	return strcmp(id, subject->id);
}

struct subject *subjects_find(const struct subjects *subjects, const char *id)
{
	if (subjects->n == 0)
		return NULL;
	return bsearch(id, subjects->items, subjects->n, sizeof(struct subject), compare_id);
}

void subjects_sort(struct subjects *subjects)
{
	if (subjects->n > 0)
		qsort(subjects->items, subjects->n, sizeof(struct subject), by_id);
}

const struct tally_cell *subject_row(const struct subject *subject)
{
	return subject->batch->cells + (size_t)subject->row * STATUS_COLUMNS;
}

void subjects_done(struct tally_ctx *ctx, struct subjects *subjects)
{
	for (uint32_t i = 0; i < subjects->n; i++)
		if (subjects->items[i].batch)
			tally_batch_drop(ctx, subjects->items[i].batch);
	free(subjects->items);
	*subjects = (struct subjects){0};
}

/*
 * An aggregate query around its sheet: which fields it takes, and the rows that answer it once
 * the sheet is fed.
 */
#ifndef TALLYD_PLUGINS_COMMON_STORE_TOTALS_H
#define TALLYD_PLUGINS_COMMON_STORE_TOTALS_H

#include "store_answer.h"
#include "store_question.h"
#include "store_sheet.h"

struct totals {
	const struct question *question;
	struct answer *answer;
	struct sheet sheet;
	struct sheet_field fields[CATALOG_MAX_COLUMNS];
	uint16_t columns[CATALOG_MAX_COLUMNS];  /* of fields */
	uint32_t field_of[CATALOG_MAX_COLUMNS]; /* of query->select */
	bool rates;                             /* one is asked for */
	bool newest;                            /* it matters which row is the newest */
};

void totals_init(struct totals *totals, const struct question *question, struct answer *answer);
void totals_done(struct totals *totals);

/* Puts the values that make a group into a row, from its second column on; 0 or what
 * answer_put() returned. */
typedef int totals_group_fn(void *arg, struct tally_cell *row, uint32_t group);
/* All rows, by time and group, to the end. */
int totals_answer(struct totals *totals, totals_group_fn *put_group, void *arg);

#endif

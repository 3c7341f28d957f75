/*
 * Where a table has the columns that a rule needs, found once per table and not for each row.
 */
#ifndef TALLYD_ALERT_COLUMNS_H
#define TALLYD_ALERT_COLUMNS_H

#include <stdbool.h>
#include <stdint.h>
#include <tallyd/plugin.h>

#include "language/rule.h"

enum { COLUMNS_TAGS = 16, COLUMNS_NONE = -1 };

struct columns {
	const struct tally_table *table;
	int32_t host, container_id, name, service, gone, order, measured, size, tell;
	int32_t conditions[RULE_CONDITIONS];
	int32_t tags[COLUMNS_TAGS];
	unsigned n_tags;
};

/* False: it lacks a column that the rule needs, as a table of another version might. */
bool columns_find(const struct tally_table *table, const struct rule *rule, struct columns *ret);
int32_t columns_place(const struct tally_table *table, const char *name);

/* Does the row fulfil every condition now?  NULL fulfils != only. */
bool columns_match(const struct columns *columns, const struct rule *rule,
		   const struct tally_cell *row, int64_t now);

/* False: NULL. */
bool columns_number(const struct columns *columns, int32_t place, const struct tally_cell *row,
		    double *ret);

#endif

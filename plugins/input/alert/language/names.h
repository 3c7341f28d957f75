/*
 * The tables that a rule may name, and what to say about a name that none of them has.  Filled in
 * create(), from what the plugins of the configuration declare, and not needed afterwards.
 */
#ifndef TALLYD_ALERT_NAMES_H
#define TALLYD_ALERT_NAMES_H

#include <stddef.h>
#include <tallyd/plugin.h>

enum { NAMES_MAX = 512 };

/* Zeroed is empty. */
struct names {
	const struct tally_table *tables[NAMES_MAX];
	size_t n;
};

/* A table counts once, and one of `but` not at all; more than NAMES_MAX are left out. */
void names_add(struct names *names, const struct tally_table *table, const char *but);

/* NULL: there is none. */
const struct tally_table *names_table(const struct names *names, const char *name);
const struct tally_column *names_column(const struct tally_table *table, const char *name);

/* The table that has the column: one of that kind (enum tally_kind; 0: of any) before others.
 * NULL: none has it, or *ret_n tables have. */
const struct tally_table *names_table_with(const struct names *names, const char *column,
					   unsigned kind, size_t *ret_n);

/* The nearest name, or NULL.  table NULL: of all columns. */
const char *names_near_column(const struct names *names, const struct tally_table *table,
			      const char *name);
const char *names_near_table(const struct names *names, const char *name);

#endif

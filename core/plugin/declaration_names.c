/*
 * A store makes several tables of a declared one: X_rows and X_series for what it holds, X_1min and
 * so on for what is rolled up, and in these a column for each part of a number.  Whatever is
 * declared must not be taken for one of them, whoever declares it and whenever.
 * docs/plugin-guide.md has the list for authors.
 */
#include "plugin/declaration_names.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { NAMES_SIZE = 128, NAMES_DATE = 8 };

static const char *const names_prefixes[] = {"tally_", "sqlite_", "pg_"};
static const char *const names_suffixes[] = {"_rows", "_series", "_key", "_1min",
					     "_5min", "_1h",     "_1d"};
/* What PostgreSQL gives every table. */
static const char *const names_system[] = {"tableoid", "ctid", "xmin", "xmax", "cmin", "cmax"};
/* What a rollup has beside tags and numbers. */
static const char *const names_rollup[] = {"time", "newest", "rows"};
static const char *const names_parts[] = {"count", "sum", "min", "max", "last", "increase", "span"};
#define NAMES_COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* ---- Tables ------------------------------------------------------------------ */

static bool names_end(const char *name, const char *suffix)
{
	size_t len = strlen(name), n = strlen(suffix);
	return len >= n && strcmp(name + len - n, suffix) == 0;
}

/* X_rows_p20260131 */
static bool names_is_partition(const char *name)
{
	const char *p = strrchr(name, '_');
	if (!p || p[1] != 'p' || strlen(p + 2) != NAMES_DATE)
		return false;
	for (p += 2; *p; p++)
		if (!isdigit((unsigned char)*p))
			return false;
	return true;
}

/* Stores make tables of their own beside each declared one; a plugin that took such a name would
 * break the store's schema long after it was loaded. */
static int names_check_table(const char *name, struct error *error)
{
	for (size_t i = 0; i < NAMES_COUNT(names_prefixes); i++)
		if (strncmp(name, names_prefixes[i], strlen(names_prefixes[i])) == 0)
			return error_set(error, EINVAL,
					 "table %s: names that begin with %s are a store's own",
					 name, names_prefixes[i]);
	for (size_t i = 0; i < NAMES_COUNT(names_suffixes); i++)
		if (names_end(name, names_suffixes[i]))
			return error_set(error, EINVAL,
					 "table %s: names that end in %s are a store's own", name,
					 names_suffixes[i]);
	if (names_is_partition(name))
		return error_set(error, EINVAL,
				 "table %s: names that end in _p and a date are a store's own",
				 name);
	return 0;
}

/* ---- Columns ----------------------------------------------------------------- */

/* Numbers are what rollups summarize; a tag is what they group by, even if it is an INT. */
static bool names_is_number(const struct tally_column *column)
{
	return column->role != TALLY_TAG &&
	       (column->type == TALLY_INT || column->type == TALLY_REAL ||
		column->type == TALLY_BOOL);
}

/* The number that a rollup has a column of that name for; NULL: none.  Not of columns[0]: it is the
 * row's time, and a rollup has its own. */
static const struct tally_column *names_made_of(const struct tally_table *table, const char *name)
{
	char part[NAMES_SIZE];
	for (uint32_t c = 1; c < table->n_columns; c++) {
		const struct tally_column *column = &table->columns[c];
		for (size_t i = 0; names_is_number(column) && i < NAMES_COUNT(names_parts); i++) {
			snprintf(part, sizeof(part), "%s_%s", column->name, names_parts[i]);
			if (strcmp(part, name) == 0)
				return column;
		}
	}
	return NULL;
}

static bool names_listed(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return false;
}

/* A tag stands in the rollups as it is, among what else stands there. */
static int names_check_tag(const struct tally_table *table, const char *name, struct error *error)
{
	if (names_listed(name, names_rollup, NAMES_COUNT(names_rollup)))
		return error_set(error, EINVAL,
				 "table %s: tag %s: rollups have a column of that name",
				 table->name, name);
	const struct tally_column *number = names_made_of(table, name);
	if (number)
		return error_set(error, EINVAL,
				 "table %s: tag %s: rollups make a column of that name of %s",
				 table->name, name, number->name);
	return 0;
}

static bool names_is_rolled_up(const struct tally_table *table)
{
	for (uint32_t c = 1; table->kind == TALLY_SERIES && c < table->n_columns; c++)
		if (names_is_number(&table->columns[c]))
			return true;
	return false;
}

int declaration_check_table_names(const struct tally_table *table, struct error *error)
{
	int r = names_check_table(table->name, error);
	bool rolled_up = names_is_rolled_up(table);
	for (uint32_t c = 0; r == 0 && c < table->n_columns; c++) {
		const struct tally_column *column = &table->columns[c];
		if (names_listed(column->name, names_system, NAMES_COUNT(names_system)))
			r = error_set(error, EINVAL,
				      "table %s: column %s: PostgreSQL has that name for itself",
				      table->name, column->name);
		else if (rolled_up && column->role == TALLY_TAG)
			r = names_check_tag(table, column->name, error);
	}
	return r;
}

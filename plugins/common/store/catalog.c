/*
 * Descriptors: copying them, finding them, and the indexes that every reader and writer wants.
 * How they are kept is the store's own affair.
 */
#include "store/catalog.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

void catalog_init(struct catalog *catalog)
{
	pthread_mutex_init(&catalog->lock, NULL);
	catalog->newest = NULL;
	catalog->n_refused = 0;
}

void catalog_done(struct catalog *catalog)
{
	while (catalog->newest) {
		struct stored_table *stored = catalog->newest;
		catalog->newest = stored->older;
		catalog_free(stored);
	}
	pthread_mutex_destroy(&catalog->lock);
}

const struct stored_table *catalog_find(struct catalog *catalog, const char *name)
{
	pthread_mutex_lock(&catalog->lock);
	const struct stored_table *stored = catalog->newest;
	pthread_mutex_unlock(&catalog->lock);
	while (stored && strcmp(stored->table.name, name) != 0)
		stored = stored->older;
	return stored;
}

void catalog_add(struct catalog *catalog, struct stored_table *stored)
{
	pthread_mutex_lock(&catalog->lock);
	stored->older = catalog->newest;
	catalog->newest = stored;
	pthread_mutex_unlock(&catalog->lock);
}

bool catalog_refuse(struct catalog *catalog, const char *name)
{
	uint32_t i = 0;
	pthread_mutex_lock(&catalog->lock);
	size_t size = sizeof(catalog->refused[0]);
	while (i < catalog->n_refused && strncmp(catalog->refused[i], name, size - 1) != 0)
		i++;
	bool first = i == catalog->n_refused && i < CATALOG_MAX_REFUSED;
	if (first)
		snprintf(catalog->refused[catalog->n_refused++], size, "%s", name);
	pthread_mutex_unlock(&catalog->lock);
	return first;
}

static int catalog_by_name(const void *a, const void *b)
{
	const struct stored_table *const *left = a, *const *right = b;
	return strcmp((*left)->table.name, (*right)->table.name);
}

int catalog_each(struct catalog *catalog, tally_table_fn *each, void *arg)
{
	pthread_mutex_lock(&catalog->lock);
	const struct stored_table *newest = catalog->newest;
	pthread_mutex_unlock(&catalog->lock);
	size_t n = 0;
	for (const struct stored_table *s = newest; s; s = s->older)
		n++;
	auto_free const struct stored_table **sorted = calloc(n + 1, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	n = 0;
	for (const struct stored_table *s = newest; s; s = s->older)
		if (catalog_find(catalog, s->table.name) == s)
			sorted[n++] = s;
	qsort(sorted, n, sizeof(*sorted), catalog_by_name);
	int r = 0;
	for (size_t i = 0; i < n && r == 0; i++)
		r = each(arg, &sorted[i]->table);
	return r;
}

int catalog_column(const struct tally_table *table, const char *name)
{
	for (uint32_t c = 0; c < table->n_columns; c++)
		if (strcmp(table->columns[c].name, name) == 0)
			return (int)c;
	return -1;
}

bool catalog_is_number(const struct tally_column *column)
{
	return column->type == TALLY_INT || column->type == TALLY_REAL ||
	       column->type == TALLY_BOOL;
}

static void catalog_index_column(struct stored_table *stored, uint16_t c)
{
	const struct tally_table *table = &stored->table;
	const struct tally_column *column = &table->columns[c];
	bool order = column->role == TALLY_ORDER && table->kind == TALLY_LOG;
	if (column->role == TALLY_TAG)
		stored->tags[stored->n_tags++] = c;
	if ((c == 0 && table->kind != TALLY_STATE) || column->role == TALLY_TAG || order)
		stored->key[stored->n_key++] = c;
	if (order)
		stored->order = c;
	if (column->role == TALLY_GONE && column->type == TALLY_TIME)
		stored->gone = c;
	if (table->kind == TALLY_SERIES && c > 0 && column->role != TALLY_TAG &&
	    catalog_is_number(column))
		stored->numbers[stored->n_numbers++] = c;
}

/* strdup() that keeps NULL. */
static bool catalog_copy_text(const char *text, const char **ret)
{
	*ret = text ? strdup(text) : NULL;
	return !text || *ret;
}

static bool catalog_copy_into(const struct tally_table *from, struct tally_table *to)
{
	struct tally_column *columns = calloc(from->n_columns + 1, sizeof(*columns));
	to->columns = columns;
	to->kind = from->kind;
	to->revision = from->revision;
	to->flags = from->flags;
	bool ok = columns && catalog_copy_text(from->name, &to->name) &&
		  catalog_copy_text(from->help, &to->help);
	for (uint32_t c = 0; ok && c < from->n_columns; c++) {
		columns[c].type = from->columns[c].type;
		columns[c].role = from->columns[c].role;
		to->n_columns++;
		ok = catalog_copy_text(from->columns[c].name, &columns[c].name) &&
		     catalog_copy_text(from->columns[c].unit, &columns[c].unit) &&
		     catalog_copy_text(from->columns[c].help, &columns[c].help);
	}
	return ok;
}

struct stored_table *catalog_copy(const struct tally_table *table)
{
	struct stored_table *stored = calloc(1, sizeof(*stored));
	if (!stored)
		return NULL;
	if (!catalog_copy_into(table, &stored->table)) {
		catalog_free(stored);
		return NULL;
	}
	for (uint32_t c = 0; c < table->n_columns; c++)
		catalog_index_column(stored, (uint16_t)c);
	return stored;
}

static void catalog_free_text(const char *text)
{
	free((void *)(uintptr_t)text);
}

void catalog_free(struct stored_table *stored)
{
	if (!stored)
		return;
	const struct tally_table *table = &stored->table;
	for (uint32_t c = 0; c < table->n_columns; c++) {
		catalog_free_text(table->columns[c].name);
		catalog_free_text(table->columns[c].unit);
		catalog_free_text(table->columns[c].help);
	}
	free((void *)(uintptr_t)table->columns);
	catalog_free_text(table->name);
	catalog_free_text(table->help);
	free(stored);
}

int catalog_check(struct tally_ctx *ctx, const struct tally_table *table)
{
	if (table->n_columns == 0 || table->n_columns > CATALOG_MAX_COLUMNS)
		return tally_fail(ctx, EINVAL, "table %s has %u columns, not 1 to %d", table->name,
				  table->n_columns, CATALOG_MAX_COLUMNS);
	if (table->columns[0].type != TALLY_TIME)
		return tally_fail(ctx, EINVAL, "table %s: its first column is not a time",
				  table->name);
	if (table->kind < TALLY_SERIES || table->kind > TALLY_LOG)
		return tally_fail(ctx, EINVAL, "table %s has the unknown kind %u", table->name,
				  table->kind);
	for (uint32_t c = 0; c < table->n_columns; c++)
		if (table->columns[c].type < TALLY_TIME || table->columns[c].type > TALLY_JSON ||
		    table->columns[c].role > TALLY_ORDER)
			return tally_fail(ctx, EINVAL, "table %s: column %.60s has an unknown type",
					  table->name,
					  table->columns[c].name ? table->columns[c].name : "");
	return 0;
}

/* ---- Names -------------------------------------------------------------------- */

/* As core/plugin/declaration_names.c has them, which refuses such a plugin; a table can come from a
 * buffer, too, that was filled by an older one. */
static const char *const catalog_prefixes[] = {"tally_", "sqlite_", "pg_"};
static const char *const catalog_suffixes[] = {"_rows", "_series", "_key", "_1min",
					       "_5min", "_1h",     "_1d"};

int catalog_check_names(struct tally_ctx *ctx, const struct tally_table *table)
{
	const char *name = table->name;
	size_t len = strlen(name);
	for (size_t i = 0; i < sizeof(catalog_prefixes) / sizeof(*catalog_prefixes); i++)
		if (strncmp(name, catalog_prefixes[i], strlen(catalog_prefixes[i])) == 0)
			return tally_fail(ctx, EINVAL,
					  "table %s: names that begin with %s are the store's own",
					  name, catalog_prefixes[i]);
	for (size_t i = 0; i < sizeof(catalog_suffixes) / sizeof(*catalog_suffixes); i++) {
		size_t n = strlen(catalog_suffixes[i]);
		if (len >= n && strcmp(name + len - n, catalog_suffixes[i]) == 0)
			return tally_fail(ctx, EINVAL,
					  "table %s: names that end in %s are the store's own",
					  name, catalog_suffixes[i]);
	}
	return 0;
}

/* ---- Is it the same table? ---------------------------------------------------- */

static bool catalog_same_column(const struct tally_column *a, const struct tally_column *b)
{
	return a->type == b->type && a->role == b->role && strcmp(a->name, b->name) == 0;
}

static uint32_t catalog_common(const struct tally_table *a, const struct tally_table *b)
{
	uint32_t n = a->n_columns < b->n_columns ? a->n_columns : b->n_columns, c = 0;
	while (c < n && catalog_same_column(&a->columns[c], &b->columns[c]))
		c++;
	return c;
}

/* Columns are appended with a greater revision, as plugin.h says; a declaration with fewer columns
 * is older. */
static bool catalog_revisions_fit(const struct tally_table *stored, const struct tally_table *table)
{
	if (stored->n_columns < table->n_columns)
		return stored->revision < table->revision;
	return stored->n_columns == table->n_columns || stored->revision > table->revision;
}

bool catalog_has_all(const struct tally_table *stored, const struct tally_table *table)
{
	return stored->kind == table->kind && catalog_common(stored, table) == table->n_columns &&
	       catalog_revisions_fit(stored, table);
}

bool catalog_lacks_flags(const struct tally_table *stored, const struct tally_table *table)
{
	return table->flags & ~stored->flags;
}

int catalog_check_same(struct tally_ctx *ctx, const struct tally_table *stored,
		       const struct tally_table *table)
{
	uint32_t c = catalog_common(stored, table);
	if (stored->kind != table->kind)
		return tally_fail(ctx, EINVAL, "table %s is stored as another kind", table->name);
	if (c < stored->n_columns && c < table->n_columns) {
		const char *there = stored->columns[c].name, *here = table->columns[c].name;
		if (strcmp(there, here) == 0)
			return tally_fail(ctx, EINVAL,
					  "table %s: column %s is stored with another type or role",
					  table->name, here);
		return tally_fail(
			ctx, EINVAL,
			"table %s is stored with other columns (%s where this one has %s): it is "
			"another plugin's, and one of the two needs another name",
			table->name, there, here);
	}
	bool late = false;
	for (; c < table->n_columns; c++)
		late |= table->kind == TALLY_LOG && table->columns[c].role == TALLY_ORDER;
	if (late)
		return tally_fail(ctx, EINVAL, "table %s: an order column cannot be added later",
				  table->name);
	if (catalog_revisions_fit(stored, table))
		return 0;
	return tally_fail(ctx, EINVAL,
			  "table %s is stored with %u columns at revision %u and declared with %u "
			  "at revision %u: raise the revision, or rename the table if another "
			  "plugin owns the stored one",
			  table->name, stored->n_columns, stored->revision, table->n_columns,
			  table->revision);
}

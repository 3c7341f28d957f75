/*
 * A list, walked: a table is declared when an input starts, not with its rows.  What has been
 * declared before is given out again, so an input that starts a thousand times takes no more
 * memory than one that starts once.
 *
 * Called by registry.c under its lock.  Fails where tables contradict each other, and where there
 * are too many.
 */
#include "plugin/declared.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "plugin/declaration.h"

struct declared_item {
	struct declared_item *next;
	const char *owner;
	const struct tally_table *table;
};

void declared_done(struct declared *declared)
{
	arena_done(&declared->arena);
	*declared = (struct declared){0};
}

static bool declared_same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : !a && !b;
}

static bool declared_same(const struct tally_table *a, const struct tally_table *b)
{
	if (!declaration_same_columns(a, b) || a->revision != b->revision || a->flags != b->flags ||
	    !declared_same_text(a->help, b->help))
		return false;
	for (uint32_t i = 0; i < a->n_columns; i++)
		if (!declared_same_text(a->columns[i].unit, b->columns[i].unit) ||
		    !declared_same_text(a->columns[i].help, b->columns[i].help))
			return false;
	return true;
}

/* ---- Copies ------------------------------------------------------------------ */

/* NULL stays NULL; false: no memory. */
static bool declared_copy_text(struct declared *declared, const char *text, const char **ret)
{
	*ret = text ? arena_text(&declared->arena, text) : NULL;
	return !text || *ret;
}

static const struct tally_table *declared_copy(struct declared *declared,
					       const struct tally_table *table)
{
	struct tally_table *copy = arena_alloc(&declared->arena, sizeof(*copy));
	struct tally_column *columns =
		arena_alloc(&declared->arena, table->n_columns * sizeof(*columns));
	if (!copy || !columns)
		return NULL;
	*copy = *table;
	copy->columns = columns;
	bool copied = declared_copy_text(declared, table->name, &copy->name) &&
		      declared_copy_text(declared, table->help, &copy->help);
	for (uint32_t i = 0; i < table->n_columns && copied; i++) {
		const struct tally_column *from = &table->columns[i];
		columns[i] = *from;
		copied = declared_copy_text(declared, from->name, &columns[i].name) &&
			 declared_copy_text(declared, from->unit, &columns[i].unit) &&
			 declared_copy_text(declared, from->help, &columns[i].help);
	}
	return copied ? copy : NULL;
}

/* ---- The list ---------------------------------------------------------------- */

/* The newest of each owner counts: who changes a table replaces what he said before. */
static int declared_check(const struct declared *declared, const char *owner,
			  const struct tally_table *table, struct error *error)
{
	for (const struct declared_item *item = declared->items; item; item = item->next) {
		if (strcmp(item->table->name, table->name) != 0)
			continue;
		if (strcmp(item->owner, owner) == 0)
			return 0;
		if (!declaration_same_columns(item->table, table))
			return error_set(error, EEXIST,
					 "table %s: %s declares it with other columns; if that "
					 "input is gone, restart the daemon",
					 table->name, item->owner);
	}
	return 0;
}

int declared_add(struct declared *declared, const char *owner, const struct tally_table *table,
		 const struct tally_table **ret, struct error *error)
{
	int r = declared_check(declared, owner, table, error);
	if (r < 0)
		return r;
	for (const struct declared_item *item = declared->items; item; item = item->next) {
		if (strcmp(item->owner, owner) == 0 &&
		    strcmp(item->table->name, table->name) == 0 &&
		    declared_same(item->table, table)) {
			*ret = item->table;
			return 0;
		}
	}
	if (declared->n == DECLARED_MAX)
		return error_set(error, ENOSPC,
				 "table %s: %d tables have been declared since the daemon started, "
				 "and no more are taken",
				 table->name, DECLARED_MAX);
	struct declared_item *item = arena_alloc(&declared->arena, sizeof(*item));
	const char *copied_owner = arena_text(&declared->arena, owner);
	const struct tally_table *copy = declared_copy(declared, table);
	if (!item || !copied_owner || !copy)
		return error_set(error, ENOMEM, "table %s: out of memory", table->name);
	*item = (struct declared_item){declared->items, copied_owner, copy};
	declared->items = item;
	declared->n++;
	*ret = copy;
	return 0;
}

const struct tally_table *declared_find(const struct declared *declared, const char *name)
{
	for (const struct declared_item *item = declared->items; item; item = item->next)
		if (strcmp(item->table->name, name) == 0)
			return item->table;
	return NULL;
}

const struct tally_table *declared_table(const struct declared *declared, size_t i)
{
	for (const struct declared_item *item = declared->items; item; item = item->next)
		if (declared_find(declared, item->table->name) == item->table && i-- == 0)
			return item->table;
	return NULL;
}

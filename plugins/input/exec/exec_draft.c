/*
 * The words of a declaration.  A table without a column of type time in front gets one, named time;
 * its revision grows with its columns, as only appending is allowed.
 *
 * Called by exec_tables.c, which knows where each word stands.
 */
#include "exec_draft.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const draft_kinds[] = {"series", "state", "log", NULL};
static const char *const draft_types[] = {"time", "int", "real", "bool", "text", "json", NULL};
static const char *const draft_roles[] = {"field", "tag", "counter", "gone", "order", NULL};

static int draft_word(const char *const *words, const char *word)
{
	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return -EINVAL;
}

static int draft_copy(char *ret, size_t size, const char *text)
{
	return snprintf(ret, size, "%s", text) < (int)size ? 0 : -EINVAL;
}

int exec_draft_begin(struct exec_draft *draft, const char *kind, const char *name)
{
	int found = draft_word(draft_kinds, kind);
	memset(draft, 0, sizeof(*draft));
	draft->kind = TALLY_SERIES + (uint32_t)found;
	return found < 0 ? found : draft_copy(draft->name, sizeof(draft->name), name);
}

static int draft_add(struct exec_draft *draft, const char *name, uint16_t type)
{
	if (draft->n > EXEC_MAX_COLUMNS)
		return -EINVAL;
	uint32_t c = draft->n++;
	draft->columns[c] = (struct tally_column){.name = draft->names[c], .type = type};
	return draft_copy(draft->names[c], sizeof(draft->names[c]), name);
}

int exec_draft_column(struct exec_draft *draft, const char *name, const char *type)
{
	int found = draft_word(draft_types, type);
	if (found < 0)
		return found;
	uint16_t column_type = (uint16_t)(TALLY_TIME + found);
	int r = 0;
	if (draft->n == 0 && column_type != TALLY_TIME)
		r = draft_add(draft, "time", TALLY_TIME);
	return r == 0 ? draft_add(draft, name, column_type) : r;
}

int exec_draft_role(struct exec_draft *draft, const char *role)
{
	int found = draft_word(draft_roles, role);
	if (found < 0 || !draft->n)
		return -EINVAL;
	draft->columns[draft->n - 1].role = (uint16_t)found;
	return 0;
}

int exec_draft_unit(struct exec_draft *draft, const char *unit)
{
	uint32_t c = draft->n - 1;
	draft->columns[c].unit = draft->units[c];
	return draft_copy(draft->units[c], sizeof(draft->units[c]), unit);
}

int exec_draft_help(struct exec_draft *draft, const char *help)
{
	uint32_t c = draft->n - 1;
	if (!draft->n)
		return draft_copy(draft->help, sizeof(draft->help), help);
	draft->columns[c].help = draft->helps[c];
	return draft_copy(draft->helps[c], sizeof(draft->helps[c]), help);
}

static int draft_keep(struct tally_ctx *ctx, const struct tally_table *table,
		      struct exec_tables *tables)
{
	size_t i = 0;
	while (i < tables->n && strcmp(tables->list[i]->name, table->name) != 0)
		i++;
	if (i == EXEC_MAX_TABLES)
		return tally_fail(ctx, EINVAL, "table %s: a program has at most %d tables",
				  table->name, EXEC_MAX_TABLES);
	tables->list[i] = table;
	tables->n += i == tables->n;
	return 0;
}

int exec_draft_end(struct tally_ctx *ctx, struct exec_draft *draft, struct exec_tables *tables)
{
	const struct tally_table table = {.name = draft->name,
					  .help = draft->help[0] ? draft->help
								 : "Written by a program.",
					  .columns = draft->columns,
					  .n_columns = draft->n,
					  .kind = draft->kind,
					  .revision = draft->revision ? draft->revision : draft->n,
					  .flags = draft->flags};
	const struct tally_table *declared;
	int r = tally_declare(ctx, &table, &declared);
	return r == 0 ? draft_keep(ctx, declared, tables) : r;
}

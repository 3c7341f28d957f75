/*
 * The tables that a program may write, declared by the configuration or by the program itself, and
 * handed to the core.  One thread.
 */
#ifndef TALLYD_EXEC_TABLES_H
#define TALLYD_EXEC_TABLES_H

#include <jansson.h>
#include <tallyd/host.h>

enum { EXEC_MAX_TABLES = 64, EXEC_MAX_COLUMNS = 256 };

struct exec_tables {
	const struct tally_table *list[EXEC_MAX_TABLES];
	size_t n;
};

/* "series NAME (COLUMN TYPE [tag|counter|gone|order] [unit=U], …) …"; docs/exec.md.  Without a
 * column of type time in front there is one named time.  -EINVAL with what and where. */
int exec_tables_from_text(struct tally_ctx *ctx, const char *text, struct exec_tables *tables);
/* {"tables": [{"name": …, "kind": …, "columns": [{"name": …, "type": …, "role": …, "unit": …}]}]}
 */
int exec_tables_from_json(struct tally_ctx *ctx, const json_t *object, struct exec_tables *tables);

/* NULL: no such table. */
const struct tally_table *exec_tables_find(const struct exec_tables *tables, const char *name);
/* -1: no such column. */
int exec_tables_column(const struct tally_table *table, const char *name);

#endif

/* A table that is being declared: filled word by word, then handed to the core, which copies it and
 * holds it against the rules of plugin.h.  One thread. */
#ifndef TALLYD_EXEC_DRAFT_H
#define TALLYD_EXEC_DRAFT_H

#include "exec_tables.h"

struct exec_draft {
	char name[64], help[128];
	uint32_t kind, revision, flags, n;
	struct tally_column columns[EXEC_MAX_COLUMNS + 1];
	char names[EXEC_MAX_COLUMNS + 1][64], units[EXEC_MAX_COLUMNS + 1][32];
	char helps[EXEC_MAX_COLUMNS + 1][128];
};

/* -EINVAL: no such word, or it is too long. */
int exec_draft_begin(struct exec_draft *draft, const char *kind, const char *name);
int exec_draft_column(struct exec_draft *draft, const char *name, const char *type);
int exec_draft_role(struct exec_draft *draft, const char *role);
int exec_draft_unit(struct exec_draft *draft, const char *unit);
int exec_draft_help(struct exec_draft *draft, const char *help);
/* Declares it and adds it, in the place of one with its name. */
int exec_draft_end(struct tally_ctx *ctx, struct exec_draft *draft, struct exec_tables *tables);

#endif

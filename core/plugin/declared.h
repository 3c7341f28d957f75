/*
 * The tables that inputs declare while they run, because only their configuration or their source
 * knows them.  They stay for as long as the registry that they are in: batches and outputs point to
 * them.  Not locked; see registry.h.
 */
#ifndef TALLYD_CORE_DECLARED_H
#define TALLYD_CORE_DECLARED_H

#include <stddef.h>
#include <tallyd/plugin.h>

#include "base/arena.h"
#include "base/error.h"

enum { DECLARED_MAX = 4096 }; /* tables, with each revision that there has been */

struct declared_item;

/* Zeroed is empty. */
struct declared {
	struct arena arena;
	struct declared_item *items; /* the newest first */
	size_t n;
};

void declared_done(struct declared *declared);

/* *ret: a copy, or the one there is if nothing of it differs.  owner, the name of an instance, may
 * declare a table anew with other columns.  -EEXIST: another owner has declared it with others;
 * -ENOSPC, -ENOMEM. */
int declared_add(struct declared *declared, const char *owner, const struct tally_table *table,
		 const struct tally_table **ret, struct error *error);

/* As it was declared last; NULL: nobody has. */
const struct tally_table *declared_find(const struct declared *declared, const char *name);
/* All of them in turn, each name once; NULL: no more. */
const struct tally_table *declared_table(const struct declared *declared, size_t i);

#endif

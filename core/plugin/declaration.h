/*
 * What a plugin declares, held against the rules of plugin.h, before anything relies on it: names,
 * kinds, offsets, fallbacks, the functions that each facet must have.  Pure; any thread.
 */
#ifndef TALLYD_CORE_DECLARATION_H
#define TALLYD_CORE_DECLARATION_H

#include <stdbool.h>
#include <tallyd/plugin.h>

#include "base/error.h"

/* -EINVAL with the first rule that is broken.  The guard (ABI, size) has been checked already. */
int declaration_check(const struct tally_plugin *plugin, struct error *error);
/* The same for one table, which need not be a plugin's. */
int declaration_check_table(const struct tally_table *table, struct error *error);

/* Is it the same table to a store?  Units and help may differ between versions of a plugin; what
 * a store makes of a column may not. */
bool declaration_same_columns(const struct tally_table *a, const struct tally_table *b);

#endif

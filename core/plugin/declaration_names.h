/* Names of tables and columns that a store makes of others, or has for itself.  Any thread. */
#ifndef TALLYD_CORE_DECLARATION_NAMES_H
#define TALLYD_CORE_DECLARATION_NAMES_H

#include <tallyd/plugin.h>

#include "base/error.h"

/* -EINVAL: no store could keep it apart from another.  Its names are names. */
int declaration_check_table_names(const struct tally_table *table, struct error *error);

#endif

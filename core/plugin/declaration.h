/*
 * What a plugin declares, held against the rules of plugin.h, before anything relies on it: names,
 * kinds, offsets, fallbacks, the functions that each facet must have.  Pure; any thread.
 */
#ifndef TALLYD_CORE_DECLARATION_H
#define TALLYD_CORE_DECLARATION_H

#include <tallyd/plugin.h>

#include "base/error.h"

/* -EINVAL with the first rule that is broken.  The guard (ABI, size) has been checked already. */
int declaration_check(const struct tally_plugin *plugin, struct error *error);

#endif

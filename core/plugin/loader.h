/*
 * Opens plugin files.  Main thread only, before any other thread exists or while reloading; what
 * was loaded is never unloaded.  Looks first with dlopen(RTLD_NOW), so that a missing symbol is
 * reported as such, then loads through libltdl.
 */
#ifndef TALLYD_CORE_LOADER_H
#define TALLYD_CORE_LOADER_H

#include <tallyd/plugin.h>

#include "base/error.h"

int loader_init(struct error *error);

/*
 * Refuses, in one line that says file, wanted, found and remedy: a file that is not there or not
 * readable, one that others may write, no shared object, undefined symbols, no tally_plugin(),
 * another ABI, a declaration that breaks a rule of plugin.h (names, kinds, offsets, …).
 */
int loader_open(const char *path, const struct tally_plugin **ret, struct error *error);

#endif

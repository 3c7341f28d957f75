/* What the migrations that are due would do, for `tallyd db migrate --dry-run`.  One thread. */
#ifndef TALLYD_PLUGINS_COMMON_MIGRATION_SHOW_H
#define TALLYD_PLUGINS_COMMON_MIGRATION_SHOW_H

#include "store/migration_list.h"

/* Prints each with its number, its name and the beginnings of its statements, and how many there
 * are. */
void migration_show(const struct migration *due);

/* The statements of one, a line each: "create table tally.clock".  each: called with the beginning
 * of every statement. */
void migration_statements(const char *sql, void (*each)(void *arg, const char *text, size_t len),
			  void *arg);

#endif

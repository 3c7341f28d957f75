/*
 * Is this how libpq wants to be told where to connect?  It says why not in pieces of the text,
 * and a password that is not escaped leaves pieces of itself wherever the reading went on: so
 * libpq connects only by what passed here, and what did not is told without any of it.
 */
#ifndef TALLYD_PLUGINS_COMMON_PG_CONNINFO_H
#define TALLYD_PLUGINS_COMMON_PG_CONNINFO_H

#include <stdbool.h>

bool pg_conninfo_fits(const char *conninfo);
/* To be said of one that does not, after its option's name. */
extern const char pg_conninfo_advice[];

#endif

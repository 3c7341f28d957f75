/*
 * Whether a text is a connection string of libpq.  libpq's own errors quote pieces of the text, and
 * a password that is not escaped leaves pieces of itself wherever parsing went on.  So libpq gets
 * only what passed here, and the error about anything else quotes none of it.
 */
#ifndef TALLYD_PLUGINS_COMMON_PG_CONNINFO_H
#define TALLYD_PLUGINS_COMMON_PG_CONNINFO_H

#include <stdbool.h>

bool pg_conninfo_fits(const char *conninfo);
/* To be said of one that does not, after its option's name. */
extern const char pg_conninfo_advice[];

#endif

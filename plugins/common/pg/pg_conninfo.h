/*
 * Whether a text is a connection string of libpq.  libpq's own errors quote pieces of the text, and
 * a password that is not escaped leaves pieces of itself wherever parsing went on.  So libpq gets
 * only what passed here, and the error about anything else quotes none of it.
 */
#ifndef TALLYD_PLUGINS_COMMON_PG_CONNINFO_H
#define TALLYD_PLUGINS_COMMON_PG_CONNINFO_H

#include <stdbool.h>

bool pg_conninfo_fits(const char *conninfo);
/* What is to be said of one that does not, after its option's name: the keyword that libpq does not
 * know, where that can be no piece of a password, or else advice that quotes nothing. */
enum { PG_CONNINFO_PROBLEM_SIZE = 400 };
const char *pg_conninfo_problem(const char *conninfo, char ret[PG_CONNINFO_PROBLEM_SIZE]);

#endif

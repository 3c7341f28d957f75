/*
 * The environment in a value: ${VAR}, ${VAR:-default}, ${VAR:?message}; $$ is a dollar.  A dollar
 * before anything else stays what it is.  Main thread only (getenv).
 */
#ifndef TALLYD_CORE_EXPAND_H
#define TALLYD_CORE_EXPAND_H

#include "base/error.h"

enum { EXPAND_MAX = 64 * 1024 };

/*
 * *ret is malloc'd.  An empty variable is as good as an unset one for :- and :?, as in a shell.
 * -EINVAL: unset without a default, a bad name, no closing brace, a line break or what is not
 * UTF-8 in the variable; -E2BIG: more than EXPAND_MAX bytes.
 */
int expand_text(const char *text, char **ret, struct error *error);

#endif

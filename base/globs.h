/* A list of shell-like patterns: `container_*`, `!container_logs`.  The last that fits decides;
 * a list of refusals only lets everything else pass. */
#ifndef TALLYD_BASE_GLOBS_H
#define TALLYD_BASE_GLOBS_H

#include <stdbool.h>

bool globs_match(const char *const *patterns, const char *text);

#endif

/*
 * The table log_patterns, which users read, and the one in which an instance keeps its patterns
 * over a restart.  New columns are appended and raise the revision.
 */
#ifndef TALLYD_PATTERNS_TABLE_H
#define TALLYD_PATTERNS_TABLE_H

#include <tallyd/plugin.h>

enum patterns_column {
	PATTERNS_TIME,
	PATTERNS_HOST,
	PATTERNS_SERVICE,
	PATTERNS_ID,
	PATTERNS_TEMPLATE,
	PATTERNS_LEVEL,
	PATTERNS_FIRST_SEEN,
	PATTERNS_LAST_SEEN,
	PATTERNS_EXAMPLE,
	PATTERNS_GONE_AT,
	PATTERNS_COLUMNS
};

extern const struct tally_table patterns_table;

/* log_patterns as it was kept, with where each stands in the tree. */
enum kept_column {
	KEPT_WAYS = PATTERNS_COLUMNS, /* three */
	KEPT_COLUMNS = KEPT_WAYS + 3
};

extern const struct tally_table patterns_kept_table;

#endif

/*
 * How many lines a log table has, per minute, series and level: a table of its own beside it,
 * <table>_lines, of kind SERIES, that a store's maintenance keeps and rolls up like any other.  So
 * counting lines over a day reads some hundred rows instead of all lines.  For container_logs a
 * second one by pattern, log_pattern_counts, which is filled at the same time; lines without a
 * pattern are not in it.
 *
 * Only of tables that have a TEXT column `level`.  The stores' log_lines.c fill them; what they
 * look like is said here, once.
 */
#ifndef TALLYD_PLUGINS_COMMON_LOG_LINES_H
#define TALLYD_PLUGINS_COMMON_LOG_LINES_H

#include "store/catalog.h"

/* Of the table's name, behind the log's. */
#define LOG_LINES_SUFFIX "_lines"

enum { LOG_LINES_BY = 1, LOG_LINES_LINES = 2, LOG_LINES_TAGS = 3 };

enum log_lines_kind { LOG_LINES_LEVELS, LOG_LINES_PATTERNS, LOG_LINES_KINDS };

struct log_lines {
	char name[128];
	struct tally_table table;
	/* time, level or pattern, lines, the log's tags */
	struct tally_column columns[CATALOG_MAX_COLUMNS];
};

/* Whether a table's lines are counted. */
bool log_lines_are_counted(const struct stored_table *logs);
/* Whether they are counted in this way, too. */
bool log_lines_has(const struct stored_table *logs, enum log_lines_kind kind);
/* The column that is counted by. */
const char *log_lines_by(enum log_lines_kind kind);
/* The table of its counts, as a plugin would declare it. */
void log_lines_declare(const struct stored_table *logs, enum log_lines_kind kind,
		       struct log_lines *ret);

#endif

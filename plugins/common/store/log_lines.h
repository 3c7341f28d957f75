/*
 * How many lines a log table has, per minute, series and level: a table of its own beside it,
 * <table>_lines, of kind SERIES, that a store's maintenance keeps and rolls up like any other.  So
 * counting lines over a day reads some hundred rows instead of all lines.
 *
 * Only of tables that have a TEXT column `level`.  The stores' log_lines.c fill it; what it looks
 * like is said here, once.
 */
#ifndef TALLYD_PLUGINS_COMMON_LOG_LINES_H
#define TALLYD_PLUGINS_COMMON_LOG_LINES_H

#include "store/catalog.h"

/* Of the table's name, behind the log's. */
#define LOG_LINES_SUFFIX "_lines"

enum { LOG_LINES_LEVEL = 1, LOG_LINES_LINES = 2, LOG_LINES_TAGS = 3 };

struct log_lines {
	char name[128];
	struct tally_table table;
	struct tally_column columns[CATALOG_MAX_COLUMNS]; /* time, level, lines, the log's tags */
};

/* Whether a table's lines are counted. */
bool log_lines_are_counted(const struct stored_table *logs);
/* The table of its counts, as a plugin would declare it. */
void log_lines_declare(const struct stored_table *logs, struct log_lines *ret);

#endif

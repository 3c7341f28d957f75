/*
 * The declaration of a log's counts.  The level or pattern is a tag there, so it can be grouped by;
 * tags come last, since a log may get more of them.  Pure functions, any thread.
 */
#include "store/log_lines.h"

#include <stdio.h>
#include <string.h>

enum { LOG_LINES_NAME = 48 }; /* as plugin.h has it */

static const char *const log_lines_columns[LOG_LINES_KINDS] = {"level", "pattern"};

static bool log_lines_has_text(const struct stored_table *logs, const char *name)
{
	int column = catalog_column(&logs->table, name);
	return column > 0 && logs->table.columns[column].type == TALLY_TEXT &&
	       logs->table.columns[column].role == TALLY_FIELD;
}

bool log_lines_are_counted(const struct stored_table *logs)
{
	return logs->table.kind == TALLY_LOG && log_lines_has_text(logs, "level") &&
	       strlen(logs->table.name) + strlen(LOG_LINES_SUFFIX) <= LOG_LINES_NAME &&
	       logs->n_tags + LOG_LINES_TAGS <= CATALOG_MAX_COLUMNS;
}

bool log_lines_has(const struct stored_table *logs, enum log_lines_kind kind)
{
	if (!log_lines_are_counted(logs))
		return false;
	return kind == LOG_LINES_LEVELS || (strcmp(logs->table.name, "container_logs") == 0 &&
					    log_lines_has_text(logs, "pattern"));
}

const char *log_lines_by(enum log_lines_kind kind)
{
	return log_lines_columns[kind];
}

static const struct tally_column log_lines_by_columns[LOG_LINES_KINDS] = {
	{.name = "level",
	 .help = "of the lines; NULL: they state none",
	 .type = TALLY_TEXT,
	 .role = TALLY_TAG},
	{.name = "pattern",
	 .help = "of the lines, an id in log_patterns",
	 .type = TALLY_TEXT,
	 .role = TALLY_TAG},
};

void log_lines_declare(const struct stored_table *logs, enum log_lines_kind kind,
		       struct log_lines *ret)
{
	bool levels = kind == LOG_LINES_LEVELS;
	if (levels)
		snprintf(ret->name, sizeof(ret->name), "%s" LOG_LINES_SUFFIX, logs->table.name);
	else
		snprintf(ret->name, sizeof(ret->name), "log_pattern_counts");
	ret->columns[0] = logs->table.columns[0];
	ret->columns[0].help = "the minute";
	ret->columns[LOG_LINES_BY] = log_lines_by_columns[kind];
	ret->columns[LOG_LINES_LINES] = (struct tally_column){.name = "lines",
							      .help = "how many there are",
							      .type = TALLY_INT,
							      .role = TALLY_FIELD};
	for (uint32_t i = 0; i < logs->n_tags; i++)
		ret->columns[LOG_LINES_TAGS + i] = logs->table.columns[logs->tags[i]];
	ret->table = (struct tally_table){.name = ret->name,
					  .help = levels ? "Lines of a log per minute and level"
							 : "Lines of a log per minute and pattern",
					  .columns = ret->columns,
					  .n_columns = LOG_LINES_TAGS + logs->n_tags,
					  .kind = TALLY_SERIES,
					  .revision = logs->table.revision};
}

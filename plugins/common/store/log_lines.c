/*
 * The declaration of a log's counts.  The level is a tag there, so it can be grouped by; tags come
 * last, since a log may get more of them.  Pure functions, any thread.
 */
#include "store/log_lines.h"

#include <stdio.h>
#include <string.h>

enum { LOG_LINES_NAME = 48 }; /* as plugin.h has it */

bool log_lines_are_counted(const struct stored_table *logs)
{
	int level = catalog_column(&logs->table, "level");
	return logs->table.kind == TALLY_LOG && level > 0 &&
	       logs->table.columns[level].type == TALLY_TEXT &&
	       logs->table.columns[level].role == TALLY_FIELD &&
	       strlen(logs->table.name) + strlen(LOG_LINES_SUFFIX) <= LOG_LINES_NAME &&
	       logs->n_tags + LOG_LINES_TAGS <= CATALOG_MAX_COLUMNS;
}

void log_lines_declare(const struct stored_table *logs, struct log_lines *ret)
{
	snprintf(ret->name, sizeof(ret->name), "%s" LOG_LINES_SUFFIX, logs->table.name);
	ret->columns[0] = logs->table.columns[0];
	ret->columns[0].help = "the minute";
	ret->columns[LOG_LINES_LEVEL] =
		(struct tally_column){.name = "level",
				      .help = "of the lines; NULL: they state none",
				      .type = TALLY_TEXT,
				      .role = TALLY_TAG};
	ret->columns[LOG_LINES_LINES] = (struct tally_column){.name = "lines",
							      .help = "how many there are",
							      .type = TALLY_INT,
							      .role = TALLY_FIELD};
	for (uint32_t i = 0; i < logs->n_tags; i++)
		ret->columns[LOG_LINES_TAGS + i] = logs->table.columns[logs->tags[i]];
	ret->table = (struct tally_table){.name = ret->name,
					  .help = "Lines of a log per minute and level",
					  .columns = ret->columns,
					  .n_columns = LOG_LINES_TAGS + logs->n_tags,
					  .kind = TALLY_SERIES,
					  .revision = logs->table.revision};
}

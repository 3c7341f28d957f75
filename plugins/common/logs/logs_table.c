/*
 * The declaration of container_logs: names, types and roles of its columns.  The help texts are
 * what users read in `tallyd plugins info` and in openapi.json.  Also linked into tests of the API
 * and the stores, which need a log table.
 */
#include "logs/logs_table.h"

#define COLUMN(n, t, r, h)                                                                         \
	{                                                                                          \
		.name = n, .help = h, .type = TALLY_##t, .role = TALLY_##r                         \
	}

static const struct tally_column logs_columns[LOGS_COLUMNS] = {
	[LOGS_TIME] = COLUMN("time", TIME, FIELD, "when the engine got the line"),
	[LOGS_HOST] =
		COLUMN("host", TEXT, TAG, "the machine the engine runs on, as the daemon calls it"),
	[LOGS_CONTAINER_ID] = COLUMN("container_id", TEXT, TAG, "64 hex digits"),
	[LOGS_NAME] = COLUMN("name", TEXT, TAG, "without the slash in front"),
	[LOGS_STREAM] = COLUMN("stream", TEXT, FIELD, "stdout or stderr; of a terminal stdout"),
	[LOGS_MESSAGE] = COLUMN("message", TEXT, FIELD, "the line, without its end"),
	[LOGS_LEVEL] = COLUMN("level", TEXT, FIELD,
			      "trace, debug, info, notice, warning, error or critical, if the line "
			      "says so"),
	[LOGS_SEQUENCE] =
		COLUMN("sequence", INT, ORDER,
		       "2 × the lines of this stream with the same time before it, + 1 if stderr"),
	[LOGS_PATTERN] = COLUMN("pattern", TEXT, FIELD,
				"the id in log_patterns of what it has in common with other lines"),
};

const struct tally_table logs_table = {
	.name = "container_logs",
	.help = "What containers print, line by line",
	.columns = logs_columns,
	.n_columns = LOGS_COLUMNS,
	.kind = TALLY_LOG,
	.revision = 2,
};

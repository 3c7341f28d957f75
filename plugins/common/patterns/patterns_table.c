/*
 * The declarations.  The help texts are what users read in `tallyd plugins info` and in
 * openapi.json.
 */
#include "patterns/patterns_table.h"

#define COLUMN(n, t, r, h)                                                                         \
	{                                                                                          \
		.name = n, .help = h, .type = TALLY_##t, .role = TALLY_##r                         \
	}

#define PATTERNS                                                                                   \
	[PATTERNS_TIME] = COLUMN("time", TIME, FIELD, "when the row was made"),                    \
	[PATTERNS_HOST] = COLUMN("host", TEXT, TAG,                                                \
				 "the machine the engine runs on, as the daemon calls it"),        \
	[PATTERNS_SERVICE] = COLUMN("service", TEXT, TAG, "whose lines have it"),                  \
	[PATTERNS_ID] = COLUMN("id", TEXT, TAG, "12 hex digits, as pattern of container_logs"),    \
	[PATTERNS_TEMPLATE] =                                                                      \
		COLUMN("template", TEXT, FIELD, "the words; <*> where lines differ"),              \
	[PATTERNS_LEVEL] = COLUMN("level", TEXT, FIELD, "of the first line, if it stated one"),    \
	[PATTERNS_FIRST_SEEN] = COLUMN("first_seen", TIME, FIELD, "time of the first line"),       \
	[PATTERNS_LAST_SEEN] =                                                                     \
		COLUMN("last_seen", TIME, FIELD, "time of the last line, within a minute"),        \
	[PATTERNS_EXAMPLE] = COLUMN("example", TEXT, FIELD, "the first line, cut to 400 bytes"),   \
	[PATTERNS_GONE_AT] = COLUMN("gone_at", TIME, GONE,                                         \
				    "when it was forgotten to make room; NULL: it is known")

static const struct tally_column patterns_columns[PATTERNS_COLUMNS] = {PATTERNS};

const struct tally_table patterns_table = {
	.name = "log_patterns",
	.help = "What the lines of a service have in common: their fixed words",
	.columns = patterns_columns,
	.n_columns = PATTERNS_COLUMNS,
	.kind = TALLY_STATE,
	.revision = 1,
};

static const struct tally_column kept_columns[KEPT_COLUMNS] = {
	PATTERNS,
	[KEPT_WAYS] = COLUMN("way_0", INT, FIELD, "in the tree"),
	[KEPT_WAYS + 1] = COLUMN("way_1", INT, FIELD, "in the tree"),
	[KEPT_WAYS + 2] = COLUMN("way_2", INT, FIELD, "in the tree"),
};

const struct tally_table patterns_kept_table = {
	.name = "log_patterns_kept",
	.help = "The patterns of an instance, as its file has them",
	.columns = kept_columns,
	.n_columns = KEPT_COLUMNS,
	.kind = TALLY_STATE,
	.revision = 1,
};

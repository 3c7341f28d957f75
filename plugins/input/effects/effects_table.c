/*
 * The declaration of change_effects.  Names, types and order are a contract with stores and
 * clients; help texts go into the generated reference.  Time and tags are the key: they follow from
 * the change, so one that is judged again, after a crash, is the same row.
 */
#include "effects_table.h"

#define COLUMN(n, t, r, u, h)                                                                      \
	{                                                                                          \
		.name = n, .unit = u, .help = h, .type = TALLY_##t, .role = TALLY_##r              \
	}

static const struct tally_column effects_columns[EFFECTS_COLUMNS] = {
	[EFFECTS_TIME] = COLUMN("time", TIME, FIELD, NULL,
				"when the window after the change was over, and its last rows had "
				"time to come"),
	[EFFECTS_HOST] = COLUMN("host", TEXT, TAG, NULL, "the machine of the change"),
	[EFFECTS_SERVICE] = COLUMN("service", TEXT, TAG, NULL,
				   "as in container_changes; NULL: of the host, or of all of it"),
	[EFFECTS_WINDOW] = COLUMN("window", INT, TAG, "s", "how much before and after is compared"),
	[EFFECTS_VERDICT] = COLUMN("verdict", TEXT, FIELD, NULL,
				   "worse, if any measure is; better, no difference, too little "
				   "data"),
	[EFFECTS_SUMMARY] = COLUMN("summary", TEXT, FIELD, NULL,
				   "in a line: what changed, and which measures by how much"),
	[EFFECTS_MEASURES] = COLUMN("measures", JSON, FIELD, NULL,
				    "of each that is worse or better: verdict, unit, means before "
				    "and after, difference"),
	[EFFECTS_KINDS] =
		COLUMN("kinds", TEXT, FIELD, NULL, "of the changes at that time, the image first"),
	[EFFECTS_CHANGE] =
		COLUMN("change", TEXT, FIELD, NULL, "id of the first of them in container_changes"),
	[EFFECTS_CHANGED] = COLUMN("changed", TIME, FIELD, NULL, "when they took effect"),
};

const struct tally_table effects_table = {
	.name = "change_effects",
	.help = "What changes of services did: judged once, when enough time has passed",
	.columns = effects_columns,
	.n_columns = EFFECTS_COLUMNS,
	.kind = TALLY_SERIES,
	.revision = 1,
	.flags = TALLY_KEPT_LONG,
};

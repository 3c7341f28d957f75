/*
 * The declaration of alerts.  Names, types and order are a contract with stores and clients; help
 * texts go into the generated reference.  Time and tags are the key: a store that gets a change
 * twice, as after a crash, keeps one row.
 */
#include "alert_table.h"

#define COLUMN(n, t, r, h)                                                                         \
	{                                                                                          \
		.name = n, .help = h, .type = TALLY_##t, .role = TALLY_##r                         \
	}

static const struct tally_column alerts_columns[ALERTS_COLUMNS] = {
	[ALERTS_TIME] = COLUMN("time", TIME, FIELD, "when it was noticed"),
	[ALERTS_HOST] = COLUMN("host", TEXT, TAG,
			       "the machine it is about; of a service or project, the daemon's"),
	[ALERTS_RULE] = COLUMN("rule", TEXT, TAG, "NAME of [alert.NAME]"),
	[ALERTS_SUBJECT] =
		COLUMN("subject", TEXT, TAG, "the container, service, project or host it is about"),
	[ALERTS_STATE] = COLUMN("state", TEXT, FIELD,
				"pending: true, and not for long enough yet; firing; resolved"),
	[ALERTS_VALUE] = COLUMN("value", REAL, FIELD,
				"what the rule compares, in the unit of its column; of silence, "
				"its seconds; NULL: nothing was measured"),
	[ALERTS_SINCE] = COLUMN("since", TIME, FIELD, "when the condition became true"),
	[ALERTS_NOTIFIED] = COLUMN("notified", BOOL, FIELD,
				   "notifiers send it: it fires or is resolved, and is not muted"),
	[ALERTS_SEVERITY] = COLUMN("severity", TEXT, FIELD, "info, warning or critical"),
	[ALERTS_SUMMARY] = COLUMN("summary", TEXT, FIELD, "in a sentence"),
	[ALERTS_SUBJECT_KIND] =
		COLUMN("subject_kind", TEXT, FIELD, "container, service, project or host"),
};

const struct tally_table alerts_table = {
	.name = "alerts",
	.help = "Alerts: each time one begins, fires or ends",
	.columns = alerts_columns,
	.n_columns = ALERTS_COLUMNS,
	.kind = TALLY_SERIES,
	.revision = 2,
	.flags = TALLY_KEPT_LONG,
};

/*
 * The table alerts: its columns, and how a change becomes a row of it; new ones are appended and
 * raise the revision.
 */
#ifndef TALLYD_ALERT_TABLE_H
#define TALLYD_ALERT_TABLE_H

#include <tallyd/plugin.h>

enum alerts_column {
	ALERTS_TIME,
	ALERTS_HOST,
	ALERTS_RULE,
	ALERTS_SUBJECT,
	ALERTS_STATE,
	ALERTS_VALUE,
	ALERTS_SINCE,
	ALERTS_NOTIFIED,
	ALERTS_SEVERITY,
	ALERTS_SUMMARY,
	ALERTS_SUBJECT_KIND,
	ALERTS_COLUMNS
};

extern const struct tally_table alerts_table;

#endif

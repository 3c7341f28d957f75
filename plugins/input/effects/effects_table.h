/* The table change_effects, and where its columns are; new ones go to the end. */
#ifndef TALLYD_EFFECTS_TABLE_H
#define TALLYD_EFFECTS_TABLE_H

#include <tallyd/plugin.h>

enum effects_column {
	EFFECTS_TIME,
	EFFECTS_HOST,
	EFFECTS_SERVICE,
	EFFECTS_WINDOW,
	EFFECTS_VERDICT,
	EFFECTS_SUMMARY,
	EFFECTS_MEASURES,
	EFFECTS_KINDS,
	EFFECTS_CHANGE,
	EFFECTS_CHANGED,
	EFFECTS_COLUMNS
};

extern const struct tally_table effects_table;

#endif

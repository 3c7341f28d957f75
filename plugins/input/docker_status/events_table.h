/*
 * The table container_events: its columns; new ones are appended and raise the revision.
 */
#ifndef TALLYD_EVENTS_TABLE_H
#define TALLYD_EVENTS_TABLE_H

#include <tallyd/plugin.h>

enum events_column {
	EVENTS_TIME,
	EVENTS_HOST,
	EVENTS_CONTAINER_ID,
	EVENTS_ACTION,
	EVENTS_NAME,
	EVENTS_IMAGE,
	EVENTS_EXIT_CODE,
	EVENTS_SIGNAL,
	EVENTS_OOM,
	EVENTS_HEALTH,
	EVENTS_ATTRIBUTES,
	EVENTS_SERVICE,
	EVENTS_COLUMNS
};

extern const struct tally_table events_table;

#endif

/*
 * The table container_logs: its columns, in the order of the contract; new ones are appended and
 * raise the revision.
 */
#ifndef TALLYD_LOGS_TABLE_H
#define TALLYD_LOGS_TABLE_H

#include <tallyd/plugin.h>

enum logs_column {
	LOGS_TIME,
	LOGS_HOST,
	LOGS_CONTAINER_ID,
	LOGS_NAME,
	LOGS_STREAM,
	LOGS_MESSAGE,
	LOGS_LEVEL,
	LOGS_SEQUENCE,
	LOGS_PATTERN,
	LOGS_COLUMNS
};

extern const struct tally_table logs_table;

#endif

/* The table tallyd_self, and where its columns are; new ones go to the end. */
#ifndef TALLYD_SELF_TABLE_H
#define TALLYD_SELF_TABLE_H

#include <tallyd/plugin.h>

enum self_column {
	SELF_TIME,
	SELF_HOST,
	SELF_DAEMON,
	SELF_VERSION,
	SELF_STARTED,
	SELF_FAILING,
	SELF_BLOCKED,
	SELF_BUFFER_PERCENT,
	SELF_ROWS_WAITING,
	SELF_ROWS_DROPPED,
	SELF_ROLLUP_LAG_S,
	SELF_CLOCK_OFFSET_S,
	SELF_CPU_NS,
	SELF_MEM_BYTES,
	SELF_DISK_USED_BYTES,
	SELF_DISK_SIZE_BYTES,
	SELF_DISK_PERCENT,
	SELF_COLUMNS
};

extern const struct tally_table self_table;

#endif

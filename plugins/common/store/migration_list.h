/*
 * The numbered SQL files that make and change a store's own tables, built in, and how they are held
 * against what a database records.  Forward only: a file that was applied anywhere never changes,
 * which its checksum proves.  How they are run is each store's: SQLite takes all of them in one
 * transaction, PostgreSQL each in its own, under an advisory lock.
 */
#ifndef TALLYD_PLUGINS_COMMON_MIGRATION_LIST_H
#define TALLYD_PLUGINS_COMMON_MIGRATION_LIST_H

#include <tallyd/host.h>

struct migration {
	int version; /* 0 ends the list */
	const char *name, *checksum, *sql;
};

/* The plugin's own, made of sql/PLUGIN/NNNN_what.sql by CMake. */
extern const struct migration migrations[];

struct migration_check {
	struct tally_ctx *ctx;
	const char *record;          /* what the messages call the database or its table */
	const struct migration *due; /* at first the list; in the end the first one to apply */
};

/* One recorded migration after the other, by version.  -EPROTO: the database belongs to a newer
 * tallyd, or other migrations were applied, or not in their order. */
int migration_check(struct migration_check *check, int version, const char *checksum);
int migration_count(const struct migration *list);

#endif

/*
 * The catalog's own tables, made and changed by numbered SQL files that are built in.  Forward
 * only: an applied file never changes, which its checksum proves.
 */
#ifndef TALLYD_SQLITE_MIGRATION_H
#define TALLYD_SQLITE_MIGRATION_H

#include <sqlite3.h>
#include <tallyd/host.h>

struct migration {
	int version; /* 0 ends the list */
	const char *name, *checksum, *sql;
};

extern const struct migration migrations[];

/* Applies what is missing, all or nothing.  -EPROTO: the file belongs to
 * something else, to a newer tallyd, or to one with other migrations. */
int migration_run(struct tally_ctx *ctx, sqlite3 *db, const struct migration *list);

#endif

/*
 * For other programs that read the file: `.load …/tallyd/sqlite_packed` in the sqlite3 shell, or
 * what a program has instead, and the views have all rows.  It uses the SQLite of that program,
 * nothing of the daemon, and only reads.
 */
#include "packed/packed_module.h"
#include "packed/packed_sqlite.h"

SQLITE_EXTENSION_INIT1

__attribute__((visibility("default"))) int sqlite3_extension_init(sqlite3 *db, char **error,
								  const sqlite3_api_routines *api);

int sqlite3_extension_init(sqlite3 *db, char **error, const sqlite3_api_routines *api)
{
	(void)error;
	SQLITE_EXTENSION_INIT2(api);
	return packed_module_register(db);
}

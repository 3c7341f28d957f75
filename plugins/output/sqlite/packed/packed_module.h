/*
 * <table>_all: a virtual table with the columns of <table>_rows that has its rows whether they are
 * packed or not, so that SQL need not know.  Read only.  One that gives _series and bounds of the
 * time, and an order by time or none, is answered without reading anything else.
 *
 * Other programs have it by extension.c.
 */
#ifndef TALLYD_SQLITE_PACKED_MODULE_H
#define TALLYD_SQLITE_PACKED_MODULE_H

#include "packed/packed_sqlite.h"

#define PACKED_MODULE "tallyd_packed"

/* Returns a SQLite code. */
int packed_module_register(sqlite3 *db);

#endif

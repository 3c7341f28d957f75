/* SQLite as the daemon has it, or, in the extension, that of the program which has loaded it. */
#ifndef TALLYD_SQLITE_PACKED_SQLITE_H
#define TALLYD_SQLITE_PACKED_SQLITE_H

#ifdef TALLYD_SQLITE_EXTENSION
#include <sqlite3ext.h>
extern const sqlite3_api_routines *sqlite3_api;
#else
#include <sqlite3.h>
#endif

#endif

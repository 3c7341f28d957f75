/*
 * Keeps the last of a disk for emptying a database file: a deletion writes as well, first to the
 * log and then, at the checkpoint, to the file.  A file that had filled its disk could not be
 * emptied any more, and would stand still until somebody made room.  On the thread that uses the
 * connection, which is in WAL mode.  Whoever calls it links SQLite.
 */
#ifndef TALLYD_PLUGINS_COMMON_SQLITE_ROOM_H
#define TALLYD_PLUGINS_COMMON_SQLITE_ROOM_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

/* Whether a write of so many bytes leaves `left` of the disk, or a sixteenth of a small one. True
 * also where the file system does not say. */
bool sqlite_has_room(sqlite3 *db, const char *path, uint64_t needed, uint64_t left);

#endif

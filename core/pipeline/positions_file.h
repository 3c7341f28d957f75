/*
 * The file that positions are kept in: a line per source, `source TAB position`, between a line
 * that says what it is and one with a checksum.  A backslash, tab or newline is written \\, \t, \n.
 * Written beside and renamed over, so that whoever reads it sees the old or the new one.
 */
#ifndef TALLYD_CORE_POSITIONS_FILE_H
#define TALLYD_CORE_POSITIONS_FILE_H

#include <stddef.h>
#include <stdio.h>

#include "base/error.h"
#include "base/file_place.h"

/* Between these two the caller writes its lines to the stream, which is in memory. */
void positions_file_begin(FILE *file);
void positions_file_line(FILE *file, const char *source, const char *position);

/* Appends the checksum's line and makes it the file of that path, durably.  ret: which file that
 * is, also if somebody takes it away at once. */
int positions_file_write(const char *path, const char *text, size_t len, struct file_place *ret,
			 struct error *error);

/* -ENOENT; -EBADMSG: damaged, `each` may have been called for lines before the damage. */
typedef int positions_file_fn(void *arg, const char *source, const char *position);
int positions_file_read(const char *path, positions_file_fn *each, void *arg, struct error *error);

#endif

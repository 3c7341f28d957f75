/*
 * The file as such, before SQLite sees it: that it can be there, and that it is put away when it
 * cannot be used.
 */
#ifndef TALLYD_SPOOL_FILE_H
#define TALLYD_SPOOL_FILE_H

#include <tallyd/host.h>

/* Makes the folder (0700) and an empty file (0600) if they are missing. */
int spool_file_make(struct tally_ctx *ctx, const char *path);
/* Renames it, and what SQLite keeps beside it, to PATH.corrupt-TIME; ret_name: that. */
int spool_file_set_aside(struct tally_ctx *ctx, const char *path, char **ret_name);
/* Bytes; -1: not there. */
int64_t spool_file_size(const char *path, const char *suffix);

#endif

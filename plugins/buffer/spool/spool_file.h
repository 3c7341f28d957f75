/*
 * The file as such, before SQLite sees it: that it can be there, and that it is put away when it
 * cannot be used.
 */
#ifndef TALLYD_SPOOL_FILE_H
#define TALLYD_SPOOL_FILE_H

#include <tallyd/host.h>

/* Makes the folder (0700) and an empty file (0600) if they are missing. */
int spool_file_create(struct tally_ctx *ctx, const char *path);
/* Renames it, and what SQLite keeps beside it, to PATH.corrupt-TIME; ret_name: that,
 * unchanged if there was no such file. */
int spool_file_set_aside(struct tally_ctx *ctx, const char *path, char **ret_name);
/* Makes the folder of a path, if it is missing. */
int spool_file_create_folder(struct tally_ctx *ctx, const char *path);
/* Renames what somebody else has put there to PATH.found-TIME; nothing there is fine, too. */
int spool_file_rename_found(struct tally_ctx *ctx, const char *path);
/* PATH.new, flushed, becomes the file. */
int spool_file_install_copy(struct tally_ctx *ctx, const char *path);
/* Says so if the file is there but empty: a spool that was ever used is not. */
void spool_file_warn_empty(struct tally_ctx *ctx, const char *path);
/* Ends a rebuild that was cut short: PATH.new takes its place, or goes if PATH is there. */
int spool_file_finish_swap(struct tally_ctx *ctx, const char *path);
/* Another file in its place, for good. */
int spool_file_replace(struct tally_ctx *ctx, const char *from, const char *path);
/* What is in it has reached the disk. */
int spool_file_sync(struct tally_ctx *ctx, const char *path);
/* Bytes; -1: not there. */
int64_t spool_file_size(const char *path, const char *suffix);

#endif

/*
 * The newest rows of an instance, kept in a file of the daemon's state directory, so that after a
 * restart it knows what was there before.  For inputs whose rows say that a thing is gone: they
 * have to know that it was there.
 *
 * The file is written under another name and renamed: it is old or new, never half.  Its name is
 * not flushed: after a power cut it may be an older one.  `tallyd once` neither reads nor writes
 * it.
 */
#ifndef TALLYD_PLUGINS_COMMON_STATE_FILE_H
#define TALLYD_PLUGINS_COMMON_STATE_FILE_H

#include <tallyd/host.h>

/* Any file, written in that way.  0, or what tally_fail() returned. */
int state_file_replace(struct tally_ctx *ctx, const char *path, const void *bytes, size_t len);

/* The same for what is not rows: a file of its own, named after part.  The caller frees *ret, which
 * is NUL-terminated.  -ENOENT: none.  Other errors: it is there and cannot be read. */
int state_file_write_part(struct tally_ctx *ctx, const char *part, const void *bytes, size_t len);
int state_file_read_part(struct tally_ctx *ctx, const char *part, char **ret, size_t *ret_len);

/* bytes: of tally_batch_encode().  0, or what tally_fail() returned. */
int state_file_write(struct tally_ctx *ctx, const void *bytes, size_t len);

/* The rows of that table that were written last; the caller drops them.  -ENOENT: none, also if
 * they are those of another table or of a later revision, or damaged (then it is logged). */
int state_file_read(struct tally_ctx *ctx, const struct tally_table *table,
		    struct tally_batch **ret);

#endif

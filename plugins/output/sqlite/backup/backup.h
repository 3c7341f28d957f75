/*
 * `tallyd backup` and `tallyd restore` of one file, for command.c.  The words after the verb: FILE,
 * then --force, --json, --store-only, and the names of small files in the state directory that
 * belong to the rows: where inputs resume, and what they know of before.
 */
#ifndef TALLYD_SQLITE_BACKUP_H
#define TALLYD_SQLITE_BACKUP_H

#include <tallyd/host.h>

struct sqlite_config;

/* path: the store's file.  1: it, or the backup, is damaged, which is printed. */
int backup_make(struct tally_ctx *ctx, const struct sqlite_config *config, const char *path,
		const struct tally_command *command);
int backup_restore(struct tally_ctx *ctx, const struct sqlite_config *config, const char *path,
		   const struct tally_command *command);

/* Is that word, "--force", among them? */
bool backup_told(const struct tally_command *command, const char *word);
/* The next name after argv[*at]; NULL: no more. */
const char *backup_next_name(const struct tally_command *command, int *at);

#endif

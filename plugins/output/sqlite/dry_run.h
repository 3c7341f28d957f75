/* `tallyd db migrate --dry-run`: what the daemon would do at its next start; changes nothing. */
#ifndef TALLYD_SQLITE_DRY_RUN_H
#define TALLYD_SQLITE_DRY_RUN_H

#include "store.h"

/* 0: done; 1: a problem was printed. */
int dry_run_migrate(struct tally_ctx *ctx, const struct sqlite_config *config, const char *path,
		    const struct tally_table *const *tables);

#endif

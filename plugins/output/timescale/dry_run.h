/* `tallyd db migrate --dry-run`: what it would do without the option; changes nothing. */
#ifndef TALLYD_TIMESCALE_DRY_RUN_H
#define TALLYD_TIMESCALE_DRY_RUN_H

#include "store.h"

/* Connects by itself, in a session that may only read. */
int dry_run_migrate(struct store *store, const struct tally_table *const *tables);

#endif

/* What `tallyd db status` says about a database; for scripts, whether all is well. */
#ifndef TALLYD_TIMESCALE_STATUS_H
#define TALLYD_TIMESCALE_STATUS_H

#include <tallyd/host.h>

struct store;

/* Reads over store->maintenance.pg, and prints.  1: something is not as it should be. */
int status_run(struct store *store, const struct tally_command *command);

#endif

/*
 * tallyd db check, for a spool.  Called by the command line, with no instance beside it.
 */
#ifndef TALLYD_SPOOL_CHECK_H
#define TALLYD_SPOOL_CHECK_H

#include <tallyd/host.h>

/* path: of the spool.  1: it is not as it should be. */
int spool_check_run(struct tally_ctx *ctx, const char *path);

#endif

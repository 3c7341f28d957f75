/* `tallyd db status` of one file. */
#ifndef TALLYD_SQLITE_STATUS_H
#define TALLYD_SQLITE_STATUS_H

#include <sqlite3.h>
#include <tallyd/host.h>

struct sqlite_config;
struct report;

/* Says on its own line what needs an operator, and then report->wrong is set.  Changes nothing. */
int status_run(struct tally_ctx *ctx, const struct sqlite_config *config, sqlite3 *db,
	       struct report *report);

#endif

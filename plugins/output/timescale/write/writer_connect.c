/*
 * The writer's connection and its settings.  Every way into the writer (prepare, write, ledger)
 * calls writer_connect() first, on whichever thread uses the writer at that time; it does nothing
 * while the connection is open.  What can fail is connecting: the database is down, starting or
 * refuses the password.  The error is returned with its reason, and the core repeats the call.
 */
#include <inttypes.h>
#include <stdio.h>

#include "write/writer.h"

/* The buffer drops an entry once write() has returned, so a COMMIT must mean flushed: with
 * synchronous_commit = off in the server's settings a crash there would lose rows that nobody has
 * any more.  Only off is overruled; local, remote_write and on are all flushed here. */
#define WRITER_FLUSHED                                                                             \
	"; select set_config('synchronous_commit', 'on', false) where "                            \
	"current_setting('synchronous_commit') = 'off'"

int writer_connect(struct writer *writer)
{
	char setup[800];
	if (pg_is_open(&writer->pg))
		return 0;
	/* It may be another server, or the same one restored from a backup: neither the series
	 * numbers nor the clock that is remembered need be its own. */
	writer->generation = 0;
	writer->clock.monotonic = 0;
	int64_t ms = writer->pg.timeout / 1000000;
	snprintf(setup, sizeof(setup),
		 PG_SETUP_VANISHED
		 "set statement_timeout = %" PRId64 "; set idle_in_transaction_session_timeout = "
		 "%" PRId64 "; set lock_timeout = %" PRId64 "; set timezone = 'UTC'; set "
		 "default_transaction_isolation = 'read committed'; set application_name = "
		 "'tallyd writer'" WRITER_FLUSHED,
		 ms, ms, ms);
	return pg_open_secret(&writer->pg, "conninfo", writer->conninfo, setup);
}

void writer_disconnect(struct writer *writer)
{
	pg_close(&writer->pg);
}

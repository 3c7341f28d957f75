/*
 * PQcancel() connects, sends, and waits without a deadline until the server closes: to a server
 * that is silent it would wait for ever.  So a thread of its own does it, and whoever gave up goes
 * on.  Not more than CANCELS_MAX at once: a server that is silent need not be asked again.  A
 * cancel that is lost costs the server's time until statement_timeout, and nothing here.
 */
#include <stdatomic.h>

#include "pg/pg_wire.h"

enum { CANCELS_MAX = 4 };

static atomic_int cancels;

static void *cancel_run(void *arg)
{
	char ignored[256];
	PQcancel(arg, ignored, sizeof(ignored));
	PQfreeCancel(arg);
	atomic_fetch_sub(&cancels, 1);
	return NULL;
}

void pg_cancel(struct pg_connection *pg)
{
	PGcancel *cancel = NULL;
	if (pg->conn && PQtransactionStatus(pg->conn) == PQTRANS_ACTIVE)
		cancel = PQgetCancel(pg->conn);
	if (!cancel)
		return;
	if (atomic_fetch_add(&cancels, 1) < CANCELS_MAX && pg_start_thread(cancel_run, cancel) == 0)
		return;
	atomic_fetch_sub(&cancels, 1);
	PQfreeCancel(cancel);
}

/*
 * PQcancel() connects, sends, and waits without a deadline until the server closes: to a server
 * that is silent it would wait for ever.  So a thread of its own does it, and whoever gave up goes
 * on.  Not more than CANCELS_MAX at once: a server that is silent need not be asked again.  A
 * cancel that is lost costs the server's time until statement_timeout, and nothing here.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "pg/pg_connection.h"

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

static int cancel_start(PGcancel *cancel)
{
	pthread_attr_t attributes;
	pthread_t thread;
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	int r = pthread_create(&thread, &attributes, cancel_run, cancel);
	pthread_attr_destroy(&attributes);
	return -r;
}

void pg_cancel(struct pg_connection *pg)
{
	PGcancel *cancel = NULL;
	if (pg->conn && PQtransactionStatus(pg->conn) == PQTRANS_ACTIVE)
		cancel = PQgetCancel(pg->conn);
	if (!cancel)
		return;
	if (atomic_fetch_add(&cancels, 1) < CANCELS_MAX && cancel_start(cancel) == 0)
		return;
	atomic_fetch_sub(&cancels, 1);
	PQfreeCancel(cancel);
}

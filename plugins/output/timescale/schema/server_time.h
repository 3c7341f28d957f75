/* The database's clock, by one round trip.  A file of its own, so that tests can replace it. */
#ifndef TALLYD_TIMESCALE_SERVER_TIME_H
#define TALLYD_TIMESCALE_SERVER_TIME_H

#include "pg/pg_connection.h"

int server_time_read(struct pg_connection *pg, int64_t *ret); /* ns since 1970 */

#endif

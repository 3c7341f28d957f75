/*
 * Connects a closed connection to Redis, wherever it is: at the address of the configuration, or
 * where the sentinels say that the primary is.  Any thread; one at a time per connection.
 */
#ifndef TALLYD_REDIS_CONNECTION_OPEN_H
#define TALLYD_REDIS_CONNECTION_OPEN_H

#include "connection.h"

/* Within `timeout`; with sentinels, `timeout` for each of them and for Redis.  0, or -errno as
 * after tally_fail(), and then it is closed.  Counts attempts and failures. */
int connection_open(struct connection *connection);

#endif

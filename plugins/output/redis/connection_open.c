/*
 * The one way in for everybody who needs a connection: the writer (the core's thread), the cache
 * (its own thread) and subscribers (their caller's thread).  It stands above both connection.c,
 * which connects to an address that it is given, and sentinel.c, which uses that to ask sentinels
 * for the address; so neither of these needs the other's caller.
 */
#include "connection_open.h"

#include "sentinel.h"

int connection_open(struct connection *connection)
{
	struct tally_ctx *ctx = connection->ctx;
	int r;
	if (connection->sentinels) {
		r = sentinels_open(connection->sentinels, connection);
	} else {
		r = connection_open_at(connection, connection->address,
				       connection_deadline(connection));
		if (r < 0)
			tally_fail(ctx, -r, "%s: %s", connection->config->url, tally_reason(ctx));
	}
	if (r < 0)
		connection_close(connection);
	tally_count(ctx, r < 0 ? REDIS_CONNECT_ERRORS : REDIS_CONNECTS, 1);
	return r;
}

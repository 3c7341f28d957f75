/*
 * One connection to Redis or to a sentinel.  connection_open_at() connects to an address, sends the
 * password and selects the database; connection_open() of connection_open.h first finds out which
 * address.  connection_exchange() sends commands and reads their replies in one round trip;
 * connection_listen() reads messages that nobody asked for.  Every wait ends at the deadline or
 * when wake_fd or stop_fd becomes readable, and a reply over max_reply is refused.  After a failure
 * the connection must be closed, since replies may still be on their way.  One thread at a time.
 * hiredis resolves, connects and parses; sending and receiving are ours, for the deadlines.
 */
#ifndef TALLYD_REDIS_CONNECTION_H
#define TALLYD_REDIS_CONNECTION_H

#include <hiredis/hiredis.h>

#include "address.h"
#include "commands.h"
#include "redis.h"

struct sentinels;

struct connection {
	struct tally_ctx *ctx;
	const struct redis_config *config;
	const char *secret; /* the option that config->password is from */
	const struct address *address;
	struct sentinels *sentinels; /* NULL: Redis is at the address */
	int64_t db;
	int wake_fd, stop_fd; /* -1: none */
	size_t max_reply;     /* bytes */
	int max_array;        /* elements, 0: no arrays; one on the wire could be of any length */
	redisContext *redis;  /* NULL: closed */
	redisReplyObjectFunctions functions;
	void *(*make_array)(const redisReadTask *task, int n);
	size_t received; /* bytes since the last reply */
};

/* *reply is borrowed; a function that keeps it sets *reply to NULL.  Any return value but 0 ends
 * the exchange with that value. */
typedef int connection_reply_fn(void *arg, uint32_t i, redisReply **reply);

/* Of a closed connection.  -errno as after tally_fail(); the caller then closes it. */
int connection_open_at(struct connection *connection, const struct address *address,
		       int64_t deadline);
void connection_close(struct connection *connection);

/* Open, and neither unexpected bytes nor the other side's close have arrived. */
bool connection_is_usable(const struct connection *connection);

/* Sends all commands and passes each reply to `each`; nothing of commands with an error.
 * -ETIMEDOUT, -ECANCELED (woken), -EBADMSG, …: as after tally_fail(). */
int connection_exchange(struct connection *connection, const struct commands *commands,
			connection_reply_fn *each, void *arg, int64_t deadline);
/* Waits for replies and passes all complete ones to `each`.  A subscriber's replies come between
 * its messages, so it calls connection_exchange() with each NULL, which only sends. */
int connection_listen(struct connection *connection, connection_reply_fn *each, void *arg,
		      int64_t deadline);

/* Now plus `timeout`; monotonic. */
int64_t connection_deadline(const struct connection *connection);

/* Turns a reply of type error into -EPROTO, as after tally_fail(). */
int connection_error_reply(struct connection *connection, const redisReply *reply);
/* For connection_exchange(), where only errors matter; arg: the connection. */
connection_reply_fn connection_check_reply;

#endif

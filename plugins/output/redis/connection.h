/*
 * One connection to Redis.  connection_open() connects, to where sentinels say if there are some,
 * shows the password and chooses the database; connection_exchange() sends commands and reads their
 * replies in one round trip; connection_listen() reads what comes unasked.  Every wait ends at the
 * deadline or when wake_fd or stop_fd becomes readable, and no reply is taken beyond its bound.  A
 * link that failed must be closed, since nobody knows which replies are still on their way.  One
 * thread at a time. hiredis connects and parses; sending and receiving is ours, for the deadlines.
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

/* Is on loan, or takes it by setting *reply to NULL.  Non-zero ends the talk with that. */
typedef int connection_reply_fn(void *arg, uint32_t i, redisReply **reply);

/* Within `timeout`, with sentinels that for each of them and for Redis.  0, or -errno as after
 * tally_fail(); then it is closed. */
int connection_open(struct connection *connection);
/* The part of it that sentinels are reached by, too; a link that it fails on is left to close. */
int connection_open_at(struct connection *connection, const struct address *address,
		       int64_t deadline);
void connection_close(struct connection *connection);

/* Open, and nothing that was not asked for has come: neither bytes nor the other side's close. */
bool connection_is_usable(const struct connection *connection);

/* Sends all and gives each reply to `each`.  -ETIMEDOUT, -ECANCELED (woken), -EBADMSG, …: as after
 * tally_fail(). */
int connection_exchange(struct connection *connection, const struct commands *commands,
			connection_reply_fn *each, void *arg, int64_t deadline);
/* Waits for something to come, and gives all that is complete.  each NULL: connection_exchange()
 * sends and leaves the replies to this. */
int connection_listen(struct connection *connection, connection_reply_fn *each, void *arg,
		      int64_t deadline);

/* From now on, `timeout`. */
int64_t connection_deadline(const struct connection *connection);

/* What a reply of type error becomes: as after tally_fail(). */
int connection_error_reply(struct connection *connection, const redisReply *reply);

#endif

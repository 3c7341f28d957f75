/*
 * Every exchange with a Redis or a sentinel goes through here, on the thread of whoever owns the
 * connection: connect, AUTH, SELECT, PING (the handshake), then poll, send and receive until all
 * replies are there.  Each step can fail: nobody listens, a wrong password, the deadline, an
 * interruption through wake_fd or stop_fd, bytes that are not RESP, a reply over the bounds.
 *
 * hiredis has blocking calls with a timeout per read, which a server that sends one byte at a time
 * stretches for ever, and nothing that a second descriptor could interrupt.  So sockets are
 * non-blocking, and one poll() waits for the socket, both descriptors and one deadline for all.
 */
#include "connection.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { RECEIVE_CHUNK = 16 << 10 };

void connection_close(struct connection *connection)
{
	if (connection->redis)
		redisFree(connection->redis);
	connection->redis = NULL;
}

/* Between exchanges nothing may arrive.  If anything does, a reply would be taken for the answer to
 * the next command, so the connection is not used again. */
bool connection_is_usable(const struct connection *connection)
{
	char byte;
	return connection->redis &&
	       connection->redis->reader->pos == connection->redis->reader->len &&
	       recv(connection->redis->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
	       errno == EAGAIN;
}

/* ---- Waiting ------------------------------------------------------------- */

/* The events that arrived, 0 after a signal, or -errno. */
static int connection_wait(struct connection *connection, short events, int64_t deadline)
{
	struct pollfd fds[] = {{.fd = connection->redis->fd, .events = events},
			       {.fd = connection->wake_fd, .events = POLLIN},
			       {.fd = connection->stop_fd, .events = POLLIN}};
	int64_t left = deadline - tally_monotonic(connection->ctx);
	/* Rounded up: rounded down, the last millisecond would be spent in a busy loop. */
	int ms = left <= 0 ? 0 : (int)((left + 999999) / 1000000);
	int r = poll(fds, 3, ms);
	if (r < 0 && errno != EINTR)
		return tally_fail(connection->ctx, errno, "poll: %s", strerror(errno));
	if (r > 0 && (fds[1].revents || fds[2].revents))
		return tally_fail(connection->ctx, ECANCELED, "interrupted");
	if (r > 0)
		return fds[0].revents;
	if (tally_monotonic(connection->ctx) >= deadline)
		return tally_fail(connection->ctx, ETIMEDOUT, "Redis did not answer in time");
	return 0;
}

/* ---- Sending and receiving ----------------------------------------------- */

struct exchange {
	struct connection *connection;
	const struct commands *commands;
	connection_reply_fn *each;
	void *arg;
	size_t sent; /* bytes */
	uint32_t replies, wanted;
};

static int exchange_send(struct exchange *exchange)
{
	const struct json_writer *bytes = &exchange->commands->bytes;
	ssize_t n = send(exchange->connection->redis->fd, bytes->data + exchange->sent,
			 bytes->len - exchange->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n >= 0)
		exchange->sent += (size_t)n;
	else if (errno != EAGAIN && errno != EINTR)
		return tally_fail(exchange->connection->ctx, errno, "sending: %s", strerror(errno));
	return 0;
}

static int exchange_receive(struct exchange *exchange)
{
	struct connection *connection = exchange->connection;
	redisReader *reader = connection->redis->reader;
	char data[RECEIVE_CHUNK];
	ssize_t n = recv(connection->redis->fd, data, sizeof(data), MSG_DONTWAIT);
	if (n == 0)
		return tally_fail(connection->ctx, ECONNRESET, "Redis closed the connection");
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0)
		return tally_fail(connection->ctx, errno, "receiving: %s", strerror(errno));
	/* hiredis buffers a reply until it is complete, however long the server says that it is:
	 * the bound on bytes is here, and the one on elements in connection_make_array(). */
	connection->received += (size_t)n;
	if (connection->received > connection->max_reply)
		return tally_fail(connection->ctx, EBADMSG, "a reply is longer than %zu bytes",
				  connection->max_reply);
	if (redisReaderFeed(reader, data, (size_t)n) != REDIS_OK)
		return tally_fail(connection->ctx, EBADMSG, "%s", reader->errstr);
	return 0;
}

/* Passes on the replies that are complete. */
static int exchange_deliver(struct exchange *exchange)
{
	redisReader *reader = exchange->connection->redis->reader;
	int r = 0;
	while (r == 0 && exchange->replies < exchange->wanted) {
		void *got = NULL;
		if (redisReaderGetReply(reader, &got) != REDIS_OK)
			return tally_fail(exchange->connection->ctx, EBADMSG, "%s", reader->errstr);
		if (!got)
			return 0;
		redisReply *reply = got;
		exchange->connection->received = 0;
		r = exchange->each(exchange->arg, exchange->replies++, &reply);
		if (reply)
			freeReplyObject(reply);
	}
	return r;
}

static int exchange_step(struct exchange *exchange, int64_t deadline)
{
	bool sending = exchange->sent < exchange->commands->bytes.len;
	int events = connection_wait(exchange->connection,
				     (short)(POLLIN | (sending ? POLLOUT : 0)), deadline);
	/* Receiving goes on while sending: else the replies to a large batch would pile up in the
	 * memory of Redis, which may close a client for that. */
	int r = events < 0 ? events : 0;
	if (r == 0 && events & POLLOUT)
		r = exchange_send(exchange);
	if (r == 0 && events & (POLLIN | POLLHUP | POLLERR))
		r = exchange_receive(exchange);
	return r < 0 ? r : exchange_deliver(exchange);
}

int connection_exchange(struct connection *connection, const struct commands *commands,
			connection_reply_fn *each, void *arg, int64_t deadline)
{
	struct exchange exchange = {
		.connection = connection, .commands = commands, .each = each, .arg = arg};
	int r = 0;
	if (commands->bytes.error)
		return tally_fail(connection->ctx, -commands->bytes.error, "no memory");
	exchange.wanted = each ? commands->n : 0;
	while (r == 0 &&
	       (exchange.replies < exchange.wanted || exchange.sent < commands->bytes.len))
		r = exchange_step(&exchange, deadline);
	return r;
}

int connection_listen(struct connection *connection, connection_reply_fn *each, void *arg,
		      int64_t deadline)
{
	static const struct commands none;
	struct exchange exchange = {
		.connection = connection, .commands = &none, .each = each, .arg = arg};
	exchange.wanted = UINT32_MAX;
	/* Messages that came with the confirmation of a subscription are in the buffer already. */
	int r = exchange_deliver(&exchange);
	return r == 0 && exchange.replies == 0 ? exchange_step(&exchange, deadline) : r;
}

int connection_error_reply(struct connection *connection, const redisReply *reply)
{
	return tally_fail(connection->ctx, EPROTO, "Redis says: %.*s", (int)reply->len, reply->str);
}

int connection_check_reply(void *arg, uint32_t i, redisReply **reply)
{
	(void)i;
	return (*reply)->type == REDIS_REPLY_ERROR ? connection_error_reply(arg, *reply) : 0;
}

/* ---- Opening ------------------------------------------------------------- */

/* hiredis allocates an array before its elements arrive, with as many pointers as the server
 * announces.  NULL ends the exchange with a protocol error. */
static void *connection_make_array(const redisReadTask *task, int n)
{
	const struct connection *connection = task->privdata;
	bool fits = connection->max_array && n >= 0 && n <= connection->max_array;
	return fits ? connection->make_array(task, n) : NULL;
}

static int connection_connect(struct connection *connection, const struct address *address,
			      int64_t deadline)
{
	connection->redis = address->port ? redisConnectNonBlock(address->place, address->port)
					  : redisConnectUnixNonBlock(address->place);
	if (!connection->redis)
		return tally_fail(connection->ctx, ENOMEM, "no memory");
	if (connection->redis->err)
		return tally_fail(connection->ctx, ECONNREFUSED, "%s", connection->redis->errstr);
	connection->functions = *connection->redis->reader->fn;
	connection->make_array = connection->functions.createArray;
	connection->functions.createArray = connection_make_array;
	connection->redis->reader->fn = &connection->functions;
	connection->redis->reader->privdata = connection;
	connection->received = 0;
	/* connect() is done when the socket becomes writable; SO_ERROR says whether it succeeded.
	 */
	int r = 0, error = 0;
	while (r == 0)
		r = connection_wait(connection, POLLOUT, deadline);
	if (r < 0)
		return r;
	socklen_t len = sizeof(error);
	getsockopt(connection->redis->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	return error ? tally_fail(connection->ctx, error, "%s", strerror(error)) : 0;
}

/* PING comes last because AUTH and SELECT are left out where they are not needed: only its reply
 * shows that a server without a password lets us in. */
static int connection_handshake(struct connection *connection, int64_t deadline)
{
	struct tally_ctx *ctx = connection->ctx;
	const char *user = connection->config->user, *password = connection->config->password;
	char *fresh = NULL; /* as its file has it now, so that a change needs no reload */
	if (tally_secret(ctx, connection->secret, &fresh) < 0)
		return tally_fail(ctx, ENOMEM, "no memory");
	if (fresh)
		password = fresh;
	struct commands commands;
	commands_init(&commands, 64 << 10);
	if (password) {
		commands_begin(&commands, user ? 3 : 2);
		commands_add_text(&commands, "AUTH");
		if (user)
			commands_add_text(&commands, user);
		commands_add_text(&commands, password);
	}
	if (connection->db) {
		commands_begin(&commands, 2);
		commands_add_text(&commands, "SELECT");
		commands_add_number(&commands, connection->db);
	}
	commands_begin(&commands, 1);
	commands_add_text(&commands, "PING");
	int r = connection_exchange(connection, &commands, connection_check_reply, connection,
				    deadline);
	commands_done(&commands);
	if (fresh)
		explicit_bzero(fresh, strlen(fresh));
	free(fresh);
	return r;
}

int64_t connection_deadline(const struct connection *connection)
{
	return tally_monotonic(connection->ctx) + connection->config->timeout;
}

int connection_open_at(struct connection *connection, const struct address *address,
		       int64_t deadline)
{
	int r = connection_connect(connection, address, deadline);
	return r < 0 ? r : connection_handshake(connection, deadline);
}

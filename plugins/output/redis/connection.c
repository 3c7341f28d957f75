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

bool connection_is_usable(const struct connection *connection)
{
	char byte;
	return connection->redis &&
	       connection->redis->reader->pos == connection->redis->reader->len &&
	       recv(connection->redis->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
	       errno == EAGAIN;
}

/* ---- Waiting ------------------------------------------------------------- */

/* events that have come, or -errno. */
static int connection_wait(struct connection *connection, short events, int64_t deadline)
{
	struct pollfd fds[] = {{.fd = connection->redis->fd, .events = events},
			       {.fd = connection->wake_fd, .events = POLLIN},
			       {.fd = connection->stop_fd, .events = POLLIN}};
	int64_t left = deadline - tally_monotonic(connection->ctx);
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

static int exchange_parse(struct exchange *exchange, const char *data, size_t len)
{
	redisReader *reader = exchange->connection->redis->reader;
	struct connection *connection = exchange->connection;
	connection->received += len;
	if (connection->received > connection->max_reply)
		return tally_fail(connection->ctx, EBADMSG, "a reply is longer than %zu bytes",
				  connection->max_reply);
	if (redisReaderFeed(reader, data, len) != REDIS_OK)
		return tally_fail(connection->ctx, EBADMSG, "%s", reader->errstr);
	return 0;
}

static int exchange_receive(struct exchange *exchange)
{
	char data[RECEIVE_CHUNK];
	ssize_t n = recv(exchange->connection->redis->fd, data, sizeof(data), MSG_DONTWAIT);
	if (n > 0)
		return exchange_parse(exchange, data, (size_t)n);
	if (n == 0)
		return tally_fail(exchange->connection->ctx, ECONNRESET,
				  "Redis closed the connection");
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	return tally_fail(exchange->connection->ctx, errno, "receiving: %s", strerror(errno));
}

/* Gives out the replies that are complete. */
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
	int r = exchange_deliver(&exchange);
	return r == 0 && exchange.replies == 0 ? exchange_step(&exchange, deadline) : r;
}

int connection_error_reply(struct connection *connection, const redisReply *reply)
{
	return tally_fail(connection->ctx, EPROTO, "Redis says: %.*s", (int)reply->len, reply->str);
}

/* ---- Opening ------------------------------------------------------------- */

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
	int r = 0, error = 0;
	while (r == 0)
		r = connection_wait(connection, POLLOUT, deadline);
	if (r < 0)
		return r;
	socklen_t len = sizeof(error);
	getsockopt(connection->redis->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	return error ? tally_fail(connection->ctx, error, "%s", strerror(error)) : 0;
}

static int handshake_reply(void *arg, uint32_t i, redisReply **reply)
{
	(void)i;
	return (*reply)->type == REDIS_REPLY_ERROR ? connection_error_reply(arg, *reply) : 0;
}

static void handshake_add_auth(const struct connection *connection, struct commands *commands,
			       const char *password)
{
	const char *user = connection->config->user;
	if (!password)
		return;
	commands_begin(commands, user ? 3 : 2);
	commands_add_text(commands, "AUTH");
	if (user)
		commands_add_text(commands, user);
	commands_add_text(commands, password);
}

/* Who we are and where to; PING shows that we may, where nobody is asked.  fresh: the password as
 * it is in its file now; NULL: the one of the configuration. */
static int handshake_with(struct connection *connection, const char *fresh, int64_t deadline)
{
	struct commands commands;
	commands_init(&commands, 64 << 10);
	handshake_add_auth(connection, &commands, fresh ? fresh : connection->config->password);
	if (connection->db) {
		commands_begin(&commands, 2);
		commands_add_text(&commands, "SELECT");
		commands_add_number(&commands, connection->db);
	}
	commands_begin(&commands, 1);
	commands_add_text(&commands, "PING");
	int r = commands.bytes.error
			? tally_fail(connection->ctx, -commands.bytes.error, "no memory")
			: connection_exchange(connection, &commands, handshake_reply, connection,
					      deadline);
	commands_done(&commands);
	return r;
}

static int connection_handshake(struct connection *connection, int64_t deadline)
{
	char *fresh = NULL;
	if (tally_secret(connection->ctx, connection->secret, &fresh) < 0)
		return tally_fail(connection->ctx, ENOMEM, "no memory");
	int r = handshake_with(connection, fresh, deadline);
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

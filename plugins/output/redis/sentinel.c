/*
 * connection_open() calls sentinels_open() before each connection: one sentinel after the other,
 * until one names an address; then connect there and send ROLE, since the server may have been
 * demoted before the sentinels knew.  If that fails, opening fails as a whole, and the next attempt
 * begins with another sentinel: one that is cut off from the others reports an old primary for as
 * long as it lives.  Any thread; `first` is atomic because the writer, the cache and subscribers
 * share one list.
 */
#include "sentinel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	SENTINEL_PORT = 26379,
	SENTINEL_MAX_REPLY = 4 << 10,    /* bytes */
	SENTINEL_MAX_COMMANDS = 4 << 10, /* bytes */
	SENTINEL_MAX_REPLICAS = 1024,    /* in a primary's reply to ROLE */
};

static const char sentinel_scheme[] = "redis+sentinel://";

/* ---- The url ------------------------------------------------------------- */

bool sentinels_are_meant(const char *url)
{
	return strncmp(url, sentinel_scheme, strlen(sentinel_scheme)) == 0;
}

/* NAME[/DB]; the characters are those that sentinels accept in a name. */
static const char *parse_name(const char *text, struct sentinels *ret)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				  ".-_");
	if (len == 0 || len >= sizeof(ret->name) || (text[len] && text[len] != '/'))
		return "needs the name by which sentinels know the primary, of at most 64 letters, "
		       "digits, '.', '-' and '_' (redis+sentinel://HOST:PORT,HOST:PORT/NAME)";
	memcpy(ret->name, text, len);
	ret->name[len] = '\0';
	ret->db = -1;
	text += len;
	if (!text[0] || !text[1])
		return NULL;
	len = strspn(++text, "0123456789");
	if (len <= 5 && !text[len])
		ret->db = strtol(text, NULL, 10);
	return ret->db >= 0 && ret->db <= 65535 ? NULL : "needs a database from 0 to 65535";
}

const char *sentinels_parse(const char *url, struct sentinels *ret)
{
	const char *text = url + strlen(sentinel_scheme), *end = text + strcspn(text, "/");
	ret->n = 0;
	while (text <= end) {
		const char *comma = memchr(text, ',', (size_t)(end - text));
		size_t len = (size_t)((comma ? comma : end) - text);
		if (ret->n == SENTINELS_MAX)
			return "names more than 8 sentinels";
		const char *problem =
			address_parse_host(text, len, SENTINEL_PORT, &ret->list[ret->n++]);
		if (problem)
			return problem;
		text += len + 1;
	}
	return parse_name(end + (*end == '/'), ret);
}

/* ---- One sentinel -------------------------------------------------------- */

struct sentinel_query {
	struct connection connection;
	const char *name;
	struct address *ret;
};

static bool is_text(const redisReply *reply)
{
	return reply->type == REDIS_REPLY_STRING;
}

static int sentinel_query_reply(void *arg, uint32_t i, redisReply **reply)
{
	struct sentinel_query *query = arg;
	struct tally_ctx *ctx = query->connection.ctx;
	const redisReply *got = *reply;
	(void)i;
	if (got->type == REDIS_REPLY_ERROR)
		return connection_error_reply(&query->connection, got);
	if (got->type == REDIS_REPLY_NIL)
		return tally_fail(ctx, ENOENT, "does not know \"%s\"", query->name);
	if (got->type != REDIS_REPLY_ARRAY || got->elements != 2 || !is_text(got->element[0]) ||
	    !is_text(got->element[1]))
		return tally_fail(ctx, EBADMSG, "its answer is malformed");
	const redisReply *host = got->element[0], *port = got->element[1];
	return address_make(host->str, (size_t)host->len, port->str, (size_t)port->len, query->ret)
		       ? 0
		       : tally_fail(ctx, EBADMSG, "its answer is not an address");
}

/* A sentinel speaks RESP too, so it gets a connection like any other, but with its own password
 * and no database: it must never see the password of Redis.  Its replies have tight bounds. */
static int sentinel_ask(const struct sentinels *sentinels, const struct address *sentinel,
			const struct connection *template, struct address *ret)
{
	struct redis_config config = *template->config;
	struct sentinel_query query = {
		.connection = *template, .name = sentinels->name, .ret = ret};
	struct connection *connection = &query.connection;
	struct commands commands;
	int64_t deadline = connection_deadline(template);
	config.user = NULL;
	config.password = config.sentinel_password;
	connection->config = &config;
	connection->secret = "sentinel_password";
	connection->db = 0;
	connection->max_reply = SENTINEL_MAX_REPLY;
	connection->max_array = 2;
	commands_init(&commands, SENTINEL_MAX_COMMANDS);
	commands_begin(&commands, 3);
	commands_add_text(&commands, "SENTINEL");
	commands_add_text(&commands, "get-master-addr-by-name");
	commands_add_text(&commands, query.name);
	int r = connection_open_at(connection, sentinel, deadline);
	if (r == 0)
		r = connection_exchange(connection, &commands, sentinel_query_reply, &query,
					deadline);
	commands_done(&commands);
	connection_close(connection);
	return r < 0 ? tally_fail(connection->ctx, -r, "sentinel %s, port %d: %s", sentinel->place,
				  sentinel->port, tally_reason(connection->ctx))
		     : 0;
}

/* ---- The primary --------------------------------------------------------- */

static int primary_reply(void *arg, uint32_t i, redisReply **reply)
{
	const redisReply *got = *reply;
	struct connection *connection = arg;
	(void)i;
	if (got->type == REDIS_REPLY_ERROR)
		return connection_error_reply(connection, got);
	if (got->type == REDIS_REPLY_ARRAY && got->elements > 0 && is_text(got->element[0]) &&
	    strcmp(got->element[0]->str, "master") == 0)
		return 0;
	return tally_fail(connection->ctx, EROFS, "is not the primary");
}

static int primary_open(struct connection *connection, const struct address *primary)
{
	int64_t deadline = connection_deadline(connection);
	int max_array = connection->max_array;
	struct commands commands;
	commands_init(&commands, SENTINEL_MAX_COMMANDS);
	commands_begin(&commands, 1);
	commands_add_text(&commands, "ROLE");
	int r = connection_open_at(connection, primary, deadline);
	/* The reply to ROLE holds one array per replica, so for it alone arrays may be longer. */
	connection->max_array = SENTINEL_MAX_REPLICAS;
	if (r == 0)
		r = connection_exchange(connection, &commands, primary_reply, connection, deadline);
	connection->max_array = max_array;
	commands_done(&commands);
	return r < 0 ? tally_fail(connection->ctx, -r, "%s, port %d, named by a sentinel: %s",
				  primary->place, primary->port, tally_reason(connection->ctx))
		     : 0;
}

int sentinels_open(struct sentinels *sentinels, struct connection *connection)
{
	uint32_t first = atomic_load(&sentinels->first), asked = 0;
	struct address primary;
	int r = -EAGAIN;
	while (r < 0 && r != -ECANCELED && asked < sentinels->n) {
		uint32_t at = (first + asked++) % sentinels->n;
		r = sentinel_ask(sentinels, &sentinels->list[at], connection, &primary);
	}
	if (r < 0)
		return r;
	r = primary_open(connection, &primary);
	/* The sentinel that was right is asked first next time; after a failure, the one behind it.
	 */
	atomic_store(&sentinels->first, (first + asked - (r == 0)) % sentinels->n);
	return r;
}

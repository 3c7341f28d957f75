/*
 * http_api calls this for its live streams and to invalidate its cache, each on a thread that does
 * nothing else, and calls it again after a failure: connect, one SUBSCRIBE per channel, then
 * messages as they come, until the callback, an interruption or an error ends it; each of these
 * closes the connection.
 *
 * On a subscribed connection every reply is an array: (subscribe, channel, count),
 * (message, channel, bytes) or (pong, ""), see https://redis.io/docs/latest/develop/pubsub/.
 * Anything else means that both sides disagree about the protocol, and ends it too.
 *
 * Pub/sub keeps nothing for those who are away.  Whoever needs every row reads the store after each
 * new start.
 */
#include "subscriber.h"

#include "base/cleanup.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connection_open.h"

enum { SUBSCRIBER_MAX_ARRAY = 3, SUBSCRIBER_MAX_COMMANDS = 64 << 10 };

struct subscriber {
	struct connection connection;
	tally_message_fn *on_message;
	void *arg;
	char *prefix; /* of channels, as Redis has them */
	uint32_t n_channels, n_subscribed;
	bool pinged; /* and nothing came since */
};

/* ---- Receiving ----------------------------------------------------------- */

static bool is_text(const redisReply *reply, const char *text)
{
	return reply->type == REDIS_REPLY_STRING && strcmp(reply->str, text) == 0;
}

static int subscriber_message(struct subscriber *subscriber, redisReply **parts)
{
	size_t skip = strlen(subscriber->prefix);
	if (parts[1]->type != REDIS_REPLY_STRING || parts[2]->type != REDIS_REPLY_STRING ||
	    strncmp(parts[1]->str, subscriber->prefix, skip) != 0)
		return tally_fail(subscriber->connection.ctx, EBADMSG, "malformed message");
	return subscriber->on_message(subscriber->arg, parts[1]->str + skip, parts[2]->str,
				      (size_t)parts[2]->len);
}

static int subscriber_reply(void *arg, uint32_t i, redisReply **reply)
{
	struct subscriber *subscriber = arg;
	redisReply *got = *reply;
	(void)i;
	if (got->type == REDIS_REPLY_ERROR)
		return connection_error_reply(&subscriber->connection, got);
	if (got->type == REDIS_REPLY_ARRAY && got->elements == 3) {
		if (is_text(got->element[0], "message"))
			return subscriber_message(subscriber, got->element);
		if (is_text(got->element[0], "subscribe")) {
			subscriber->n_subscribed++;
			return 0;
		}
	}
	if (got->type == REDIS_REPLY_ARRAY && got->elements > 0 && is_text(got->element[0], "pong"))
		return 0;
	return tally_fail(subscriber->connection.ctx, EBADMSG, "unexpected reply");
}

/* ---- Sending ------------------------------------------------------------- */

/* Does not wait for the replies: they come between messages, through subscriber_reply(). */
static int subscriber_send(struct subscriber *subscriber, const struct commands *commands)
{
	return connection_exchange(&subscriber->connection, commands, NULL, NULL,
				   connection_deadline(&subscriber->connection));
}

static int subscriber_subscribe(struct subscriber *subscriber, const char *const *channels)
{
	struct commands commands;
	commands_init(&commands, SUBSCRIBER_MAX_COMMANDS);
	for (; channels[subscriber->n_channels]; subscriber->n_channels++) {
		auto_free char *name = NULL;
		if (asprintf(&name, "%s%s", subscriber->prefix, channels[subscriber->n_channels]) <
		    0)
			name = NULL;
		commands_begin(&commands, 2);
		commands_add_text(&commands, "SUBSCRIBE");
		if (name)
			commands_add_text(&commands, name);
		else
			commands.bytes.error = -ENOMEM;
	}
	int r = subscriber_send(subscriber, &commands);
	commands_done(&commands);
	return r;
}

/* Silence is normal on a quiet channel, and a peer that vanished looks the same.  So after
 * `timeout` without anything a PING goes out, and after as long again the connection counts as
 * lost.  The callback without a message says that all channels are subscribed: from then on no
 * message is missed. */
static int subscriber_step(struct subscriber *subscriber)
{
	struct commands ping;
	int r = connection_listen(&subscriber->connection, subscriber_reply, subscriber,
				  connection_deadline(&subscriber->connection));
	if (r == -ETIMEDOUT && !subscriber->pinged) {
		commands_init(&ping, SUBSCRIBER_MAX_COMMANDS);
		commands_begin(&ping, 1);
		commands_add_text(&ping, "PING");
		r = subscriber_send(subscriber, &ping);
		commands_done(&ping);
		subscriber->pinged = true;
		return r;
	}
	subscriber->pinged = false;
	if (r == 0 && subscriber->n_subscribed == subscriber->n_channels)
		r = subscriber->on_message(subscriber->arg, NULL, NULL, 0);
	return r;
}

int subscriber_run(const struct connection *template, const char *const *channels,
		   tally_message_fn *on_message, void *arg)
{
	struct subscriber subscriber = {
		.connection = *template, .on_message = on_message, .arg = arg};
	auto_free char *prefix = NULL;
	if (asprintf(&prefix, "%s" REDIS_LAYOUT, template->config->prefix) < 0)
		return tally_fail(template->ctx, ENOMEM, "no memory");
	subscriber.prefix = prefix;
	subscriber.connection.max_reply = REDIS_MAX_MESSAGE;
	subscriber.connection.max_array = SUBSCRIBER_MAX_ARRAY;
	int r = connection_open(&subscriber.connection);
	if (r < 0)
		return r;
	r = subscriber_subscribe(&subscriber, channels);
	while (r == 0)
		r = subscriber_step(&subscriber);
	connection_close(&subscriber.connection);
	return r;
}

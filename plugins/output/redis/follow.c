/*
 * connect → a SUBSCRIBE for each channel → messages, as they come → whatever ends it closes the
 * connection.  All replies are arrays of three; what is none of those we know ends it too.
 */
#include "follow.h"

#include "base/cleanup.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FOLLOW_MAX_ARRAY = 3, FOLLOW_MAX_COMMANDS = 64 << 10 };

struct follow {
	struct link link;
	tally_heard_fn *heard;
	void *arg;
	char *prefix; /* of channels, as Redis has them */
	uint32_t n_channels, n_followed;
	bool asked; /* whether it lives, and has not answered yet */
};

/* ---- Hearing ------------------------------------------------------------- */

static bool is_text(const redisReply *reply, const char *text)
{
	return reply->type == REDIS_REPLY_STRING && strcmp(reply->str, text) == 0;
}

static int follow_message(struct follow *follow, redisReply **parts)
{
	size_t skip = strlen(follow->prefix);
	if (parts[1]->type != REDIS_REPLY_STRING || parts[2]->type != REDIS_REPLY_STRING ||
	    strncmp(parts[1]->str, follow->prefix, skip) != 0)
		return tally_fail(follow->link.ctx, EBADMSG, "a message makes no sense");
	return follow->heard(follow->arg, parts[1]->str + skip, parts[2]->str,
			     (size_t)parts[2]->len);
}

static int follow_reply(void *arg, uint32_t i, redisReply **reply)
{
	struct follow *follow = arg;
	redisReply *got = *reply;
	(void)i;
	if (got->type == REDIS_REPLY_ERROR)
		return link_refused(&follow->link, got);
	if (got->type == REDIS_REPLY_ARRAY && got->elements == 3) {
		if (is_text(got->element[0], "message"))
			return follow_message(follow, got->element);
		if (is_text(got->element[0], "subscribe")) {
			follow->n_followed++;
			return 0;
		}
	}
	if (got->type == REDIS_REPLY_ARRAY && got->elements > 0 && is_text(got->element[0], "pong"))
		return 0;
	return tally_fail(follow->link.ctx, EBADMSG, "a reply that was not asked for");
}

/* ---- Asking -------------------------------------------------------------- */

/* The replies come between messages. */
static int follow_send(struct follow *follow, const struct commands *commands)
{
	if (commands->bytes.error)
		return tally_fail(follow->link.ctx, -commands->bytes.error, "no memory");
	return link_talk(&follow->link, commands, NULL, NULL, link_deadline(&follow->link));
}

static int follow_subscribe(struct follow *follow, const char *const *channels)
{
	struct commands commands;
	commands_init(&commands, FOLLOW_MAX_COMMANDS);
	for (; channels[follow->n_channels]; follow->n_channels++) {
		auto_free char *name = NULL;
		if (asprintf(&name, "%s%s", follow->prefix, channels[follow->n_channels]) < 0)
			name = NULL;
		commands_begin(&commands, 2);
		commands_add_text(&commands, "SUBSCRIBE");
		if (name)
			commands_add_text(&commands, name);
		else
			commands.bytes.error = -ENOMEM;
	}
	int r = follow_send(follow, &commands);
	commands_done(&commands);
	return r;
}

static int follow_ask(struct follow *follow)
{
	struct commands commands;
	commands_init(&commands, FOLLOW_MAX_COMMANDS);
	commands_begin(&commands, 1);
	commands_add_text(&commands, "PING");
	int r = follow_send(follow, &commands);
	commands_done(&commands);
	follow->asked = true;
	return r;
}

static int follow_step(struct follow *follow)
{
	int r = link_listen(&follow->link, follow_reply, follow, link_deadline(&follow->link));
	if (r == -ETIMEDOUT && !follow->asked)
		return follow_ask(follow);
	follow->asked = false;
	if (r == 0 && follow->n_followed == follow->n_channels)
		r = follow->heard(follow->arg, NULL, NULL, 0);
	return r;
}

int follow_run(const struct link *how, const char *const *channels, tally_heard_fn *heard,
	       void *arg)
{
	struct follow follow = {.link = *how, .heard = heard, .arg = arg};
	auto_free char *prefix = NULL;
	if (asprintf(&prefix, "%s" REDIS_LAYOUT, how->config->prefix) < 0)
		return tally_fail(how->ctx, ENOMEM, "no memory");
	follow.prefix = prefix;
	follow.link.max_reply = REDIS_MAX_MESSAGE;
	follow.link.max_array = FOLLOW_MAX_ARRAY;
	int r = link_open(&follow.link);
	if (r < 0)
		return r;
	r = follow_subscribe(&follow, channels);
	while (r == 0)
		r = follow_step(&follow);
	link_close(&follow.link);
	return r;
}

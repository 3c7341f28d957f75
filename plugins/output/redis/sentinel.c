/*
 * one sentinel after the other, until one names an address → connect there → ROLE, since it may
 * have been demoted, and sentinels may not know yet.  What fails then fails as a whole, and the
 * next attempt begins with another sentinel: one that is cut off from the others knows an old
 * primary for as long as it lives.
 */
#include "sentinel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	SENTINEL_PORT = 26379,
	SENTINEL_MAX_REPLY = 4 << 10,    /* bytes */
	SENTINEL_MAX_COMMANDS = 4 << 10, /* bytes */
	SENTINEL_MAX_REPLICAS = 1024,    /* that a primary may tell of */
};

static const char sentinel_scheme[] = "redis+sentinel://";

/* ---- The url ------------------------------------------------------------- */

bool sentinels_are_meant(const char *url)
{
	return strncmp(url, sentinel_scheme, strlen(sentinel_scheme)) == 0;
}

static const char *parse_list(const char *text, size_t len, struct sentinels *ret)
{
	const char *end = text + len, *problem = NULL;
	ret->n = 0;
	while (!problem && text <= end) {
		const char *comma = memchr(text, ',', (size_t)(end - text));
		size_t one = (size_t)((comma ? comma : end) - text);
		if (ret->n == SENTINELS_MAX)
			return "names more than 8 sentinels";
		problem = address_parse_host(text, one, SENTINEL_PORT, &ret->list[ret->n++]);
		text += one + 1;
	}
	return problem;
}

/* Nothing, or `/` and perhaps a number. */
static const char *parse_db(const char *text, struct sentinels *ret)
{
	ret->db = -1;
	if (!text[0] || !text[1])
		return NULL;
	size_t len = strspn(++text, "0123456789");
	if (len <= 5 && !text[len])
		ret->db = strtol(text, NULL, 10);
	return ret->db >= 0 && ret->db <= 65535 ? NULL : "needs a database from 0 to 65535";
}

/* What sentinels accept as a name. */
static const char *parse_name(const char *text, struct sentinels *ret)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				  ".-_");
	if (len == 0 || len >= sizeof(ret->name) || (text[len] && text[len] != '/'))
		return "needs the name by which sentinels know the primary, of at most 64 letters, "
		       "digits, '.', '-' and '_' (redis+sentinel://HOST:PORT,HOST:PORT/NAME)";
	memcpy(ret->name, text, len);
	ret->name[len] = '\0';
	return parse_db(text + len, ret);
}

const char *sentinels_parse(const char *url, struct sentinels *ret)
{
	const char *text = url + strlen(sentinel_scheme);
	size_t len = strcspn(text, "/");
	const char *problem = parse_list(text, len, ret);
	return problem ? problem : parse_name(text + len + (text[len] == '/'), ret);
}

/* ---- Asking -------------------------------------------------------------- */

struct question {
	struct link link;
	const char *name;
	struct address *ret;
};

static bool is_text(const redisReply *reply)
{
	return reply->type == REDIS_REPLY_STRING;
}

static int question_reply(void *arg, uint32_t i, redisReply **reply)
{
	struct question *question = arg;
	struct tally_ctx *ctx = question->link.ctx;
	const redisReply *got = *reply;
	(void)i;
	if (got->type == REDIS_REPLY_ERROR)
		return link_refused(&question->link, got);
	if (got->type == REDIS_REPLY_NIL)
		return tally_fail(ctx, ENOENT, "knows no \"%s\"", question->name);
	if (got->type != REDIS_REPLY_ARRAY || got->elements != 2 || !is_text(got->element[0]) ||
	    !is_text(got->element[1]))
		return tally_fail(ctx, EBADMSG, "its answer makes no sense");
	const redisReply *host = got->element[0], *port = got->element[1];
	return address_make(host->str, (size_t)host->len, port->str, (size_t)port->len,
			    question->ret)
		       ? 0
		       : tally_fail(ctx, EBADMSG, "its answer is no address");
}

static int question_send(struct question *question, int64_t deadline)
{
	struct commands commands;
	commands_init(&commands, SENTINEL_MAX_COMMANDS);
	commands_begin(&commands, 3);
	commands_add_text(&commands, "SENTINEL");
	commands_add_text(&commands, "get-master-addr-by-name");
	commands_add_text(&commands, question->name);
	int r = commands.bytes.error
			? tally_fail(question->link.ctx, -commands.bytes.error, "no memory")
			: link_talk(&question->link, &commands, question_reply, question, deadline);
	commands_done(&commands);
	return r;
}

/* On a connection of its own, with its own password and no database. */
static int sentinel_ask(const struct sentinels *sentinels, const struct address *sentinel,
			const struct link *how, struct address *ret)
{
	struct redis_config config = *how->config;
	struct question question = {.link = *how, .name = sentinels->name, .ret = ret};
	struct link *link = &question.link;
	int64_t deadline = link_deadline(how);
	config.user = NULL;
	config.password = config.sentinel_password;
	link->config = &config;
	link->secret = "sentinel_password";
	link->db = 0;
	link->max_reply = SENTINEL_MAX_REPLY;
	link->max_array = 2;
	int r = link_open_at(link, sentinel, deadline);
	if (r == 0)
		r = question_send(&question, deadline);
	link_close(link);
	return r < 0 ? tally_fail(link->ctx, -r, "sentinel %s, port %d: %s", sentinel->place,
				  sentinel->port, tally_reason(link->ctx))
		     : 0;
}

/* ---- The primary --------------------------------------------------------- */

static int primary_reply(void *arg, uint32_t i, redisReply **reply)
{
	const redisReply *got = *reply;
	struct link *link = arg;
	(void)i;
	if (got->type == REDIS_REPLY_ERROR)
		return link_refused(link, got);
	if (got->type == REDIS_REPLY_ARRAY && got->elements > 0 && is_text(got->element[0]) &&
	    strcmp(got->element[0]->str, "master") == 0)
		return 0;
	return tally_fail(link->ctx, EROFS, "is not the primary");
}

static int primary_check(struct link *link, int64_t deadline)
{
	struct commands commands;
	int max_array = link->max_array;
	commands_init(&commands, SENTINEL_MAX_COMMANDS);
	commands_begin(&commands, 1);
	commands_add_text(&commands, "ROLE");
	link->max_array = SENTINEL_MAX_REPLICAS;
	int r = commands.bytes.error ? tally_fail(link->ctx, -commands.bytes.error, "no memory")
				     : link_talk(link, &commands, primary_reply, link, deadline);
	link->max_array = max_array;
	commands_done(&commands);
	return r;
}

static int primary_open(struct link *link, const struct address *primary)
{
	int64_t deadline = link_deadline(link);
	int r = link_open_at(link, primary, deadline);
	if (r == 0)
		r = primary_check(link, deadline);
	return r < 0 ? tally_fail(link->ctx, -r, "%s, port %d, named by a sentinel: %s",
				  primary->place, primary->port, tally_reason(link->ctx))
		     : 0;
}

int sentinels_open(struct sentinels *sentinels, struct link *link)
{
	uint32_t first = atomic_load(&sentinels->first), asked = 0;
	struct address primary;
	int r = -EAGAIN;
	while (r < 0 && r != -ECANCELED && asked < sentinels->n) {
		uint32_t at = (first + asked++) % sentinels->n;
		r = sentinel_ask(sentinels, &sentinels->list[at], link, &primary);
	}
	if (r < 0)
		return r;
	r = primary_open(link, &primary);
	/* Whom to ask first next time: the same, or the next one. */
	atomic_store(&sentinels->first, (first + asked - (r == 0)) % sentinels->n);
	return r;
}

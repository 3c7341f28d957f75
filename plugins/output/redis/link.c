#include "link.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "sentinel.h"

enum { LINK_CHUNK = 16 << 10 };

void link_close(struct link *link)
{
	if (link->redis)
		redisFree(link->redis);
	link->redis = NULL;
}

bool link_is_quiet(const struct link *link)
{
	char byte;
	return link->redis && link->redis->reader->pos == link->redis->reader->len &&
	       recv(link->redis->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* ---- Waiting ------------------------------------------------------------- */

/* events that have come, or -errno. */
static int link_wait(struct link *link, short events, int64_t deadline)
{
	struct pollfd fds[] = {{.fd = link->redis->fd, .events = events},
			       {.fd = link->wake_fd, .events = POLLIN},
			       {.fd = link->stop_fd, .events = POLLIN}};
	int64_t left = deadline - tally_monotonic(link->ctx);
	int ms = left <= 0 ? 0 : (int)((left + 999999) / 1000000);
	int r = poll(fds, 3, ms);
	if (r < 0 && errno != EINTR)
		return tally_fail(link->ctx, errno, "poll: %s", strerror(errno));
	if (r > 0 && (fds[1].revents || fds[2].revents))
		return tally_fail(link->ctx, ECANCELED, "interrupted");
	if (r > 0)
		return fds[0].revents;
	if (tally_monotonic(link->ctx) >= deadline)
		return tally_fail(link->ctx, ETIMEDOUT, "Redis did not answer in time");
	return 0;
}

/* ---- Sending and receiving ----------------------------------------------- */

struct talk {
	struct link *link;
	const struct commands *commands;
	link_reply_fn *each;
	void *arg;
	size_t sent; /* bytes */
	uint32_t replies, wanted;
};

static int talk_send(struct talk *talk)
{
	const struct json_writer *bytes = &talk->commands->bytes;
	ssize_t n = send(talk->link->redis->fd, bytes->data + talk->sent, bytes->len - talk->sent,
			 MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n >= 0)
		talk->sent += (size_t)n;
	else if (errno != EAGAIN && errno != EINTR)
		return tally_fail(talk->link->ctx, errno, "sending: %s", strerror(errno));
	return 0;
}

static int talk_feed(struct talk *talk, const char *data, size_t len)
{
	redisReader *reader = talk->link->redis->reader;
	struct link *link = talk->link;
	link->received += len;
	if (link->received > link->max_reply)
		return tally_fail(link->ctx, EBADMSG, "a reply is longer than %zu bytes",
				  link->max_reply);
	if (redisReaderFeed(reader, data, len) != REDIS_OK)
		return tally_fail(link->ctx, EBADMSG, "%s", reader->errstr);
	return 0;
}

static int talk_receive(struct talk *talk)
{
	char data[LINK_CHUNK];
	ssize_t n = recv(talk->link->redis->fd, data, sizeof(data), MSG_DONTWAIT);
	if (n > 0)
		return talk_feed(talk, data, (size_t)n);
	if (n == 0)
		return tally_fail(talk->link->ctx, ECONNRESET, "Redis closed the connection");
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	return tally_fail(talk->link->ctx, errno, "receiving: %s", strerror(errno));
}

/* Gives out the replies that are complete. */
static int talk_give(struct talk *talk)
{
	redisReader *reader = talk->link->redis->reader;
	int r = 0;
	while (r == 0 && talk->replies < talk->wanted) {
		void *got = NULL;
		if (redisReaderGetReply(reader, &got) != REDIS_OK)
			return tally_fail(talk->link->ctx, EBADMSG, "%s", reader->errstr);
		if (!got)
			return 0;
		redisReply *reply = got;
		talk->link->received = 0;
		r = talk->each(talk->arg, talk->replies++, &reply);
		if (reply)
			freeReplyObject(reply);
	}
	return r;
}

static int talk_step(struct talk *talk, int64_t deadline)
{
	bool sending = talk->sent < talk->commands->bytes.len;
	int events = link_wait(talk->link, (short)(POLLIN | (sending ? POLLOUT : 0)), deadline);
	int r = events < 0 ? events : 0;
	if (r == 0 && events & POLLOUT)
		r = talk_send(talk);
	if (r == 0 && events & (POLLIN | POLLHUP | POLLERR))
		r = talk_receive(talk);
	return r < 0 ? r : talk_give(talk);
}

int link_talk(struct link *link, const struct commands *commands, link_reply_fn *each, void *arg,
	      int64_t deadline)
{
	struct talk talk = {.link = link, .commands = commands, .each = each, .arg = arg};
	int r = 0;
	talk.wanted = each ? commands->n : 0;
	while (r == 0 && (talk.replies < talk.wanted || talk.sent < commands->bytes.len))
		r = talk_step(&talk, deadline);
	return r;
}

int link_listen(struct link *link, link_reply_fn *each, void *arg, int64_t deadline)
{
	static const struct commands none;
	struct talk talk = {.link = link, .commands = &none, .each = each, .arg = arg};
	talk.wanted = UINT32_MAX;
	int r = talk_give(&talk);
	return r == 0 && talk.replies == 0 ? talk_step(&talk, deadline) : r;
}

int link_refused(struct link *link, const redisReply *reply)
{
	return tally_fail(link->ctx, EPROTO, "Redis says: %.*s", (int)reply->len, reply->str);
}

/* ---- Opening ------------------------------------------------------------- */

static void *link_make_array(const redisReadTask *task, int n)
{
	const struct link *link = task->privdata;
	bool fits = link->max_array && n >= 0 && n <= link->max_array;
	return fits ? link->make_array(task, n) : NULL;
}

static int link_connect(struct link *link, const struct address *address, int64_t deadline)
{
	link->redis = address->port ? redisConnectNonBlock(address->place, address->port)
				    : redisConnectUnixNonBlock(address->place);
	if (!link->redis)
		return tally_fail(link->ctx, ENOMEM, "no memory");
	if (link->redis->err)
		return tally_fail(link->ctx, ECONNREFUSED, "%s", link->redis->errstr);
	link->functions = *link->redis->reader->fn;
	link->make_array = link->functions.createArray;
	link->functions.createArray = link_make_array;
	link->redis->reader->fn = &link->functions;
	link->redis->reader->privdata = link;
	link->received = 0;
	int r = 0, error = 0;
	while (r == 0)
		r = link_wait(link, POLLOUT, deadline);
	if (r < 0)
		return r;
	socklen_t len = sizeof(error);
	getsockopt(link->redis->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	return error ? tally_fail(link->ctx, error, "%s", strerror(error)) : 0;
}

static int link_greeted(void *arg, uint32_t i, redisReply **reply)
{
	(void)i;
	return (*reply)->type == REDIS_REPLY_ERROR ? link_refused(arg, *reply) : 0;
}

static void link_add_auth(const struct link *link, struct commands *commands, const char *password)
{
	const char *user = link->config->user;
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
static int link_greet_with(struct link *link, const char *fresh, int64_t deadline)
{
	struct commands commands;
	commands_init(&commands, 64 << 10);
	link_add_auth(link, &commands, fresh ? fresh : link->config->password);
	if (link->db) {
		commands_begin(&commands, 2);
		commands_add_text(&commands, "SELECT");
		commands_add_number(&commands, link->db);
	}
	commands_begin(&commands, 1);
	commands_add_text(&commands, "PING");
	int r = commands.bytes.error ? tally_fail(link->ctx, -commands.bytes.error, "no memory")
				     : link_talk(link, &commands, link_greeted, link, deadline);
	commands_done(&commands);
	return r;
}

static int link_greet(struct link *link, int64_t deadline)
{
	char *fresh = NULL;
	if (tally_secret(link->ctx, link->secret, &fresh) < 0)
		return tally_fail(link->ctx, ENOMEM, "no memory");
	int r = link_greet_with(link, fresh, deadline);
	if (fresh)
		explicit_bzero(fresh, strlen(fresh));
	free(fresh);
	return r;
}

int64_t link_deadline(const struct link *link)
{
	return tally_monotonic(link->ctx) + link->config->timeout;
}

int link_open_at(struct link *link, const struct address *address, int64_t deadline)
{
	int r = link_connect(link, address, deadline);
	return r < 0 ? r : link_greet(link, deadline);
}

static int link_open_plain(struct link *link)
{
	int r = link_open_at(link, link->address, link_deadline(link));
	return r < 0 ? tally_fail(link->ctx, -r, "%s: %s", link->config->url,
				  tally_reason(link->ctx))
		     : 0;
}

int link_open(struct link *link)
{
	int r = link->sentinels ? sentinels_open(link->sentinels, link) : link_open_plain(link);
	if (r < 0)
		link_close(link);
	tally_count(link->ctx, r < 0 ? REDIS_CONNECT_ERRORS : REDIS_CONNECTS, 1);
	return r;
}

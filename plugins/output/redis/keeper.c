#include "keeper.h"

#include "base/cleanup.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

enum { KEEPER_LINKS = 16 };

static const int64_t keeper_first_rest = REDIS_SECOND / 2, keeper_longest_rest = 5 * REDIS_SECOND;
/* Nobody may ask for a long time, as in a worker: it is seen all the same that Redis is gone. */
static const int64_t keeper_look_interval = 2 * REDIS_SECOND;
static const int64_t keeper_tell_again = 60 * REDIS_SECOND;

struct keeper {
	struct link how;
	pthread_t thread;
	pthread_mutex_t lock;        /* guards all below */
	pthread_cond_t wanted, free; /* a link is; one came */
	struct link *idle[KEEPER_LINKS];
	uint32_t n_idle, n_links, n_waiting;
	unsigned life;      /* raised at each failure: links of an earlier one are closed */
	int64_t rest_until; /* monotonic; 0: Redis is there */
	int64_t rest;       /* how long the next one is */
	int64_t lost, told; /* since when it is not there, told last; monotonic; 0: it is, or was
			       never */
	int64_t look;       /* when to see whether idle links still live */
	bool stopping;
};

struct keeper_loan {
	struct link *link;
	unsigned life;
};

/* ---- Links --------------------------------------------------------------- */

static void keeper_close(struct keeper *keeper, struct link *link)
{
	link_close(link);
	free(link);
	keeper->n_links--;
}

/* With the lock. */
static void keeper_close_idle(struct keeper *keeper)
{
	while (keeper->n_idle)
		keeper_close(keeper, keeper->idle[--keeper->n_idle]);
}

/* With the lock: one that is still good; NULL: none is idle. */
static struct link *keeper_pop(struct keeper *keeper)
{
	while (keeper->n_idle) {
		struct link *link = keeper->idle[--keeper->n_idle];
		if (link_is_quiet(link))
			return link;
		keeper_close(keeper, link);
	}
	return NULL;
}

static void keeper_show(const struct keeper *keeper)
{
	tally_gauge(keeper->how.ctx, REDIS_CACHE_AVAILABLE, keeper->rest_until == 0);
}

/* With the lock: told when it begins and about once a minute.  A late answer costs a short rest and
 * no word, unless the next attempt fails too. */
static void keeper_tell_lost(struct keeper *keeper, const char *why, bool late)
{
	int64_t now = tally_monotonic(keeper->how.ctx);
	if (!keeper->lost)
		keeper->lost = now;
	if (late || (keeper->told && now - keeper->told < keeper_tell_again))
		return;
	tally_log(keeper->how.ctx, TALLY_ERROR,
		  "as a cache it is not available, for %lld s now: %s; who asks it goes on without",
		  (long long)((now - keeper->lost) / REDIS_SECOND), why);
	keeper->told = now;
}

/* With the lock. */
static void keeper_tell_back(struct keeper *keeper)
{
	int64_t now = tally_monotonic(keeper->how.ctx);
	if (keeper->told)
		tally_log(keeper->how.ctx, TALLY_NOTICE,
			  "as a cache it is available again, after %lld s",
			  (long long)((now - keeper->lost) / REDIS_SECOND));
	keeper->lost = keeper->told = 0;
}

/* With the lock.  r: what failed; tally_reason() says why. */
static void keeper_trip(struct keeper *keeper, int r)
{
	keeper_tell_lost(keeper, tally_reason(keeper->how.ctx), r == -ETIMEDOUT && !keeper->lost);
	keeper_close_idle(keeper);
	keeper->life++;
	keeper->rest_until = tally_monotonic(keeper->how.ctx) + keeper->rest;
	keeper->rest =
		keeper->rest * 2 > keeper_longest_rest ? keeper_longest_rest : keeper->rest * 2;
	keeper_show(keeper);
	pthread_cond_signal(&keeper->wanted);
	pthread_cond_broadcast(&keeper->free);
}

static struct timespec keeper_time(int64_t ns)
{
	return (struct timespec){.tv_sec = ns / REDIS_SECOND, .tv_nsec = ns % REDIS_SECOND};
}

static int keeper_take(struct keeper *keeper, int64_t deadline, struct keeper_loan *ret)
{
	struct timespec until = keeper_time(deadline);
	struct link *link = NULL;
	int r = 0;
	pthread_mutex_lock(&keeper->lock);
	keeper->n_waiting++;
	while (keeper->rest_until == 0 && r == 0 && !(link = keeper_pop(keeper))) {
		pthread_cond_signal(&keeper->wanted);
		r = pthread_cond_timedwait(&keeper->free, &keeper->lock, &until);
	}
	keeper->n_waiting--;
	*ret = (struct keeper_loan){link, keeper->life};
	pthread_mutex_unlock(&keeper->lock);
	return link ? 0 : tally_fail(keeper->how.ctx, EBUSY, "the cache is not available now");
}

/* r: how the talk ended; a link that failed is of no use any more, and so are the others. */
static void keeper_give_back(struct keeper *keeper, const struct keeper_loan *loan, int r)
{
	pthread_mutex_lock(&keeper->lock);
	bool current = loan->life == keeper->life;
	if (r == 0 && current) {
		keeper->rest = keeper_first_rest;
		keeper->idle[keeper->n_idle++] = loan->link;
		pthread_cond_signal(&keeper->free);
	} else {
		keeper_close(keeper, loan->link);
		if (current && r != -ECANCELED)
			keeper_trip(keeper, r);
	}
	pthread_mutex_unlock(&keeper->lock);
}

/* ---- Connecting ---------------------------------------------------------- */

/* With the lock. */
static bool keeper_wants(const struct keeper *keeper)
{
	return keeper->rest_until != 0 ||
	       (keeper->n_waiting > keeper->n_idle && keeper->n_links < KEEPER_LINKS);
}

/* With the lock, which it lets go meanwhile: until there is something to do. */
static void keeper_wait(struct keeper *keeper)
{
	struct timespec until =
		keeper_time(keeper->rest_until == 0 ? keeper->look : keeper->rest_until);
	pthread_cond_timedwait(&keeper->wanted, &keeper->lock, &until);
}

/* With the lock, which it lets go meanwhile. */
static void keeper_connect(struct keeper *keeper)
{
	struct link *link = malloc(sizeof(*link));
	int r = -ENOMEM;
	keeper->n_links++;
	unsigned life = keeper->life;
	pthread_mutex_unlock(&keeper->lock);
	if (link) {
		*link = keeper->how;
		r = link_open(link);
	}
	pthread_mutex_lock(&keeper->lock);
	if (r < 0 || life != keeper->life) {
		if (link)
			link_close(link);
		free(link);
		keeper->n_links--;
		if (r < 0 && r != -ECANCELED)
			keeper_trip(keeper, r == -ETIMEDOUT ? -ECONNREFUSED : r);
		return;
	}
	keeper->idle[keeper->n_idle++] = link;
	keeper->rest_until = 0;
	keeper->look = tally_monotonic(keeper->how.ctx) + keeper_look_interval;
	keeper_tell_back(keeper);
	keeper_show(keeper);
	pthread_cond_signal(&keeper->free);
}

static int keeper_pong(void *arg, uint32_t i, redisReply **reply)
{
	(void)i;
	return (*reply)->type == REDIS_REPLY_ERROR ? link_refused(arg, *reply) : 0;
}

/* With the lock, which it lets go meanwhile: asks an idle link whether Redis is there. */
static void keeper_look(struct keeper *keeper)
{
	struct keeper_loan loan = {.life = keeper->life};
	struct commands commands;
	int64_t until = tally_monotonic(keeper->how.ctx) + keeper_look_interval;
	keeper->look = until;
	if (!keeper->n_idle)
		return; /* those that are lent out will tell */
	loan.link = keeper->idle[--keeper->n_idle];
	pthread_mutex_unlock(&keeper->lock);
	commands_init(&commands, 256);
	commands_begin(&commands, 1);
	commands_add_text(&commands, "PING");
	int r = commands.bytes.error
			? tally_fail(keeper->how.ctx, ENOMEM, "no memory")
			: link_talk(loan.link, &commands, keeper_pong, loan.link, until);
	commands_done(&commands);
	keeper_give_back(keeper, &loan, r == -ETIMEDOUT ? -ENOTCONN : r);
	pthread_mutex_lock(&keeper->lock);
}

static void *keeper_run(void *arg)
{
	struct keeper *keeper = arg;
	pthread_setname_np(pthread_self(), "redis-keeper");
	pthread_mutex_lock(&keeper->lock);
	while (!keeper->stopping) {
		int64_t now = tally_monotonic(keeper->how.ctx);
		if (keeper_wants(keeper) && now >= keeper->rest_until)
			keeper_connect(keeper);
		else if (keeper->rest_until == 0 && now >= keeper->look)
			keeper_look(keeper);
		else
			keeper_wait(keeper);
	}
	pthread_mutex_unlock(&keeper->lock);
	return NULL;
}

/* ---- Asking -------------------------------------------------------------- */

struct keeper_answer {
	struct link *link;
	struct tally_blob *ret; /* NULL: a set */
	int result;             /* once the talk went well */
};

static void keeper_release(void *reply)
{
	freeReplyObject(reply);
}

static int keeper_reply(void *arg, uint32_t i, redisReply **reply)
{
	struct keeper_answer *answer = arg;
	redisReply *got = *reply;
	(void)i;
	if (got->type == REDIS_REPLY_ERROR) {
		answer->result = link_refused(answer->link, got);
		/* It is a replica now; the next connection may be to what is primary instead. */
		return strncmp(got->str, "READONLY", strlen("READONLY")) == 0 ? answer->result : 0;
	}
	if (answer->ret && got->type == REDIS_REPLY_STRING) {
		*answer->ret = (struct tally_blob){
			.data = got->str, .len = got->len, .release = keeper_release, .owner = got};
		*reply = NULL;
	} else if (answer->ret) {
		answer->result = -ENOENT;
	}
	return 0;
}

static void keeper_add_key(struct commands *commands, const struct keeper *keeper, const char *key)
{
	auto_free char *full = NULL;
	int len = asprintf(&full, "%s" REDIS_LAYOUT "cache:%s", keeper->how.config->prefix, key);
	if (len < 0)
		full = NULL;
	if (full)
		commands_add(commands, full, (size_t)len);
	else
		commands->bytes.error = -ENOMEM;
}

static int keeper_talk(struct keeper *keeper, const struct commands *commands,
		       struct tally_blob *ret)
{
	struct tally_ctx *ctx = keeper->how.ctx;
	int64_t deadline = tally_monotonic(ctx) + keeper->how.config->cache_timeout;
	struct keeper_loan loan;
	if (commands->bytes.error)
		return tally_fail(ctx, -commands->bytes.error, "the value or its key is too long");
	int r = keeper_take(keeper, deadline, &loan);
	if (r < 0)
		return r;
	struct keeper_answer answer = {.link = loan.link, .ret = ret};
	r = link_talk(loan.link, commands, keeper_reply, &answer, deadline);
	keeper_give_back(keeper, &loan, r);
	return r < 0 ? r : answer.result;
}

int keeper_get(struct keeper *keeper, const char *key, struct tally_blob *ret)
{
	struct commands commands;
	commands_init(&commands, REDIS_MAX_VALUE);
	commands_begin(&commands, 2);
	commands_add_text(&commands, "GET");
	keeper_add_key(&commands, keeper, key);
	int r = keeper_talk(keeper, &commands, ret);
	commands_done(&commands);
	return r;
}

int keeper_set(struct keeper *keeper, const char *key, const void *data, size_t len, int64_t ttl_ns)
{
	struct commands commands;
	int64_t ms = ttl_ns / 1000000;
	if (ms < 1)
		return 0;
	commands_init(&commands, REDIS_MAX_VALUE);
	commands_begin(&commands, 5);
	commands_add_text(&commands, "SET");
	keeper_add_key(&commands, keeper, key);
	commands_add(&commands, data, len);
	commands_add_text(&commands, "PX");
	commands_add_number(&commands, ms);
	int r = keeper_talk(keeper, &commands, NULL);
	commands_done(&commands);
	return r;
}

/* ---- Starting and stopping ----------------------------------------------- */

static void keeper_free(struct keeper *keeper)
{
	keeper_close_idle(keeper);
	if (keeper->how.wake_fd >= 0)
		close(keeper->how.wake_fd);
	pthread_cond_destroy(&keeper->free);
	pthread_cond_destroy(&keeper->wanted);
	pthread_mutex_destroy(&keeper->lock);
	free(keeper);
}

static void keeper_init(struct keeper *keeper, const struct link *how)
{
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&keeper->wanted, &monotonic);
	pthread_cond_init(&keeper->free, &monotonic);
	pthread_condattr_destroy(&monotonic);
	pthread_mutex_init(&keeper->lock, NULL);
	keeper->how = *how;
	keeper->how.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	keeper->rest = keeper_first_rest;
	keeper->rest_until = 1; /* long ago: connect at once */
}

int keeper_start(const struct link *how, struct keeper **ret)
{
	struct keeper *keeper = calloc(1, sizeof(*keeper));
	if (!keeper)
		return tally_fail(how->ctx, ENOMEM, "no memory");
	keeper_init(keeper, how);
	int r = keeper->how.wake_fd < 0 ? errno
					: pthread_create(&keeper->thread, NULL, keeper_run, keeper);
	if (r) {
		keeper_free(keeper);
		return tally_fail(how->ctx, r, "cannot start a thread: %s", strerror(r));
	}
	*ret = keeper;
	return 0;
}

void keeper_stop(struct keeper *keeper)
{
	uint64_t one = 1;
	if (!keeper)
		return;
	pthread_mutex_lock(&keeper->lock);
	keeper->stopping = true;
	pthread_cond_signal(&keeper->wanted);
	pthread_mutex_unlock(&keeper->lock);
	ssize_t n = write(keeper->how.wake_fd, &one, sizeof(one));
	(void)n;
	pthread_join(keeper->thread, NULL);
	keeper_free(keeper);
}

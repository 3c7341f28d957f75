#include "guests.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "http_api.h"

/* A quiet connection ends after 30 s by itself; then 30 s more for a whole request's head. */
static const int64_t guest_limits[] = {
	[GUEST_SPEAKS] = 60 * HTTP_SECOND,
	[GUEST_WAITS] = 0,
	[GUEST_LISTENS] = 300 * HTTP_SECOND,
	[GUEST_STREAMS] = 120 * HTTP_SECOND, /* twice the longest heartbeat */
};

struct guest {
	int fd;
	int64_t until; /* monotonic; 0: no end */
	struct guest *previous, *next;
};

struct guests {
	struct tally_ctx *ctx;
	pthread_mutex_t lock; /* guards all below, and that a guest's fd is open */
	pthread_cond_t changed;
	struct guest *first;
	bool closed;
	pthread_t watcher;
};

static void guest_set(struct guests *guests, struct guest *guest, enum guest_state state)
{
	int64_t limit = guest_limits[state];
	guest->until = limit ? tally_monotonic(guests->ctx) + limit : 0;
}

static void guests_enter(struct guests *guests, struct MHD_Connection *connection, void **context)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct guest *guest = info ? calloc(1, sizeof(*guest)) : NULL;
	*context = guest;
	if (!guest)
		return;
	guest->fd = info->connect_fd;
	pthread_mutex_lock(&guests->lock);
	guest_set(guests, guest, GUEST_SPEAKS);
	guest->next = guests->first;
	if (guest->next)
		guest->next->previous = guest;
	else
		pthread_cond_signal(&guests->changed);
	guests->first = guest;
	pthread_mutex_unlock(&guests->lock);
}

static void guests_leave(struct guests *guests, struct guest *guest)
{
	if (!guest)
		return;
	pthread_mutex_lock(&guests->lock);
	*(guest->previous ? &guest->previous->next : &guests->first) = guest->next;
	if (guest->next)
		guest->next->previous = guest->previous;
	pthread_mutex_unlock(&guests->lock);
	free(guest);
}

void guests_notify(void *arg, struct MHD_Connection *connection, void **context,
		   enum MHD_ConnectionNotificationCode what)
{
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		guests_enter(arg, connection, context);
	else
		guests_leave(arg, *context); /* its socket is closed after this */
}

void guests_set(struct guests *guests, struct MHD_Connection *connection, enum guest_state state)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct guest *guest = info ? info->socket_context : NULL;
	if (!guest)
		return;
	pthread_mutex_lock(&guests->lock);
	guest_set(guests, guest, state);
	pthread_mutex_unlock(&guests->lock);
}

static void guests_hang_up(struct guests *guests)
{
	int64_t now = tally_monotonic(guests->ctx);
	for (struct guest *guest = guests->first; guest; guest = guest->next) {
		if (guest->until == 0 || guest->until > now)
			continue;
		guest->until = 0;
		tally_count(guests->ctx, HTTP_SLOW, 1);
		shutdown(guest->fd, SHUT_RDWR); /* libmicrohttpd sees it, and closes */
	}
}

static void *guests_watch(void *arg)
{
	struct guests *guests = arg;
	pthread_setname_np(pthread_self(), "http-guests");
	pthread_mutex_lock(&guests->lock);
	while (!guests->closed) {
		struct timespec until;
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec++;
		if (guests->first)
			pthread_cond_timedwait(&guests->changed, &guests->lock, &until);
		else
			pthread_cond_wait(&guests->changed, &guests->lock);
		guests_hang_up(guests);
	}
	pthread_mutex_unlock(&guests->lock);
	return NULL;
}

static void guests_free(struct guests *guests)
{
	pthread_cond_destroy(&guests->changed);
	pthread_mutex_destroy(&guests->lock);
	free(guests);
}

int guests_open(struct tally_ctx *ctx, struct guests **ret)
{
	pthread_condattr_t monotonic;
	struct guests *guests = calloc(1, sizeof(*guests));
	if (!guests)
		return -ENOMEM;
	guests->ctx = ctx;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&guests->lock, NULL);
	pthread_cond_init(&guests->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	int r = -pthread_create(&guests->watcher, NULL, guests_watch, guests);
	if (r < 0) {
		guests_free(guests);
		return r;
	}
	*ret = guests;
	return 0;
}

void guests_close(struct guests *guests)
{
	if (!guests)
		return;
	pthread_mutex_lock(&guests->lock);
	guests->closed = true;
	pthread_cond_signal(&guests->changed);
	pthread_mutex_unlock(&guests->lock);
	pthread_join(guests->watcher, NULL);
	guests_free(guests);
}

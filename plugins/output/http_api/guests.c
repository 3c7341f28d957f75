#include "guests.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "client_address.h"
#include "http_api.h"

/* So many times client_timeout.  A quiet connection ends after one by itself; then there is one
 * more for a whole request's head. */
static const int64_t guest_limits[] = {
	[GUEST_SPEAKS] = 2,
	[GUEST_WAITS] = 0, /* no end */
	[GUEST_LISTENS] = 10,
};
static const int64_t guest_stream_limit = 120 * HTTP_SECOND; /* twice the longest heartbeat */
static const int64_t guests_tell_every = 60 * HTTP_SECOND;

struct guest {
	int fd;
	uint64_t address;
	enum guest_state state;
	int64_t until; /* monotonic; 0: no end */
	size_t bytes;  /* of the answer that it listens to */
	struct guest *previous, *next;
};

struct guests {
	struct tally_ctx *ctx;
	const struct http_config *config;
	pthread_mutex_t lock; /* guards all below, and that a guest's fd is open */
	pthread_cond_t changed;
	struct guest *first;
	size_t bytes;           /* of answers that are listened to */
	unsigned refused, slow; /* since it was told last */
	int64_t tell_after;     /* monotonic */
	bool door_closed;       /* nobody comes in any more */
	bool closed;
	pthread_t watcher;
};

static void guest_set(struct guests *guests, struct guest *guest, enum guest_state state,
		      size_t bytes)
{
	int64_t limit = state == GUEST_STREAMS
				? guest_stream_limit
				: guest_limits[state] * guests->config->client_timeout;
	guests->bytes += bytes - guest->bytes;
	guest->bytes = bytes;
	guest->state = state;
	guest->until = limit ? tally_monotonic(guests->ctx) + limit : 0;
}

/* ---- Coming and going ---------------------------------------------------- */

/* Looks at all of them, 10,000 at most, which is little beside the accept. */
enum MHD_Result guests_admit(void *arg, const struct sockaddr *address, socklen_t len)
{
	struct guests *guests = arg;
	uint64_t wanted = client_address_key(address);
	int64_t all = 0, same = 0;
	(void)len;
	pthread_mutex_lock(&guests->lock);
	for (const struct guest *guest = guests->first; guest; guest = guest->next) {
		all++;
		same += guest->address == wanted;
	}
	bool open = !guests->door_closed, full = all >= guests->config->max_connections;
	bool fits = !full && same < guests->config->max_connections_per_address;
	guests->refused += open && !fits;
	pthread_mutex_unlock(&guests->lock);
	if (open && !fits)
		tally_count(guests->ctx, full ? HTTP_FULL : HTTP_FULL_ADDRESS, 1);
	return open && fits ? MHD_YES : MHD_NO;
}

void guests_close_door(struct guests *guests)
{
	pthread_mutex_lock(&guests->lock);
	guests->door_closed = true;
	pthread_mutex_unlock(&guests->lock);
}

static void guests_enter(struct guests *guests, struct MHD_Connection *connection, void **context)
{
	const union MHD_ConnectionInfo *fd =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	const union MHD_ConnectionInfo *address =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct guest *guest = fd && address ? calloc(1, sizeof(*guest)) : NULL;
	*context = guest;
	if (!guest)
		return;
	guest->fd = fd->connect_fd;
	guest->address = client_address_key(address->client_addr);
	pthread_mutex_lock(&guests->lock);
	guest_set(guests, guest, GUEST_SPEAKS, 0);
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
	guests->bytes -= guest->bytes;
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

/* ---- Hanging up ---------------------------------------------------------- */

/* What the kernel still holds for it goes with it. */
static void guest_count_slow(struct guests *guests, const struct guest *guest)
{
	const struct linger none = {.l_onoff = 1};
	setsockopt(guest->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	guests->slow++;
	tally_count(guests->ctx, HTTP_SLOW, 1);
}

static void guest_hang_up(struct guests *guests, struct guest *guest)
{
	guest_count_slow(guests, guest);
	guest_set(guests, guest, GUEST_WAITS, 0);
	shutdown(guest->fd, SHUT_RDWR); /* libmicrohttpd sees it, and closes */
}

static struct guest *guests_slowest(const struct guests *guests)
{
	struct guest *slowest = NULL;
	for (struct guest *guest = guests->first; guest; guest = guest->next)
		if (guest->state == GUEST_LISTENS && (!slowest || guest->until <= slowest->until))
			slowest = guest;
	return slowest;
}

static void guests_make_room(struct guests *guests)
{
	while (guests->bytes > HTTP_MAX_OUTGOING) {
		struct guest *slowest = guests_slowest(guests);
		if (!slowest)
			return;
		guest_hang_up(guests, slowest);
	}
}

static void guests_hang_up_late(struct guests *guests, int64_t now)
{
	for (struct guest *guest = guests->first; guest; guest = guest->next)
		if (guest->until && guest->until <= now)
			guest_hang_up(guests, guest);
}

/* At once, and then once a minute. */
static void guests_tell(struct guests *guests, int64_t now)
{
	if (guests->refused + guests->slow == 0 || now < guests->tell_after)
		return;
	tally_log(guests->ctx, TALLY_WARNING,
		  "%u connections refused (max_connections, max_connections_per_address), %u "
		  "clients hung up on for being slow (client_timeout)",
		  guests->refused, guests->slow);
	guests->refused = guests->slow = 0;
	guests->tell_after = now + guests_tell_every;
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
		int64_t now = tally_monotonic(guests->ctx);
		guests_hang_up_late(guests, now);
		guests_tell(guests, now);
	}
	pthread_mutex_unlock(&guests->lock);
	return NULL;
}

/* ---- What they do -------------------------------------------------------- */

static struct guest *guest_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return info ? info->socket_context : NULL;
}

void guests_set(struct guests *guests, struct MHD_Connection *connection, enum guest_state state)
{
	struct guest *guest = guest_of(connection);
	if (!guest)
		return;
	pthread_mutex_lock(&guests->lock);
	guest_set(guests, guest, state, 0);
	pthread_mutex_unlock(&guests->lock);
}

void guests_late(struct guests *guests, struct MHD_Connection *connection)
{
	const struct guest *guest = guest_of(connection);
	if (!guest)
		return;
	pthread_mutex_lock(&guests->lock);
	guest_count_slow(guests, guest);
	pthread_mutex_unlock(&guests->lock);
}

void guests_listen(struct guests *guests, struct MHD_Connection *connection, size_t bytes)
{
	struct guest *guest = guest_of(connection);
	if (!guest)
		return;
	pthread_mutex_lock(&guests->lock);
	guest_set(guests, guest, GUEST_LISTENS, bytes);
	guests_make_room(guests);
	pthread_mutex_unlock(&guests->lock);
}

/* ---- Opening and closing ------------------------------------------------- */

static void guests_free(struct guests *guests)
{
	pthread_cond_destroy(&guests->changed);
	pthread_mutex_destroy(&guests->lock);
	free(guests);
}

int guests_open(struct tally_ctx *ctx, const struct http_config *config, struct guests **ret)
{
	pthread_condattr_t monotonic;
	struct guests *guests = calloc(1, sizeof(*guests));
	if (!guests)
		return -ENOMEM;
	guests->ctx = ctx;
	guests->config = config;
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

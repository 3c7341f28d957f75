#include "guests.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
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

/*
 * So many more are let in for /healthz alone, so that who watches the daemon is answered however
 * many connections are open; each of them ends with its first answer.  Where these are too many the
 * oldest has to go, first of those from the same address: who has just come has time to ask.
 */
enum { GUESTS_RESERVE = 32, GUESTS_RESERVE_PER_ADDRESS = 16 };

struct guest {
	int fd;
	uint64_t address;
	bool reserve;          /* one of those */
	bool leaving;          /* likewise, and hung up on already */
	enum http_metric over; /* of reserve: what is too much; 0: it is counted, or was served */
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
	struct guest *first;            /* the newest */
	int64_t max;                    /* connections besides the reserve */
	enum http_metric admitted_over; /* of the one that guests_admit() let in last */
	size_t bytes;                   /* of answers that are listened to */
	unsigned refused, slow;         /* since it was told last */
	int64_t tell_after;             /* monotonic */
	bool door_closed;               /* nobody comes in any more */
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

/* Who came before the reserve was needed, and where. */
struct guests_count {
	int64_t all, same;                  /* besides the reserve */
	int64_t reserve, same_there;        /* in it */
	struct guest *oldest, *oldest_same; /* in it */
};

/* Looks at all of them, 10,000 at most, which is little beside the accept. */
static void guests_count(const struct guests *guests, uint64_t address, struct guests_count *ret)
{
	*ret = (struct guests_count){.all = 0};
	for (struct guest *guest = guests->first; guest; guest = guest->next) {
		bool same = guest->address == address;
		if (guest->leaving)
			continue;
		if (!guest->reserve) {
			ret->all++;
			ret->same += same;
			continue;
		}
		ret->reserve++;
		ret->same_there += same;
		ret->oldest = guest;
		if (same)
			ret->oldest_same = guest;
	}
}

/* libmicrohttpd sees it, and closes. */
static void guest_make_leave(struct guest *guest)
{
	guest->leaving = true;
	shutdown(guest->fd, SHUT_RDWR);
}

static void guests_admit_to_reserve(const struct guests_count *count)
{
	if (count->same_there >= GUESTS_RESERVE_PER_ADDRESS)
		guest_make_leave(count->oldest_same);
	else if (count->reserve >= GUESTS_RESERVE)
		guest_make_leave(count->oldest);
}

enum MHD_Result guests_admit(void *arg, const struct sockaddr *address, socklen_t len)
{
	struct guests *guests = arg;
	struct guests_count count;
	(void)len;
	pthread_mutex_lock(&guests->lock);
	bool open = !guests->door_closed;
	guests_count(guests, client_address_key(address), &count);
	guests->admitted_over = 0;
	if (count.all >= guests->max)
		guests->admitted_over = HTTP_FULL;
	else if (count.same >= guests->config->max_connections_per_address)
		guests->admitted_over = HTTP_FULL_ADDRESS;
	if (open && guests->admitted_over)
		guests_admit_to_reserve(&count);
	pthread_mutex_unlock(&guests->lock);
	return open ? MHD_YES : MHD_NO;
}

/* With the lock: it got nothing but the news, if that. */
static void guest_count_refused(struct guests *guests, struct guest *guest)
{
	if (!guest->over)
		return;
	guests->refused++;
	tally_count(guests->ctx, guest->over, 1);
	guest->over = 0;
}

unsigned guests_reserve_limit(void)
{
	return 2 * GUESTS_RESERVE;
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
	guest->over = guests->admitted_over;
	guest->reserve = guest->over != 0;
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
	guest_count_refused(guests, guest);
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
static void guest_count_slow(struct guests *guests, struct guest *guest)
{
	const struct linger none = {.l_onoff = 1};
	setsockopt(guest->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	guest->over = 0; /* each is counted once */
	guests->slow++;
	tally_count(guests->ctx, HTTP_SLOW, 1);
}

static void guest_hang_up(struct guests *guests, struct guest *guest)
{
	guest_count_slow(guests, guest);
	guest_set(guests, guest, GUEST_WAITS, 0);
	guest_make_leave(guest);
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

bool guests_is_reserve(struct MHD_Connection *connection)
{
	const struct guest *guest = guest_of(connection);
	return guest && guest->reserve;
}

void guests_settle_reserve(struct guests *guests, struct MHD_Connection *connection, bool served)
{
	struct guest *guest = guest_of(connection);
	if (!guest)
		return;
	pthread_mutex_lock(&guests->lock);
	if (served)
		guest->over = 0;
	guest_count_refused(guests, guest);
	pthread_mutex_unlock(&guests->lock);
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
	struct guest *guest = guest_of(connection);
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

/* Where files run out nobody can be let in, not even to the reserve: so connections take half of
 * them at most. */
static int64_t guests_max(struct tally_ctx *ctx, const struct http_config *config)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur == RLIM_INFINITY ||
	    files.rlim_cur / 2 >= (rlim_t)config->max_connections)
		return config->max_connections;
	tally_log(ctx, TALLY_WARNING,
		  "max_connections: %llu instead of %lld, half of the files that this process may "
		  "have open (ulimit -n, LimitNOFILE=)",
		  (unsigned long long)files.rlim_cur / 2, (long long)config->max_connections);
	return (int64_t)(files.rlim_cur / 2);
}

int guests_open(struct tally_ctx *ctx, const struct http_config *config, struct guests **ret)
{
	pthread_condattr_t monotonic;
	struct guests *guests = calloc(1, sizeof(*guests));
	if (!guests)
		return -ENOMEM;
	guests->ctx = ctx;
	guests->config = config;
	guests->max = guests_max(ctx, config);
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

/*
 * Which of a store's connections for queries are taken.  Whoever finds none free waits until its
 * own deadline.  The store keeps the connections themselves, in an array of as many; it opens and
 * uses one only while it has taken it.  From any thread.
 */
#ifndef TALLYD_PLUGINS_COMMON_CONNECTION_POOL_H
#define TALLYD_PLUGINS_COMMON_CONNECTION_POOL_H

#include <pthread.h>
#include <tallyd/host.h>

enum { CONNECTION_POOL_MAX = 64 };

struct connection_pool {
	uint32_t n;
	pthread_mutex_t lock; /* guards what follows, not what is done with a taken connection */
	pthread_cond_t given_back;
	bool taken[CONNECTION_POOL_MAX];
	bool open[CONNECTION_POOL_MAX]; /* when it was given back */
};

void connection_pool_init(struct connection_pool *pool, uint32_t n);
void connection_pool_done(struct connection_pool *pool);

/* The number of a free connection, of an open one if there is any.  -ETIMEDOUT: none became free
 * before the deadline (monotonic ns). */
int connection_pool_take(struct connection_pool *pool, struct tally_ctx *ctx, int64_t deadline,
			 uint32_t *ret);
void connection_pool_give_back(struct connection_pool *pool, uint32_t number, bool open);

#endif

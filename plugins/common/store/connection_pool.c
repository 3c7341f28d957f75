/*
 * A flag per connection, a lock and a condition.  Both stores' readers.c take and give back on the
 * thread that asks the query.  Only waiting can fail, by its deadline; deadlines are monotonic,
 * since the host's clock may be set while somebody waits.
 *
 * A scan over at most 64 flags is shorter than the path to any of the connections.  An open
 * connection goes first: opening one costs PostgreSQL a process.
 */
#include "store/connection_pool.h"

#include <errno.h>

#include "base/condition.h"

void connection_pool_init(struct connection_pool *pool, uint32_t n)
{
	*pool = (struct connection_pool){.n = n};
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->given_back, NULL);
}

void connection_pool_done(struct connection_pool *pool)
{
	pthread_cond_destroy(&pool->given_back);
	pthread_mutex_destroy(&pool->lock);
}

/* pool->n: none. */
static uint32_t connection_pool_find_free(const struct connection_pool *pool)
{
	uint32_t found = pool->n;
	for (uint32_t i = 0; i < pool->n; i++)
		if (!pool->taken[i] && (found == pool->n || (pool->open[i] && !pool->open[found])))
			found = i;
	return found;
}

int connection_pool_take(struct connection_pool *pool, struct tally_ctx *ctx, int64_t deadline,
			 uint32_t *ret)
{
	uint32_t found;
	bool in_time = true;
	pthread_mutex_lock(&pool->lock);
	while ((found = connection_pool_find_free(pool)) == pool->n && in_time)
		in_time = condition_wait(&pool->given_back, &pool->lock, deadline);
	if (found < pool->n)
		pool->taken[found] = true;
	pthread_mutex_unlock(&pool->lock);
	if (found == pool->n)
		return tally_fail(ctx, ETIMEDOUT, "all %u connections were busy until the deadline",
				  pool->n);
	*ret = found;
	return 0;
}

void connection_pool_give_back(struct connection_pool *pool, uint32_t number, bool open)
{
	pthread_mutex_lock(&pool->lock);
	pool->taken[number] = false;
	pool->open[number] = open;
	pthread_cond_signal(&pool->given_back);
	pthread_mutex_unlock(&pool->lock);
}

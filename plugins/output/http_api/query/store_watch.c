/*
 * Whether the store answers.  Every query and every poll reports here, on its own thread; so one
 * that worked costs two atomics, and the lock is taken only while something is wrong.
 *
 * A query that ran into its deadline while others were answered says nothing of the store: it was
 * only a long one.  Neither does one that was refused for its content, or that no client waited for
 * any more.  The store naming its tables is no proof for two seconds after a failure: it may do so
 * from memory.
 *
 * One message when it is lost, one a minute while it is, one when it is back: a dashboard that asks
 * ten times a second would fill the log with the same line otherwise.
 */
#include "query/store_watch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "http_api.h"

static const int64_t watch_tell_again = CLOCK_MINUTE;
static const int64_t watch_memory = 2 * CLOCK_SECOND;
static const int64_t watch_lately = 5 * CLOCK_SECOND;

void store_watch_init(struct store_watch *watch, struct tally_ctx *ctx)
{
	memset(watch, 0, sizeof(*watch));
	watch->ctx = ctx;
	watch->made = tally_monotonic(ctx);
	pthread_mutex_init(&watch->lock, NULL);
}

void store_watch_done(struct store_watch *watch)
{
	pthread_mutex_destroy(&watch->lock);
}

/* What the core says of an instance that has not started, or is being restarted. */
static bool watch_is_down(struct tally_ctx *ctx)
{
	return strstr(tally_reason(ctx), "is not running") != NULL;
}

const char *store_watch_says(struct tally_ctx *ctx, int error)
{
	if (error == -ETIMEDOUT)
		return "the store did not answer in time";
	if (error == -ENOTCONN && watch_is_down(ctx))
		return "the store is not running; tallyd's log says why";
	if (error == -ENOTCONN)
		return "the store's database cannot be reached; tallyd's log says why";
	return "the store failed; tallyd's log says why";
}

static bool watch_counts(struct store_watch *watch, int error)
{
	if (atomic_load(&watch->answered) == 0 && watch_is_down(watch->ctx) &&
	    tally_monotonic(watch->ctx) - watch->made < watch_lately)
		return false; /* both start at once */
	if (error == -EINVAL || error == -E2BIG || error == -ECANCELED || error == -ENOENT)
		return false;
	return error != -ETIMEDOUT ||
	       tally_monotonic(watch->ctx) - atomic_load(&watch->answered) >= watch_lately;
}

static const char *watch_reason(const struct store_watch *watch, int error)
{
	const char *reason = tally_reason(watch->ctx);
	return reason[0] ? reason : strerror(-error);
}

static void watch_tell(struct store_watch *watch, int error, int64_t now)
{
	if (!watch->since) {
		watch->since = watch->told = now;
		tally_log(watch->ctx, TALLY_ERROR,
			  "the store does not answer: %s; requests are answered from the cache "
			  "or with 503",
			  watch_reason(watch, error));
	} else if (now - watch->told >= watch_tell_again) {
		watch->told = now;
		tally_log(watch->ctx, TALLY_ERROR,
			  "the store has not answered for %lld s, %u queries failed: %s",
			  (long long)((now - watch->since) / CLOCK_SECOND),
			  atomic_load(&watch->failures), watch_reason(watch, error));
	}
}

void store_watch_failed(struct store_watch *watch, int error)
{
	if (!watch_counts(watch, error))
		return;
	atomic_store(&watch->failed, tally_monotonic(watch->ctx));
	pthread_mutex_lock(&watch->lock);
	atomic_fetch_add(&watch->failures, 1);
	watch_tell(watch, error, tally_monotonic(watch->ctx));
	pthread_mutex_unlock(&watch->lock);
}

void store_watch_answered(struct store_watch *watch)
{
	int64_t now = tally_monotonic(watch->ctx);
	atomic_store(&watch->answered, now);
	if (atomic_load(&watch->failures) == 0)
		return;
	pthread_mutex_lock(&watch->lock);
	unsigned failures = atomic_exchange(&watch->failures, 0);
	if (watch->since)
		tally_log(watch->ctx, TALLY_NOTICE,
			  "the store answers again, after %lld s and %u failed queries",
			  (long long)((now - watch->since) / CLOCK_SECOND), failures);
	watch->since = 0;
	pthread_mutex_unlock(&watch->lock);
}

void store_watch_named(struct store_watch *watch)
{
	if (tally_monotonic(watch->ctx) - atomic_load(&watch->failed) >= watch_memory)
		store_watch_answered(watch);
}

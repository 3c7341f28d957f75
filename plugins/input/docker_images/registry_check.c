/*
 * The thread that asks registries, and its queue.  image scans call registry_check_set() and
 * registry_check_results() on the instance's thread; everything between run() and store() is on the
 * checker's own.  `lock` guards the items, and is held over no I/O; the back-offs are the thread's
 * alone.
 *
 * Happy path: next() picks what is due and has waited longest, ask() sends one HEAD, store() notes
 * the digest and when to ask again.  What can fail: a host, whose references all wait until its
 * back-off is over; or one reference, which alone waits.  The two are apart because a repository
 * that always answers 500 once paused its whole host, was then first in the queue again, and
 * nothing behind it ever had its turn.
 */
#include "registry_check.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/backoff.h"
#include "base/clock.h"

static const int64_t first_pause_ns = CLOCK_MINUTE;

enum { CHECK_HOSTS = 64 };

/* A reference in use. */
struct wanted {
	struct registry_result result;
	int64_t due;       /* monotonic ns */
	int64_t queued;    /* monotonic ns; of those that are due who has waited longest is asked */
	unsigned failures; /* in a row */
	bool logged;       /* that it fails by itself */
};

/* A registry that could not be reached, or wants to be left alone. */
struct host_pause {
	char host[REGISTRY_HOST_MAX];
	unsigned failures; /* in a row */
	int64_t until;     /* monotonic ns; not asked before; 0: a free place */
};

struct registry_check {
	struct tally_ctx *ctx;
	const struct registry_config *config;
	struct registry_metrics metrics;
	int64_t timeout;
	pthread_t thread;
	bool running;
	atomic_bool over; /* of the thread: it should end */
	int wake_fd;
	struct host_pause pauses[CHECK_HOSTS]; /* the thread's alone */
	pthread_mutex_t lock;                  /* of the two below */
	struct wanted *items;                  /* in the order of references */
	uint32_t n;
};

static int by_reference(const void *a, const void *b)
{
	const struct wanted *left = a, *right = b;
	return strcmp(left->result.reference, right->result.reference);
}

/* ---- Registries in trouble ---- */

static struct host_pause *host_pause_find(struct registry_check *check, const char *host)
{
	for (uint32_t i = 0; i < CHECK_HOSTS; i++)
		if (strcmp(check->pauses[i].host, host) == 0)
			return &check->pauses[i];
	return NULL;
}

/* In a free place, else in that of the one that ends first.  Forgetting a back-off early costs one
 * request too many, so 64 are enough. */
static struct host_pause *host_pause_begin(struct registry_check *check, const char *host)
{
	struct host_pause *backoff = &check->pauses[0];
	for (uint32_t i = 1; i < CHECK_HOSTS; i++)
		if (check->pauses[i].until < backoff->until)
			backoff = &check->pauses[i];
	*backoff = (struct host_pause){0};
	memcpy(backoff->host, host, strlen(host));
	return backoff;
}

/* A minute, doubled with each failure up to the interval, unless the registry itself says how long
 * (Retry-After). */
static int64_t pause_after(const struct registry_check *check, const struct registry_answer *answer,
			   unsigned failures)
{
	if (answer->retry_after > 0)
		return answer->retry_after;
	return backoff_pause(first_pause_ns, check->config->interval, failures);
}

static void update_backoff(struct registry_check *check, const char *host,
			   const struct registry_answer *answer)
{
	struct host_pause *backoff = host_pause_find(check, host);
	if (!answer->of_host) {
		if (backoff) {
			tally_log(check->ctx, TALLY_NOTICE, "registry %s: answers again", host);
			*backoff = (struct host_pause){0};
		}
		return;
	}
	if (!backoff)
		backoff = host_pause_begin(check, host);
	int64_t pause = pause_after(check, answer, backoff->failures++);
	backoff->until = clock_monotonic() + pause;
	tally_log(check->ctx, backoff->failures == 1 ? TALLY_WARNING : TALLY_DEBUG,
		  "registry %s: %s; next attempt in %.0f s", host, answer->reason,
		  (double)pause / 1e9);
}

/* ---- References in trouble ---- */

/* No answer about the reference.  404 and 401 or 403 are answers: they stay as they are for hours,
 * and asking again soon would not help. */
static bool is_failure(const struct registry_answer *answer)
{
	return answer->error && answer->error != ENOENT && answer->error != EACCES;
}

/* Asked for again later, so that those behind it have their turn.  A failure of the host is logged
 * once for the host, by update_backoff(), and not for each of its references. */
static void reference_failed(struct registry_check *check, struct wanted *item,
			     const struct registry_answer *answer)
{
	int64_t pause = pause_after(check, answer, item->failures++);
	item->due = clock_monotonic() + pause;
	if (answer->of_host)
		return;
	tally_log(check->ctx, item->logged ? TALLY_DEBUG : TALLY_WARNING,
		  "%s: no digest from its registry: %s; next attempt in %.0f s",
		  item->result.reference, answer->reason, (double)pause / 1e9);
	item->logged = true;
}

static void reference_answered(struct registry_check *check, struct wanted *item,
			       const struct registry_answer *answer)
{
	if (item->logged)
		tally_log(check->ctx, TALLY_NOTICE, "%s: its registry answers again",
			  item->result.reference);
	item->logged = false;
	item->failures = 0;
	item->due = clock_monotonic() + check->config->interval;
	memcpy(item->result.digest, answer->digest, sizeof(item->result.digest));
	item->result.checked_at = tally_now(check->ctx);
}

/* ---- Asking ---- */

static void count(const struct registry_check *check, const struct registry_answer *answer)
{
	tally_count(check->ctx, check->metrics.calls, 1);
	if (answer->error)
		tally_count(check->ctx, check->metrics.errors, 1);
	if (answer->took > 0)
		tally_count(check->ctx, check->metrics.seconds, (uint64_t)answer->took);
}

/* A digest that was known stays if only asking failed.  Whatever came, it is the last in the queue:
 * one that always fails must not be asked for instead of all others. */
static void store(struct registry_check *check, const struct registry_result *asked,
		  const struct registry_answer *answer)
{
	struct wanted key = {.result = *asked};
	pthread_mutex_lock(&check->lock);
	struct wanted *item =
		check->n ? bsearch(&key, check->items, check->n, sizeof(key), by_reference) : NULL;
	if (item) {
		item->queued = clock_monotonic();
		memcpy(item->result.problem, answer->reason, sizeof(item->result.problem));
		if (is_failure(answer))
			reference_failed(check, item, answer);
		else
			reference_answered(check, item, answer);
	}
	pthread_mutex_unlock(&check->lock);
}

/* One request; the lock is not held meanwhile, and the reference may be out of use when the answer
 * comes: store() then drops it.  False: being stopped. */
static bool ask(struct registry_check *check, struct registry_http *http,
		const struct registry_result *result)
{
	struct registry_name name;
	struct registry_answer answer;
	registry_name_parse(result->reference, &name);
	registry_http_get_digest(http, &name, &answer);
	if (answer.error == ECANCELED)
		return false;
	count(check, &answer);
	update_backoff(check, name.host, &answer);
	store(check, result, &answer);
	return true;
}

/* When this reference may be asked for: not before its own pause and its host's are over. */
static int64_t due_of(struct registry_check *check, const struct wanted *item)
{
	struct registry_name name;
	registry_name_parse(item->result.reference, &name);
	const struct host_pause *backoff = host_pause_find(check, name.host);
	return backoff && backoff->until > item->due ? backoff->until : item->due;
}

/* Which is to be asked for, and when; INT64_MAX: there is none.  A walk of at most 1024 items for
 * each request, which itself takes far longer. */
static int64_t next(struct registry_check *check, struct registry_result *ret)
{
	int64_t first = INT64_MAX, queued = INT64_MAX, now = clock_monotonic();
	pthread_mutex_lock(&check->lock);
	for (uint32_t i = 0; i < check->n; i++) {
		const struct wanted *item = &check->items[i];
		int64_t due = due_of(check, item);
		/* All that are due already are alike. */
		due = due < now ? now : due;
		if (due > first || (due == first && item->queued >= queued))
			continue;
		first = due;
		queued = item->queued;
		*ret = item->result;
	}
	pthread_mutex_unlock(&check->lock);
	return first;
}

/* For the next due time, a change of the queue, or the end.  False: being stopped. */
static bool wait_until(struct registry_check *check, int64_t due)
{
	struct pollfd fds[] = {{.fd = tally_stop_fd(check->ctx), .events = POLLIN},
			       {.fd = check->wake_fd, .events = POLLIN}};
	int64_t wait_ms = due == INT64_MAX ? -1 : (due - clock_monotonic()) / 1000000 + 1;
	uint64_t woken;
	if (wait_ms > INT32_MAX)
		wait_ms = INT32_MAX;
	if (poll(fds, 2, wait_ms < -1 ? 0 : (int)wait_ms) > 0 && fds[1].revents &&
	    read(check->wake_fd, &woken, sizeof(woken)) < 0)
		return false;
	return !fds[0].revents;
}

static void *run(void *arg)
{
	struct registry_check *check = arg;
	struct registry_result result;
	struct registry_http *http = registry_http_create(check->config->insecure, check->timeout,
							  tally_stop_fd(check->ctx));
	if (!http)
		tally_log(check->ctx, TALLY_ERROR,
			  "no memory for registry checks: registries are not asked");
	bool going = http;
	while (going && !check->over) {
		int64_t due = next(check, &result);
		going = due <= clock_monotonic() ? ask(check, http, &result)
						 : wait_until(check, due);
	}
	registry_http_destroy(http);
	return NULL;
}

/* ---- From the plugin's own thread ---- */

/* Sorted, each once, so that what is known of them can be found by bsearch().  More than
 * REGISTRY_REFERENCES are left out: the queue is walked for each question. */
static uint32_t fill(struct wanted *items, const char *const *references, uint32_t n)
{
	struct registry_name name;
	uint32_t filled = 0, kept = 0;
	for (uint32_t i = 0; i < n && filled < REGISTRY_REFERENCES; i++)
		if (registry_name_parse(references[i], &name))
			image_reference_normal(references[i], items[filled++].result.reference);
	if (filled == 0)
		return 0;
	qsort(items, filled, sizeof(struct wanted), by_reference);
	for (uint32_t i = 1; i < filled; i++)
		if (by_reference(&items[i], &items[kept]) != 0)
			items[++kept] = items[i];
	return kept + 1;
}

/* EAGAIN, its counter is full: then it is readable already. */
static void wake(const struct registry_check *check)
{
	static const uint64_t one = 1;
	ssize_t written = write(check->wake_fd, &one, sizeof(one));
	(void)written;
}

bool registry_check_set(struct registry_check *check, const char *const *references, uint32_t n)
{
	uint32_t most = n < REGISTRY_REFERENCES ? n : REGISTRY_REFERENCES;
	struct wanted *fresh = calloc(most + 1, sizeof(struct wanted));
	if (!fresh)
		return false;
	most = fill(fresh, references, n);
	pthread_mutex_lock(&check->lock);
	for (uint32_t i = 0; check->n && i < most; i++) {
		const struct wanted *known = bsearch(&fresh[i], check->items, check->n,
						     sizeof(struct wanted), by_reference);
		if (known)
			fresh[i] = *known;
	}
	free(check->items);
	check->items = fresh;
	check->n = most;
	pthread_mutex_unlock(&check->lock);
	wake(check);
	return true;
}

bool registry_check_results(struct registry_check *check, struct registry_result **ret,
			    uint32_t *ret_n)
{
	pthread_mutex_lock(&check->lock);
	struct registry_result *all = calloc(check->n + 1, sizeof(*all));
	for (uint32_t i = 0; all && i < check->n; i++)
		all[i] = check->items[i].result;
	uint32_t n = check->n;
	pthread_mutex_unlock(&check->lock);
	if (!all)
		return false;
	*ret = all;
	*ret_n = n;
	return true;
}

int registry_check_start(struct registry_check *check)
{
	check->over = false;
	int error = pthread_create(&check->thread, NULL, run, check);
	if (error)
		return tally_fail(check->ctx, error,
				  "cannot start a thread for registry checks: %s", strerror(error));
	check->running = true;
	return 0;
}

void registry_check_stop(struct registry_check *check)
{
	check->over = true;
	wake(check);
	if (check->running)
		pthread_join(check->thread, NULL);
	check->running = false;
}

struct registry_check *registry_check_create(struct tally_ctx *ctx,
					     const struct registry_config *config, int64_t timeout,
					     const struct registry_metrics *metrics)
{
	struct registry_check *check = calloc(1, sizeof(*check));
	if (!check)
		return NULL;
	*check = (struct registry_check){
		.ctx = ctx, .config = config, .timeout = timeout, .metrics = *metrics};
	pthread_mutex_init(&check->lock, NULL);
	check->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (check->wake_fd >= 0)
		return check;
	registry_check_destroy(check);
	return NULL;
}

void registry_check_destroy(struct registry_check *check)
{
	if (!check)
		return;
	if (check->wake_fd >= 0)
		close(check->wake_fd);
	pthread_mutex_destroy(&check->lock);
	free(check->items);
	free(check);
}

/*
 * The loop that keeps up to at_once transfers in flight.  docker.c calls fetch_run() on the
 * instance's thread, which comes back when every request has its answer or the instance is stopped.
 *
 * Slots are kept between runs, so that their connections stay open.  What can fail: one transfer,
 * reported in its answer; all that are left, when the run is out of time (every one of them then
 * gets ETIMEDOUT, none is forgotten); or the run as a whole, by memory or because of stop_fd.
 */
#include "docker/docker_fetch.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "docker/docker_multi.h"
#include "docker/docker_transfer.h"

struct docker_fetch {
	const struct docker_endpoint *endpoint;
	struct fetch_tls tls;
	struct docker_multi multi;
	struct docker_transfer **slots;
	uint32_t n_slots;
};

/* One fetch_run(). */
struct fetch_progress {
	const struct fetch_job *job;
	uint32_t started, ended;
	int64_t begun, last_end;
};

/* ---- Slots ---- */

static int slots_reserve(struct docker_fetch *fetch, uint32_t n)
{
	if (n <= fetch->n_slots)
		return 0;
	struct docker_transfer **grown =
		realloc(fetch->slots, n * sizeof(struct docker_transfer *));
	if (!grown)
		return -ENOMEM;
	fetch->slots = grown;
	while (fetch->n_slots < n) {
		struct docker_transfer *slot = docker_transfer_create(fetch->endpoint, &fetch->tls);
		if (!slot)
			return -ENOMEM;
		fetch->slots[fetch->n_slots++] = slot;
	}
	/* libcurl's default follows the number of handles on the multi handle, which falls as
	 * transfers end; connections that the next run could use would be closed. */
	curl_multi_setopt(fetch->multi.curl, CURLMOPT_MAXCONNECTS, (long)n);
	return 0;
}

static void slot_start(struct docker_fetch *fetch, struct docker_transfer *slot,
		       struct fetch_progress *progress)
{
	char path[FETCH_PATH_SIZE] = "";
	const struct fetch_job *job = progress->job;
	slot->index = progress->started++;
	slot->busy = true;
	job->path(job->arg, slot->index, path);
	docker_transfer_prepare(slot, path, job);
	curl_multi_add_handle(fetch->multi.curl, slot->easy);
}

/* ---- Ends ---- */

static void slot_end(struct docker_fetch *fetch, struct docker_transfer *slot, CURLcode code,
		     struct fetch_progress *progress)
{
	char reason[FETCH_REASON_SIZE] = "";
	struct fetch_answer answer = {.reason = reason};
	docker_transfer_answer(slot, code, &answer, reason);
	curl_multi_remove_handle(fetch->multi.curl, slot->easy);
	slot->busy = false;
	progress->ended++;
	progress->last_end = clock_monotonic();
	/* done() may keep the body; take_back() drops what is left of it. */
	progress->job->done(progress->job->arg, slot->index, &answer);
	docker_transfer_take_back(slot, &answer);
}

/* Hands over whatever has ended and starts the next in its place. */
static void reap(struct docker_fetch *fetch, struct fetch_progress *progress)
{
	struct CURLMsg *message;
	int left;
	while ((message = curl_multi_info_read(fetch->multi.curl, &left)) != NULL) {
		struct docker_transfer *slot = NULL;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &slot);
		slot_end(fetch, slot, message->data.result, progress);
		if (progress->started < progress->job->n)
			slot_start(fetch, slot, progress);
	}
}

/* ---- Waiting ---- */

/* When to check the time again at the latest, even if nothing happens. */
static int64_t next_check(const struct fetch_progress *progress)
{
	const struct fetch_job *job = progress->job;
	int64_t check = progress->begun + 2 * job->timeout;
	if (job->straggler_timeout && progress->last_end + job->straggler_timeout < check)
		check = progress->last_end + job->straggler_timeout;
	return check;
}

/* One container whose stats hang must not cost all others their sample; half of the answers prove
 * that the engine itself does not hang. */
static bool out_of_time(const struct fetch_progress *progress)
{
	const struct fetch_job *job = progress->job;
	int64_t now = clock_monotonic();
	if (now >= progress->begun + 2 * job->timeout)
		return true;
	return job->straggler_timeout && progress->ended * 2 >= job->n &&
	       now >= progress->last_end + job->straggler_timeout;
}

/* Those in flight end as if they had timed out, those not started with the same error: done() is
 * called once for each request, which callers rely on to count. */
static void give_up(struct docker_fetch *fetch, struct fetch_progress *progress)
{
	const struct fetch_job *job = progress->job;
	struct fetch_answer late = {.error = ETIMEDOUT,
				    .reason = "given up: too many requests before it hang"};
	for (uint32_t i = 0; i < fetch->n_slots; i++)
		if (fetch->slots[i]->busy)
			slot_end(fetch, fetch->slots[i], CURLE_OPERATION_TIMEDOUT, progress);
	while (progress->started < job->n)
		job->done(job->arg, progress->started++, &late);
	progress->ended = job->n;
}

int fetch_run(struct docker_fetch *fetch, const struct fetch_job *job)
{
	int64_t now = clock_monotonic();
	struct fetch_progress progress = {.job = job, .begun = now, .last_end = now};
	uint32_t concurrency = job->concurrency < job->n ? job->concurrency : job->n;
	int r = slots_reserve(fetch, concurrency);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < concurrency; i++)
		slot_start(fetch, fetch->slots[i], &progress);
	while (progress.ended < job->n) {
		r = docker_multi_act(&fetch->multi, next_check(&progress));
		if (r < 0)
			break;
		reap(fetch, &progress);
		if (progress.ended < job->n && out_of_time(&progress))
			give_up(fetch, &progress);
	}
	/* Stopped: what is still in flight is dropped without an answer. */
	for (uint32_t i = 0; r < 0 && i < fetch->n_slots; i++)
		if (fetch->slots[i]->busy) {
			curl_multi_remove_handle(fetch->multi.curl, fetch->slots[i]->easy);
			fetch->slots[i]->busy = false;
		}
	return r;
}

/* ---- Creating and destroying ---- */

void fetch_destroy(struct docker_fetch *fetch)
{
	if (!fetch)
		return;
	for (uint32_t i = 0; i < fetch->n_slots; i++)
		docker_transfer_destroy(fetch->slots[i]);
	docker_multi_done(&fetch->multi);
	free(fetch->slots);
	free(fetch);
}

int fetch_create(const struct docker_endpoint *endpoint, const struct fetch_tls *tls, int stop_fd,
		 struct docker_fetch **ret)
{
	struct docker_fetch *fetch = calloc(1, sizeof(*fetch));
	if (!fetch)
		return -ENOMEM;
	*fetch = (struct docker_fetch){.endpoint = endpoint, .tls = *tls};
	int r = docker_multi_init(&fetch->multi, stop_fd);
	if (r < 0) {
		fetch_destroy(fetch);
		return r;
	}
	*ret = fetch;
	return 0;
}

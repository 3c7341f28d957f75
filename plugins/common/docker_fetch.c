#include "docker_fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "docker_transfer.h"

enum { FETCH_EVENTS = 64 };

static const int64_t ms_ns = 1000000;

struct docker_fetch {
	const struct docker_endpoint *endpoint;
	struct fetch_tls tls;
	CURLM *multi;
	int epoll_fd, stop_fd;
	int64_t timer; /* monotonic ns when curl wants to be called; -1: never */
	struct docker_transfer **slots;
	uint32_t n_slots;
};

/* One fetch_run(). */
struct fetch_progress {
	const struct fetch_job *job;
	uint32_t started, ended;
	int64_t begun, last_end;
};

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 * ms_ns + now.tv_nsec;
}

/* ---- What curl calls ---- */

static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct docker_fetch *fetch = arg;
	(void)multi;
	fetch->timer = timeout_ms < 0 ? -1 : now_ns() + timeout_ms * ms_ns;
	return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct docker_fetch *fetch = arg;
	struct epoll_event event = {.data.fd = fd};
	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		epoll_ctl(fetch->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	if (what & CURL_POLL_IN)
		event.events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		event.events |= EPOLLOUT;
	if (epoll_ctl(fetch->epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) < 0)
		return -1;
	if (!known)
		curl_multi_assign(fetch->multi, fd, fetch);
	return 0;
}

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
	curl_multi_setopt(fetch->multi, CURLMOPT_MAXCONNECTS, (long)n);
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
	curl_multi_add_handle(fetch->multi, slot->easy);
}

/* ---- Ends ---- */

static void slot_end(struct docker_fetch *fetch, struct docker_transfer *slot, CURLcode code,
		     struct fetch_progress *progress)
{
	char reason[FETCH_REASON_SIZE] = "";
	struct fetch_answer answer = {.reason = reason};
	docker_transfer_answer(slot, code, &answer, reason);
	curl_multi_remove_handle(fetch->multi, slot->easy);
	slot->busy = false;
	progress->ended++;
	progress->last_end = now_ns();
	progress->job->done(progress->job->arg, slot->index, &answer);
	docker_transfer_take_back(slot, &answer);
}

/* Hands over whatever has ended and starts the next in its place. */
static void reap(struct docker_fetch *fetch, struct fetch_progress *progress)
{
	struct CURLMsg *message;
	int left;
	while ((message = curl_multi_info_read(fetch->multi, &left)) != NULL) {
		struct docker_transfer *slot = NULL;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &slot);
		slot_end(fetch, slot, message->data.result, progress);
		if (progress->started < progress->job->n)
			slot_start(fetch, slot, progress);
	}
}

/* ---- Waiting ---- */

/* When to look again at the latest, even if nothing happens. */
static int64_t next_look(const struct docker_fetch *fetch, const struct fetch_progress *progress)
{
	const struct fetch_job *job = progress->job;
	int64_t look = progress->begun + 2 * job->timeout;
	if (job->patience && progress->last_end + job->patience < look)
		look = progress->last_end + job->patience;
	if (fetch->timer >= 0 && fetch->timer < look)
		look = fetch->timer;
	return look;
}

/* -ECANCELED: told to stop. */
static int wait_and_act(struct docker_fetch *fetch, const struct fetch_progress *progress)
{
	struct epoll_event events[FETCH_EVENTS];
	int running;
	int64_t wait = next_look(fetch, progress) - now_ns();
	int timeout_ms = wait <= 0 ? 0 : (int)((wait + ms_ns - 1) / ms_ns);
	int n = epoll_wait(fetch->epoll_fd, events, FETCH_EVENTS, timeout_ms);
	for (int i = 0; i < n; i++) {
		int what = 0;
		if (events[i].data.fd == fetch->stop_fd)
			return -ECANCELED;
		if (events[i].events & EPOLLIN)
			what |= CURL_CSELECT_IN;
		if (events[i].events & EPOLLOUT)
			what |= CURL_CSELECT_OUT;
		if (events[i].events & (EPOLLERR | EPOLLHUP))
			what |= CURL_CSELECT_ERR;
		curl_multi_socket_action(fetch->multi, events[i].data.fd, what, &running);
	}
	if (fetch->timer >= 0 && fetch->timer <= now_ns()) {
		fetch->timer = -1;
		curl_multi_socket_action(fetch->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	return 0;
}

static bool out_of_time(const struct fetch_progress *progress)
{
	const struct fetch_job *job = progress->job;
	int64_t now = now_ns();
	if (now >= progress->begun + 2 * job->timeout)
		return true;
	return job->patience && progress->ended * 2 >= job->n &&
	       now >= progress->last_end + job->patience;
}

static void cancel_all(struct docker_fetch *fetch)
{
	for (uint32_t i = 0; i < fetch->n_slots; i++)
		if (fetch->slots[i]->busy) {
			curl_multi_remove_handle(fetch->multi, fetch->slots[i]->easy);
			fetch->slots[i]->busy = false;
		}
}

static void give_up(struct docker_fetch *fetch, struct fetch_progress *progress)
{
	const struct fetch_job *job = progress->job;
	struct fetch_answer late = {.error = ETIMEDOUT,
				    .reason = "given up: too many hang before it"};
	for (uint32_t i = 0; i < fetch->n_slots; i++)
		if (fetch->slots[i]->busy)
			slot_end(fetch, fetch->slots[i], CURLE_OPERATION_TIMEDOUT, progress);
	while (progress->started < job->n)
		job->done(job->arg, progress->started++, &late);
	progress->ended = job->n;
}

int fetch_run(struct docker_fetch *fetch, const struct fetch_job *job)
{
	int64_t now = now_ns();
	struct fetch_progress progress = {.job = job, .begun = now, .last_end = now};
	uint32_t at_once = job->at_once < job->n ? job->at_once : job->n;
	int r = slots_reserve(fetch, at_once);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < at_once; i++)
		slot_start(fetch, fetch->slots[i], &progress);
	while (progress.ended < job->n) {
		r = wait_and_act(fetch, &progress);
		if (r < 0) {
			cancel_all(fetch);
			return r;
		}
		reap(fetch, &progress);
		if (progress.ended < job->n && out_of_time(&progress))
			give_up(fetch, &progress);
	}
	return 0;
}

/* ---- Making and unmaking ---- */

static int fetch_init_multi(struct docker_fetch *fetch)
{
	fetch->multi = curl_multi_init();
	if (!fetch->multi)
		return -ENOMEM;
	curl_multi_setopt(fetch->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(fetch->multi, CURLMOPT_SOCKETDATA, fetch);
	curl_multi_setopt(fetch->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(fetch->multi, CURLMOPT_TIMERDATA, fetch);
	return 0;
}

static int fetch_init_epoll(struct docker_fetch *fetch)
{
	struct epoll_event stop = {.events = EPOLLIN, .data.fd = fetch->stop_fd};
	fetch->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (fetch->epoll_fd < 0)
		return -errno;
	return epoll_ctl(fetch->epoll_fd, EPOLL_CTL_ADD, fetch->stop_fd, &stop) < 0 ? -errno : 0;
}

void fetch_destroy(struct docker_fetch *fetch)
{
	if (!fetch)
		return;
	for (uint32_t i = 0; i < fetch->n_slots; i++)
		docker_transfer_destroy(fetch->slots[i]);
	curl_multi_cleanup(fetch->multi);
	if (fetch->epoll_fd >= 0)
		close(fetch->epoll_fd);
	free(fetch->slots);
	free(fetch);
}

int fetch_create(const struct docker_endpoint *endpoint, const struct fetch_tls *tls, int stop_fd,
		 struct docker_fetch **ret)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -ENOMEM;
	struct docker_fetch *fetch = calloc(1, sizeof(*fetch));
	if (!fetch)
		return -ENOMEM;
	*fetch = (struct docker_fetch){
		.endpoint = endpoint, .tls = *tls, .epoll_fd = -1, .stop_fd = stop_fd, .timer = -1};
	int r = fetch_init_multi(fetch);
	if (r == 0)
		r = fetch_init_epoll(fetch);
	if (r < 0) {
		fetch_destroy(fetch);
		return r;
	}
	*ret = fetch;
	return 0;
}

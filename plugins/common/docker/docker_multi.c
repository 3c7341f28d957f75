/*
 * libcurl's multi interface on an epoll descriptor.  docker_fetch.c waits in here until its answers
 * are there; docker_stream.c never waits and gives the descriptor to a poll() of its caller.
 *
 * libcurl says by on_socket() which descriptors it wants watched and by on_timer() when it wants to
 * be called; docker_multi_act() reports both back to it.  With 1,000 transfers at once
 * curl_multi_perform() took 1.1 s of CPU: it checks every transfer each time.
 */
#include "docker/docker_multi.h"

#include <errno.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum { MULTI_EVENTS = 64 };

/* ---- Callbacks of libcurl ---- */

static int on_timer(CURLM *curl, long timeout_ms, void *arg)
{
	struct docker_multi *multi = arg;
	(void)curl;
	multi->timer = timeout_ms < 0 ? -1 : clock_monotonic() + timeout_ms * CLOCK_MS;
	return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct docker_multi *multi = arg;
	struct epoll_event event = {.data.fd = fd};
	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		epoll_ctl(multi->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	if (what & CURL_POLL_IN)
		event.events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		event.events |= EPOLLOUT;
	if (epoll_ctl(multi->epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) < 0)
		return -1;
	/* Any pointer that is not NULL: the next call for this descriptor is a modification. */
	if (!known)
		curl_multi_assign(multi->curl, fd, multi);
	return 0;
}

/* ---- Waiting and acting ---- */

int docker_multi_act(struct docker_multi *multi, int64_t until)
{
	struct epoll_event events[MULTI_EVENTS];
	int running;
	if (multi->timer >= 0 && multi->timer < until)
		until = multi->timer;
	int64_t wait = until - clock_monotonic();
	/* Rounded up, so that it does not come back just before the time it waited for. */
	int timeout_ms = wait <= 0 ? 0 : (int)((wait + CLOCK_MS - 1) / CLOCK_MS);
	int n = epoll_wait(multi->epoll_fd, events, MULTI_EVENTS, timeout_ms);
	for (int i = 0; i < n; i++) {
		if (events[i].data.fd == multi->stop_fd)
			return -ECANCELED;
		int what = 0;
		if (events[i].events & EPOLLIN)
			what |= CURL_CSELECT_IN;
		if (events[i].events & EPOLLOUT)
			what |= CURL_CSELECT_OUT;
		if (events[i].events & (EPOLLERR | EPOLLHUP))
			what |= CURL_CSELECT_ERR;
		curl_multi_socket_action(multi->curl, events[i].data.fd, what, &running);
	}
	/* Cleared first: libcurl sets the next timer from within the call. */
	if (multi->timer >= 0 && multi->timer <= clock_monotonic()) {
		multi->timer = -1;
		curl_multi_socket_action(multi->curl, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	return 0;
}

/* ---- Creating and destroying ---- */

int docker_multi_init(struct docker_multi *multi, int stop_fd)
{
	struct epoll_event stop = {.events = EPOLLIN, .data.fd = stop_fd};
	*multi = (struct docker_multi){.epoll_fd = -1, .stop_fd = stop_fd, .timer = -1};
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -ENOMEM;
	multi->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (multi->epoll_fd < 0)
		return -errno;
	if (stop_fd >= 0 && epoll_ctl(multi->epoll_fd, EPOLL_CTL_ADD, stop_fd, &stop) < 0)
		return -errno;
	multi->curl = curl_multi_init();
	if (!multi->curl)
		return -ENOMEM;
	curl_multi_setopt(multi->curl, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(multi->curl, CURLMOPT_SOCKETDATA, multi);
	curl_multi_setopt(multi->curl, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(multi->curl, CURLMOPT_TIMERDATA, multi);
	return 0;
}

void docker_multi_done(struct docker_multi *multi)
{
	curl_multi_cleanup(multi->curl);
	if (multi->epoll_fd >= 0)
		close(multi->epoll_fd);
}

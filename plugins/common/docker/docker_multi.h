/*
 * A curl multi handle driven by epoll and curl_multi_socket_action(), since curl_multi_perform()
 * checks every transfer each time and so costs the square of their number.  Moves bytes and calls
 * the callbacks of the transfers; docker_fetch.c and docker_stream.c, the only callers, take
 * finished transfers off the handle.  One thread.
 */
#ifndef TALLYD_PLUGINS_COMMON_DOCKER_MULTI_H
#define TALLYD_PLUGINS_COMMON_DOCKER_MULTI_H

#include <curl/curl.h>
#include <stdint.h>

struct docker_multi {
	CURLM *curl;
	int epoll_fd, stop_fd;
	int64_t timer; /* monotonic ns when curl wants to be called; -1: never */
};

/* stop_fd: readable when waiting should be given up, or -1.  It must stay where it is.  Also after
 * a failure done() is due.  -ENOMEM, -EMFILE, … */
int docker_multi_init(struct docker_multi *multi, int stop_fd);
void docker_multi_done(struct docker_multi *multi);

/* Waits until something can move, but not beyond a time of clock_monotonic(), and moves it.
 * -ECANCELED: stop_fd is readable. */
int docker_multi_act(struct docker_multi *multi, int64_t until);

#endif

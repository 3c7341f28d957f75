/*
 * Subscribes to channels under `<prefix>v1:`, on a connection of its own, and passes on their
 * messages.  Any thread; returns when the callback says so, when stop_fd becomes readable, when the
 * plugin is interrupted, or with an error (see struct tally_cache_ops).
 */
#ifndef TALLYD_REDIS_SUBSCRIBER_H
#define TALLYD_REDIS_SUBSCRIBER_H

#include "connection.h"

/* template: a closed connection with the address and the stop_fd; it is copied. */
int subscriber_run(const struct connection *template, const char *const *channels,
		   tally_message_fn *on_message, void *arg);

#endif

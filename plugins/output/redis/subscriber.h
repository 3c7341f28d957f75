/*
 * Follows channels under `<prefix>v1:` on a connection of its own.  Redis that is silent for
 * `timeout` is asked whether it lives.  Any thread; ends as struct tally_keeper says, also when the
 * plugin is interrupted.
 */
#ifndef TALLYD_REDIS_SUBSCRIBER_H
#define TALLYD_REDIS_SUBSCRIBER_H

#include "connection.h"

/* how: a closed link that says where to, with the stop_fd. */
int subscriber_run(const struct connection *template, const char *const *channels,
		   tally_heard_fn *on_message, void *arg);

#endif

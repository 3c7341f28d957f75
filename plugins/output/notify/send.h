/*
 * Sends one message at a time, over HTTP or SMTP, with a deadline, and comes back at once when the
 * instance is to stop.  One thread per sender.
 */
#ifndef TALLYD_NOTIFY_SEND_H
#define TALLYD_NOTIFY_SEND_H

#include "message.h"

struct sender;

struct sender *sender_create(struct tally_ctx *ctx, const struct notify_config *config);
void sender_destroy(struct sender *sender);

/* 0: it was taken.  -EINVAL: it never will be (the receiver says that it is wrong); any other
 * error: try again.  The reason is in tally_reason(), without secrets. */
int sender_send(struct sender *sender, struct message *message);

#endif

/*
 * Clients with wrong tokens are slowed down and logged.  An address may send AUTH_THROTTLE_BURST at
 * once, then one every AUTH_THROTTLE_SECONDS; beyond that the answer is a 429, which the server
 * delays for a moment.  A right token always passes, so that nobody can shut out others behind the
 * same proxy.  HTTP thread only; the table's size is fixed.
 */
#ifndef TALLYD_HTTP_AUTH_THROTTLE_H
#define TALLYD_HTTP_AUTH_THROTTLE_H

#include <stdbool.h>
#include <sys/socket.h>
#include <tallyd/host.h>

enum {
	AUTH_THROTTLE_BURST = 10,  /* wrong tokens at once */
	AUTH_THROTTLE_SECONDS = 6, /* for one more */
	AUTH_THROTTLE_HELD = 8,    /* delayed answers within a second, per address */
};

struct auth_throttle;

struct auth_throttle *auth_throttle_create(struct tally_ctx *ctx); /* NULL: no memory */
void auth_throttle_destroy(struct auth_throttle *throttle); /* logs what is left; NULL is fine */

/* A wrong token came from there.  now: monotonic.  0: answer 401; else answer 429, with so many
 * seconds to wait.  ret_hold: delay that answer; only few are at a time, since each keeps a
 * connection from clients with a right token. */
unsigned auth_throttle_note(struct auth_throttle *throttle, const struct sockaddr *address,
			    int64_t now, bool *ret_hold);

/* Logs the sums of what was not logged at once.  To be called now and then. */
void auth_throttle_flush_log(struct auth_throttle *throttle, int64_t now);

#endif

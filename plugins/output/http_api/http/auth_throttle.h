/*
 * Who shows wrong tokens is slowed down, and named in the log.  Each address may show a few, and
 * then one every some seconds; beyond that the answer is a 429, which the server holds back for a
 * moment.  A right token is let in whatever came from its address, so that nobody can shut out
 * others behind the same proxy.  HTTP thread only; the table's size is fixed.
 */
#ifndef TALLYD_HTTP_AUTH_THROTTLE_H
#define TALLYD_HTTP_AUTH_THROTTLE_H

#include <stdbool.h>
#include <sys/socket.h>
#include <tallyd/host.h>

enum {
	AUTH_THROTTLE_BURST = 10,  /* wrong tokens at once */
	AUTH_THROTTLE_SECONDS = 6, /* for one more */
	AUTH_THROTTLE_HELD = 8,    /* answers held back within a second, of an address */
};

struct auth_throttle;

struct auth_throttle *auth_throttle_create(struct tally_ctx *ctx); /* NULL: no memory */
void auth_throttle_destroy(struct auth_throttle *throttle); /* says what is untold; NULL is fine */

/* A wrong token has come from there.  now: monotonic.  0: it is told so; else after how many
 * seconds it may show another.  ret_hold: that answer is to be held back, as few are at a time,
 * since each keeps a connection from who has a right token. */
unsigned auth_throttle_note(struct auth_throttle *throttle, const struct sockaddr *address,
			    int64_t now, bool *ret_hold);

/* Says what was held back so that the log does not fill.  To be called now and then. */
void auth_throttle_flush_log(struct auth_throttle *throttle, int64_t now);

#endif

/*
 * When a chain of certificates stops being valid, and when to say so: at once, then once a day, and
 * whenever it gets worse.  tls.c calls it with its lock held, on whichever thread looked.
 */
#ifndef TALLYD_HTTP_CERTIFICATE_EXPIRY_H
#define TALLYD_HTTP_CERTIFICATE_EXPIRY_H

#include <gnutls/abstract.h>
#include <stdint.h>
#include <tallyd/host.h>

enum { CERTIFICATE_NAME_SIZE = 128 };

enum certificate_state {
	CERTIFICATE_VALID,
	CERTIFICATE_EXPIRES_SOON, /* within 30 days */
	CERTIFICATE_NOT_YET_VALID,
	CERTIFICATE_EXPIRED,
};

struct certificate_expiry {
	int64_t not_before, not_after; /* s since 1970: the latest and the earliest of the chain */
	char name[CERTIFICATE_NAME_SIZE];       /* of the one that expires first */
	char later_name[CERTIFICATE_NAME_SIZE]; /* of the one that is valid last */
	enum certificate_state logged;
	int64_t logged_at; /* monotonic; 0: never */
};

/* A GnuTLS error, or 0. */
int certificate_expiry_read(const gnutls_pcert_st *certs, unsigned n,
			    struct certificate_expiry *ret);

/* now: wall time, ns. */
enum certificate_state certificate_expiry_state(const struct certificate_expiry *expiry,
						int64_t now);

/* Sets the metric, and warns if there is something to say that was not said within a day.
 * option, path: where the chain comes from. */
void certificate_expiry_check(struct certificate_expiry *expiry, struct tally_ctx *ctx,
			      const char *option, const char *path);

#endif

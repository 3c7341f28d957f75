/*
 * tls.c calls certificate_expiry_read() whenever it has loaded a chain, and
 * certificate_expiry_check() once a minute and at each connection, with its lock held.  Clients
 * refuse a chain as soon as any certificate in it has expired, so the first one to expire counts,
 * and likewise the last one to become valid.  What can fail: GnuTLS cannot parse a certificate; one
 * without a readable name is called by its place in the chain.
 */
#include "http/certificate_expiry.h"

#include <gnutls/x509.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "http_api.h"

enum { EXPIRY_DAY_SECONDS = 86400, EXPIRY_SOON_DAYS = 30 };

static const int64_t expiry_tell_every = CLOCK_DAY;

/* ---- Reading ------------------------------------------------------------- */

static void expiry_read_name(gnutls_x509_crt_t cert, unsigned place,
			     char ret[CERTIFICATE_NAME_SIZE])
{
	size_t size = CERTIFICATE_NAME_SIZE;
	if (gnutls_x509_crt_get_dn(cert, ret, &size) < 0 || !*ret)
		snprintf(ret, CERTIFICATE_NAME_SIZE, "number %u of the chain", place + 1);
	for (char *at = ret; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = '?';
}

static int expiry_add(const gnutls_pcert_st *pcert, unsigned place, struct certificate_expiry *ret)
{
	gnutls_x509_crt_t cert;
	int r = gnutls_pcert_export_x509((gnutls_pcert_st *)(uintptr_t)pcert, &cert);
	if (r < 0)
		return r;
	int64_t from = gnutls_x509_crt_get_activation_time(cert);
	int64_t to = gnutls_x509_crt_get_expiration_time(cert);
	if (place == 0 || to < ret->not_after) {
		ret->not_after = to;
		expiry_read_name(cert, place, ret->name);
	}
	if (place == 0 || from > ret->not_before) {
		ret->not_before = from;
		expiry_read_name(cert, place, ret->later_name);
	}
	gnutls_x509_crt_deinit(cert);
	return 0;
}

int certificate_expiry_read(const gnutls_pcert_st *certs, unsigned n,
			    struct certificate_expiry *ret)
{
	struct certificate_expiry expiry = {.logged = CERTIFICATE_VALID};
	for (unsigned i = 0; i < n; i++) {
		int r = expiry_add(&certs[i], i, &expiry);
		if (r < 0)
			return r;
	}
	*ret = expiry;
	return 0;
}

/* ---- Telling ------------------------------------------------------------- */

enum certificate_state certificate_expiry_state(const struct certificate_expiry *expiry,
						int64_t now)
{
	int64_t seconds = now / CLOCK_SECOND;
	if (seconds >= expiry->not_after)
		return CERTIFICATE_EXPIRED;
	if (seconds < expiry->not_before)
		return CERTIFICATE_NOT_YET_VALID;
	bool soon = expiry->not_after - seconds <= EXPIRY_SOON_DAYS * EXPIRY_DAY_SECONDS;
	return soon ? CERTIFICATE_EXPIRES_SOON : CERTIFICATE_VALID;
}

static void expiry_write_time(int64_t seconds, char ret[32])
{
	struct tm tm;
	time_t time = (time_t)seconds;
	if (!gmtime_r(&time, &tm) || strftime(ret, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(ret, 32, "%" PRId64, seconds);
}

static void expiry_tell(const struct certificate_expiry *expiry, struct tally_ctx *ctx,
			const char *option, const char *path)
{
	char after[32], before[32];
	int64_t days = (expiry->not_after - tally_now(ctx) / CLOCK_SECOND) / EXPIRY_DAY_SECONDS;
	expiry_write_time(expiry->not_after, after);
	expiry_write_time(expiry->not_before, before);
	if (expiry->logged == CERTIFICATE_EXPIRED)
		tally_log(ctx, TALLY_ERROR,
			  "%s: %s: the certificate \"%s\" has expired at %s; clients refuse to "
			  "connect",
			  option, path, expiry->name, after);
	else if (expiry->logged == CERTIFICATE_NOT_YET_VALID)
		tally_log(ctx, TALLY_ERROR,
			  "%s: %s: the certificate \"%s\" is not valid before %s; clients refuse "
			  "to connect",
			  option, path, expiry->later_name, before);
	else
		tally_log(ctx, TALLY_WARNING,
			  "%s: %s: the certificate \"%s\" expires in %" PRId64 " day%s, at %s",
			  option, path, expiry->name, days, days == 1 ? "" : "s", after);
}

void certificate_expiry_check(struct certificate_expiry *expiry, struct tally_ctx *ctx,
			      const char *option, const char *path)
{
	enum certificate_state state = certificate_expiry_state(expiry, tally_now(ctx));
	int64_t now = tally_monotonic(ctx);
	bool same = state == expiry->logged;
	tally_gauge(ctx, HTTP_CERTIFICATE_EXPIRY, expiry->not_after);
	if (same && (state == CERTIFICATE_VALID || now - expiry->logged_at < expiry_tell_every))
		return;
	expiry->logged = state;
	expiry->logged_at = now;
	if (state != CERTIFICATE_VALID)
		expiry_tell(expiry, ctx, option, path);
}

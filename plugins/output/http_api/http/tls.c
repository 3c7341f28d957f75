/*
 * server.c calls tls_use() on the HTTP thread for each new connection, and GnuTLS calls
 * tls_retrieve() on the same thread during its handshake; a watcher thread checks the files once
 * a minute.  A pair that was loaded stays in memory until tls_close(), since handshakes may still
 * use it.
 *
 * What can fail: files that are missing, too open, malformed, or do not belong together.  At the
 * start that is an error; later it is logged, and the pair read before stays in use.
 */
#include "http/tls.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/worker.h"
#include <errno.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "http/certificate_expiry.h"
#include "http_api.h"
#include "http/file_watch.h"

enum { TLS_MAX_CHAIN = 16, TLS_MAX_FILE = 64 << 10, TLS_KEY_ID = 64 };

static const int64_t tls_look = CLOCK_SECOND;           /* at the files, at most so often */
static const int64_t tls_watch_interval = CLOCK_MINUTE; /* and at least so often */

/*
 * TLS 1.2 and 1.3 only, and of 1.2 only what gives forward secrecy and authenticated encryption.
 * Named one by one, so that neither the library's defaults nor the system's can widen it.  Without
 * DHE, whose parameters libmicrohttpd would have to be given, and without SHA-1 in signatures.
 */
const char tls_priorities[] =
	"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-CIPHER-ALL:"
	"+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-GCM:-MAC-ALL:+AEAD:-SIGN-RSA-SHA1:"
	"-SIGN-ECDSA-SHA1:%SERVER_PRECEDENCE:%SAFE_RENEGOTIATION";

/* Handshakes hold pointers into it, and nothing says when they are over; so no pair is freed before
 * tls_close().  Certificates change rarely, so few pile up. */
struct tls_pair {
	struct tls_pair *older;
	gnutls_pcert_st certs[TLS_MAX_CHAIN];
	unsigned n_certs;
	gnutls_privkey_t key;
};

struct tls {
	struct tally_ctx *ctx;
	const char *cert_path, *key_path;
	pthread_mutex_t lock; /* guards everything below */
	int64_t checked;      /* monotonic */
	struct file_watch cert_read, key_read;
	struct tls_pair *newest;
	struct certificate_expiry expiry; /* of the newest */
	struct worker watcher;
};

/* libmicrohttpd passes no argument to tls_retrieve(). */
static _Thread_local struct tls *tls_current;

/* ---- Files --------------------------------------------------------------- */

struct tls_file {
	char *text;
	size_t size; /* of text */
	struct stat stat;
};

static void tls_file_done(struct tls_file *file)
{
	if (file->text)
		explicit_bzero(file->text, file->size);
	free(file->text);
}
#define auto_tls_file __attribute__((cleanup(tls_file_done)))

static int tls_read(struct tls *tls, const char *option, const char *path, struct tls_file *ret)
{
	auto_fclose FILE *file = fopen(path, "re");
	if (!file || fstat(fileno(file), &ret->stat) < 0)
		return tally_fail(tls->ctx, errno, "%s: %s: %s", option, path, strerror(errno));
	if (!S_ISREG(ret->stat.st_mode) || ret->stat.st_size > TLS_MAX_FILE)
		return tally_fail(tls->ctx, EINVAL, "%s: %s is not a file of at most 64 KiB",
				  option, path);
	ret->size = TLS_MAX_FILE + 1;
	ret->text = calloc(1, ret->size);
	if (!ret->text)
		return tally_fail(tls->ctx, ENOMEM, "out of memory");
	ret->text[fread(ret->text, 1, TLS_MAX_FILE, file)] = '\0';
	return 0;
}

static gnutls_datum_t tls_datum(const struct tls_file *file)
{
	return (gnutls_datum_t){(unsigned char *)file->text, (unsigned)strlen(file->text)};
}

/* ---- Pairs --------------------------------------------------------------- */

static void tls_pair_free(struct tls_pair *pair)
{
	for (unsigned i = 0; i < pair->n_certs; i++)
		gnutls_pcert_deinit(&pair->certs[i]);
	if (pair->key)
		gnutls_privkey_deinit(pair->key);
	free(pair);
}

/* A GnuTLS error, or 0: the key belongs to the first certificate. */
static int tls_check_pair(const struct tls_pair *pair)
{
	unsigned char ours[TLS_KEY_ID], theirs[TLS_KEY_ID];
	size_t ours_len = sizeof(ours), theirs_len = sizeof(theirs);
	gnutls_pubkey_t own;
	int r = gnutls_pubkey_init(&own);
	if (r < 0)
		return r;
	r = gnutls_pubkey_import_privkey(own, pair->key, 0, 0);
	if (r == 0)
		r = gnutls_pubkey_get_key_id(own, 0, ours, &ours_len);
	if (r == 0)
		r = gnutls_pubkey_get_key_id(pair->certs[0].pubkey, 0, theirs, &theirs_len);
	gnutls_pubkey_deinit(own);
	if (r == 0 && (ours_len != theirs_len || memcmp(ours, theirs, ours_len) != 0))
		return GNUTLS_E_CERTIFICATE_KEY_MISMATCH;
	return r;
}

static int tls_parse(const struct tls_file *cert, const struct tls_file *key, struct tls_pair *pair)
{
	const gnutls_datum_t cert_text = tls_datum(cert), key_text = tls_datum(key);
	unsigned n = TLS_MAX_CHAIN;
	int r = gnutls_pcert_list_import_x509_raw(pair->certs, &n, &cert_text, GNUTLS_X509_FMT_PEM,
						  0);
	if (r < 0)
		return r;
	pair->n_certs = n;
	r = gnutls_privkey_init(&pair->key);
	if (r == 0)
		r = gnutls_privkey_import_x509_raw(pair->key, &key_text, GNUTLS_X509_FMT_PEM, NULL,
						   0);
	return r < 0 ? r : tls_check_pair(pair);
}

static int tls_add_pair(struct tls *tls, const struct tls_file *cert, const struct tls_file *key)
{
	struct certificate_expiry expiry = {0};
	struct tls_pair *pair = calloc(1, sizeof(*pair));
	if (!pair)
		return tally_fail(tls->ctx, ENOMEM, "out of memory");
	int r = tls_parse(cert, key, pair);
	if (r == 0)
		r = certificate_expiry_read(pair->certs, pair->n_certs, &expiry);
	if (r < 0) {
		tls_pair_free(pair);
		return tally_fail(tls->ctx, EINVAL, "tls_cert, tls_key: %s and %s: %s",
				  tls->cert_path, tls->key_path, gnutls_strerror(r));
	}
	pair->older = tls->newest;
	tls->newest = pair;
	tls->expiry = expiry;
	return 0;
}

static int tls_load(struct tls *tls)
{
	struct tls_file cert auto_tls_file = {.text = NULL}, key auto_tls_file = {.text = NULL};
	int r = tls_read(tls, "tls_cert", tls->cert_path, &cert);
	if (r == 0)
		r = tls_read(tls, "tls_key", tls->key_path, &key);
	if (r < 0)
		return r;
	tls->cert_read = file_watch_of(&cert.stat);
	tls->key_read = file_watch_of(&key.stat);
	if (key.stat.st_mode & (S_IRWXO | S_IWGRP))
		return tally_fail(tls->ctx, EPERM,
				  "tls_key: %s: others may read or change it (chmod 600)",
				  tls->key_path);
	return tls_add_pair(tls, &cert, &key);
}

/* ---- Changes ------------------------------------------------------------- */

static void tls_refresh(struct tls *tls)
{
	int64_t now = tally_monotonic(tls->ctx);
	if (now - tls->checked < tls_look)
		return;
	tls->checked = now;
	if (!file_watch_is_old(&tls->cert_read, tls->cert_path) &&
	    !file_watch_is_old(&tls->key_read, tls->key_path))
		return;
	if (tls_load(tls) == 0)
		tally_log(tls->ctx, TALLY_NOTICE, "tls_cert, tls_key: reloaded");
	else
		tally_log(tls->ctx, TALLY_ERROR, "%s; the previous certificate stays in use",
			  tally_reason(tls->ctx));
}

static void tls_check(struct tls *tls)
{
	pthread_mutex_lock(&tls->lock);
	tls_refresh(tls);
	certificate_expiry_check(&tls->expiry, tls->ctx, "tls_cert", tls->cert_path);
	pthread_mutex_unlock(&tls->lock);
}

void tls_use(struct tls *tls)
{
	tls_current = tls;
	if (tls)
		tls_check(tls);
}

/* So that an expiring certificate is logged, and a new one read, also where nobody connects. */
static void tls_watch(void *arg)
{
	struct tls *tls = arg;
	do
		tls_check(tls);
	while (worker_wait(&tls->watcher, clock_monotonic() + tls_watch_interval) !=
	       WORKER_STOPPED);
}

/* NOLINTNEXTLINE(readability-function-size): the signature is GnuTLS's */
int tls_retrieve(gnutls_session_t session, const gnutls_datum_t *req_ca_rdn, int nreqs,
		 const gnutls_pk_algorithm_t *pk_algos, int pk_algos_length,
		 gnutls_pcert_st **ret_certs, unsigned int *ret_n, gnutls_privkey_t *ret_key)
{
	(void)session;
	(void)req_ca_rdn;
	(void)nreqs;
	(void)pk_algos;
	(void)pk_algos_length;
	pthread_mutex_lock(&tls_current->lock);
	struct tls_pair *pair = tls_current->newest;
	pthread_mutex_unlock(&tls_current->lock);
	*ret_certs = pair->certs;
	*ret_n = pair->n_certs;
	*ret_key = pair->key;
	return 0;
}

/* ---- Opening and closing ------------------------------------------------- */

int tls_open(struct tally_ctx *ctx, const char *cert_path, const char *key_path, struct tls **ret)
{
	struct tls *tls = calloc(1, sizeof(*tls));
	if (!tls)
		return tally_fail(ctx, ENOMEM, "out of memory");
	*tls = (struct tls){.ctx = ctx, .cert_path = cert_path, .key_path = key_path};
	pthread_mutex_init(&tls->lock, NULL);
	worker_init(&tls->watcher);
	tls->checked = tally_monotonic(ctx);
	int r = tls_load(tls);
	if (r == 0) {
		certificate_expiry_check(&tls->expiry, ctx, "tls_cert", cert_path);
		r = worker_start(&tls->watcher, "http-tls", tls_watch, tls);
		if (r < 0)
			r = tally_fail(ctx, -r, "cannot start a thread: %s", strerror(-r));
	}
	if (r < 0) {
		tls_close(tls);
		return r;
	}
	*ret = tls;
	return 0;
}

void tls_close(struct tls *tls)
{
	if (!tls)
		return;
	worker_stop(&tls->watcher);
	while (tls->newest) {
		struct tls_pair *older = tls->newest->older;
		tls_pair_free(tls->newest);
		tls->newest = older;
	}
	worker_done(&tls->watcher);
	pthread_mutex_destroy(&tls->lock);
	free(tls);
}

/*
 * The certificate and key for TLS, from two files in PEM.  The files are checked for changes at
 * each connection, at most once a second, and by a thread once a minute, so that a renewed
 * certificate takes effect without a restart; wrong files leave the pair that was read before.  The
 * thread also logs when the certificate expires.
 */
#ifndef TALLYD_HTTP_TLS_H
#define TALLYD_HTTP_TLS_H

#include <gnutls/abstract.h>
#include <tallyd/host.h>

struct tls;

/* What tally_fail() returned: a file cannot be read, others may read the key, or they are no pair.
 */
int tls_open(struct tally_ctx *ctx, const char *cert_path, const char *key_path, struct tls **ret);
void tls_close(struct tls *tls); /* after the daemon was stopped; NULL is fine */

/* For MHD_OPTION_HTTPS_PRIORITIES: which versions and ciphers. */
extern const char tls_priorities[];

/* HTTP thread: a connection has come, whose handshake this thread will do.  libmicrohttpd gives the
 * function below no argument of ours. */
void tls_use(struct tls *tls);
/* For MHD_OPTION_HTTPS_CERT_CALLBACK. */
gnutls_certificate_retrieve_function2 tls_retrieve;

#endif

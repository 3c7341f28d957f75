/* TLS over a socket, with certificates made here. */
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "http_fixture.h"
#include "test.h"
#include "waiting.h"

const struct tally_plugin *tally_plugin(void);

static char folder[] = "/tmp/tallyd-tls-XXXXXX";
static char cert_path[100], key_path[100];

static void write_file(const char *path, const gnutls_datum_t *text, mode_t mode)
{
	char fresh[110];
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	FILE *file = fopen(fresh, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(text->data, 1, text->size, file), text->size);
	fclose(file);
	assert_int_equal(chmod(fresh, mode), 0);
	assert_int_equal(rename(fresh, path), 0);
}

/* What a certificate says of itself; times are seconds from HTTP_NOW. */
struct validity {
	const char *name;
	int64_t from, to;
};

static gnutls_x509_crt_t make_certificate(const struct validity *validity,
					  gnutls_x509_privkey_t key, gnutls_x509_crt_t issuer,
					  gnutls_x509_privkey_t issuer_key)
{
	gnutls_x509_crt_t cert;
	gnutls_x509_crt_init(&cert);
	gnutls_x509_crt_set_version(cert, 3);
	gnutls_x509_crt_set_serial(cert, "\1", 1);
	gnutls_x509_crt_set_activation_time(cert, HTTP_NOW / CLOCK_SECOND + validity->from);
	gnutls_x509_crt_set_expiration_time(cert, HTTP_NOW / CLOCK_SECOND + validity->to);
	gnutls_x509_crt_set_dn_by_oid(cert, GNUTLS_OID_X520_COMMON_NAME, 0, validity->name,
				      (unsigned)strlen(validity->name));
	gnutls_x509_crt_set_key(cert, key);
	assert_int_equal(gnutls_x509_crt_sign2(cert, issuer ? issuer : cert, issuer_key,
					       GNUTLS_DIG_SHA256, 0),
			 0);
	return cert;
}

static void append_certificate(gnutls_x509_crt_t cert, char *text, size_t size)
{
	gnutls_datum_t pem;
	assert_int_equal(gnutls_x509_crt_export2(cert, GNUTLS_X509_FMT_PEM, &pem), 0);
	size_t len = strlen(text);
	snprintf(text + len, size - len, "%.*s", (int)pem.size, (char *)pem.data);
	gnutls_free(pem.data);
	gnutls_x509_crt_deinit(cert);
}

/* The first signed by the second, and the key of the first, in the two files. */
static void make_chain(const struct validity *own, const struct validity *issuer, mode_t key_mode)
{
	gnutls_x509_privkey_t key, issuer_key;
	gnutls_datum_t text;
	char chain[8192] = "";
	gnutls_x509_privkey_init(&key);
	gnutls_x509_privkey_init(&issuer_key);
	assert_int_equal(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, 256, 0), 0);
	assert_int_equal(gnutls_x509_privkey_generate(issuer_key, GNUTLS_PK_ECDSA, 256, 0), 0);
	gnutls_x509_crt_t signer = make_certificate(issuer, issuer_key, NULL, issuer_key);
	append_certificate(make_certificate(own, key, signer, issuer_key), chain, sizeof(chain));
	append_certificate(signer, chain, sizeof(chain));
	assert_int_equal(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &text), 0);
	write_file(key_path, &text, key_mode);
	gnutls_free(text.data);
	text = (gnutls_datum_t){(unsigned char *)chain, (unsigned)strlen(chain)};
	write_file(cert_path, &text, 0644);
	gnutls_x509_privkey_deinit(key);
	gnutls_x509_privkey_deinit(issuer_key);
}

#define DAY INT64_C(86400)

static void make_pair(const char *name, mode_t key_mode)
{
	const struct validity own = {name, -60, 90 * DAY}, issuer = {"issuer", -60, 900 * DAY};
	make_chain(&own, &issuer, key_mode);
}

static int set_up(void **state)
{
	struct http_fixture *fixture = calloc(1, sizeof(*fixture));
	memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
	assert_non_null(mkdtemp(folder));
	snprintf(cert_path, sizeof(cert_path), "%s/cert.pem", folder);
	snprintf(key_path, sizeof(key_path), "%s/key.pem", folder);
	make_pair("first", 0600);
	http_prepare(fixture);
	fixture->config.tls_cert = cert_path;
	fixture->config.tls_key = key_path;
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	http_tear_down(state);
	unlink(cert_path);
	unlink(key_path);
	rmdir(folder);
	return 0;
}

/* ---- A client ------------------------------------------------------------ */

static gnutls_certificate_credentials_t trust;

/* With what the client is ready to speak; what the handshake came to. */
static int shake_hands(int fd, const char *priorities, gnutls_session_t *ret)
{
	assert_int_equal(gnutls_init(ret, GNUTLS_CLIENT), 0);
	assert_int_equal(gnutls_priority_set_direct(*ret, priorities, NULL), 0);
	gnutls_credentials_set(*ret, GNUTLS_CRD_CERTIFICATE, trust);
	gnutls_transport_set_int(*ret, fd);
	gnutls_handshake_set_timeout(*ret, 30000);
	int r;
	do
		r = gnutls_handshake(*ret);
	while (r < 0 && gnutls_error_is_fatal(r) == 0);
	return r;
}

static gnutls_session_t greet(int fd)
{
	gnutls_session_t session;
	assert_int_equal(shake_hands(fd, "NORMAL", &session), 0);
	return session;
}

/* Who the server says it is. */
static void read_name(gnutls_session_t session, char *ret, size_t size)
{
	unsigned n;
	gnutls_x509_crt_t cert;
	const gnutls_datum_t *certs = gnutls_certificate_get_peers(session, &n);
	assert_non_null(certs);
	gnutls_x509_crt_init(&cert);
	assert_int_equal(gnutls_x509_crt_import(cert, &certs[0], GNUTLS_X509_FMT_DER), 0);
	assert_int_equal(
		gnutls_x509_crt_get_dn_by_oid(cert, GNUTLS_OID_X520_COMMON_NAME, 0, 0, ret, &size),
		0);
	gnutls_x509_crt_deinit(cert);
}

/* Sends a request, reads until `wanted` has come. */
static void query(const struct http_fixture *fixture, const char *target, const char *wanted,
		  char ret_name[64])
{
	char text[4096] = "", request[200];
	size_t len = 0;
	int fd = http_connect(fixture);
	gnutls_session_t session = greet(fd);
	read_name(session, ret_name, 64);
	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target);
	assert_int_equal(gnutls_record_send(session, request, strlen(request)), strlen(request));
	while (!strstr(text, wanted)) {
		ssize_t got = gnutls_record_recv(session, text + len, sizeof(text) - 1 - len);
		if (got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED)
			continue;
		if (got <= 0)
			fail_msg("%s: %zd after \"%s\"", target, got, text);
		len += (size_t)got;
		text[len] = '\0';
	}
	gnutls_deinit(session);
	close(fd);
}

/* ---- Tests --------------------------------------------------------------- */

static void answers_and_streams_come_by_tls(void **state)
{
	struct http_fixture *fixture = *state;
	char name[64];
	http_start(fixture);
	assert_non_null(strstr(fake_host_log(fixture->host, TALLY_NOTICE), "https://"));
	query(fixture, "/healthz", "HTTP/1.1 200", name);
	assert_string_equal(name, "first");
	query(fixture, "/api/v1/stream/logs", "retry: 2000", name);
}

static void old_versions_and_ciphers_without_forward_secrecy_are_refused(void **state)
{
	static const struct {
		const char *priorities;
		bool taken;
	} clients[] = {
		{"NORMAL:-VERS-ALL:+VERS-TLS1.3", true},
		{"NORMAL:-VERS-ALL:+VERS-TLS1.2", true},
		{"NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-GCM", true},
		{"NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+CHACHA20-POLY1305", true},
		{"NORMAL:-VERS-ALL:+VERS-TLS1.1", false},
		{"NORMAL:-VERS-ALL:+VERS-TLS1.0", false},
		{"NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA", false},
		{"NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ANON-ECDH", false},
		{"NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-256-CBC", false},
		{"NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+3DES-CBC", false},
		{"NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+ARCFOUR-128:+MD5", false},
		{"NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+NULL", false},
	};
	struct http_fixture *fixture = *state;
	http_start(fixture);
	for (size_t i = 0; i < sizeof(clients) / sizeof(*clients); i++) {
		gnutls_session_t session;
		int fd = http_connect(fixture);
		int r = shake_hands(fd, clients[i].priorities, &session);
		if ((r == 0) != clients[i].taken)
			fail_msg("%s: %s", clients[i].priorities, gnutls_strerror(r));
		gnutls_deinit(session);
		close(fd);
	}
}

/* How often the log says so. */
static unsigned count_in_log(const struct http_fixture *fixture, const char *text)
{
	unsigned n = 0;
	for (const char *at = fake_host_log(fixture->host, TALLY_WARNING); (at = strstr(at, text));
	     at++)
		n++;
	return n;
}

static void set_clocks(struct http_fixture *fixture, int64_t seconds)
{
	char name[64];
	fake_host_set_now(fixture->host, HTTP_NOW + seconds * CLOCK_SECOND);
	fake_host_set_monotonic(fixture->host, (DAY + seconds) * CLOCK_SECOND);
	query(fixture, "/healthz", "HTTP/1.1 200", name); /* it looks when a connection comes */
}

static void a_certificate_that_expires_is_told_30_days_ahead_and_daily(void **state)
{
	struct http_fixture *fixture = *state;
	const struct validity own = {"web.example", -DAY, 31 * DAY}, issuer = {"ca", 0, 900 * DAY};
	make_chain(&own, &issuer, 0600);
	fake_host_set_monotonic(fixture->host, DAY * CLOCK_SECOND);
	http_start(fixture);
	assert_int_equal(fake_host_metric(fixture->host, HTTP_CERTIFICATE_EXPIRY),
			 HTTP_NOW / CLOCK_SECOND + 31 * DAY);
	assert_int_equal(count_in_log(fixture, "web.example"), 0);
	set_clocks(fixture, 1 * DAY);
	assert_int_equal(
		count_in_log(fixture, "\"CN=web.example\" expires in 30 days, at 2026-02-01"), 1);
	set_clocks(fixture, 1 * DAY + 3600);
	assert_int_equal(count_in_log(fixture, "web.example"), 1);
	set_clocks(fixture, 2 * DAY);
	assert_int_equal(count_in_log(fixture, "expires in 29 days"), 1);
	set_clocks(fixture, 31 * DAY - 60);
	assert_int_equal(count_in_log(fixture, "expires in 0 days, at 2026-02-01"), 1);
	set_clocks(fixture, 31 * DAY); /* at once, not a day later */
	assert_int_equal(count_in_log(fixture, "has expired at 2026-02-01T12:00:00Z"), 1);
	make_pair("second", 0600);
	for (int i = 1; i < 3000 && fake_host_metric(fixture->host, HTTP_CERTIFICATE_EXPIRY) !=
					    HTTP_NOW / CLOCK_SECOND + 90 * DAY;
	     i++)
		set_clocks(fixture, 31 * DAY + i);
	assert_int_equal(fake_host_metric(fixture->host, HTTP_CERTIFICATE_EXPIRY),
			 HTTP_NOW / CLOCK_SECOND + 90 * DAY);
	assert_int_equal(count_in_log(fixture, "second"), 0);
	set_clocks(fixture, 62 * DAY);
	assert_int_equal(count_in_log(fixture, "\"CN=second\" expires in 28 days"), 1);
}

static void of_a_chain_the_certificate_that_expires_first_counts(void **state)
{
	struct http_fixture *fixture = *state;
	const struct validity own = {"web.example", 0, 90 * DAY}, issuer = {"ca.example", 0, DAY};
	make_chain(&own, &issuer, 0600);
	http_start(fixture);
	assert_int_equal(count_in_log(fixture, "\"CN=ca.example\" expires in 1 day"), 1);
	assert_int_equal(fake_host_metric(fixture->host, HTTP_CERTIFICATE_EXPIRY),
			 HTTP_NOW / CLOCK_SECOND + DAY);
}

static void an_expired_certificate_and_one_of_tomorrow_are_told_at_start(void **state)
{
	struct http_fixture *fixture = *state;
	const struct validity old = {"old.example", -9 * DAY, -DAY}, issuer = {"ca", 0, 90 * DAY};
	const struct validity new = {"new.example", DAY, 90 * DAY};
	make_chain(&old, &issuer, 0600);
	http_start(fixture);
	assert_non_null(strstr(fake_host_log(fixture->host, TALLY_ERROR),
			       "\"CN=old.example\" has expired at 2025-12-31"));
	http_finish(fixture);
	make_chain(&new, &issuer, 0600);
	http_prepare(fixture);
	fixture->config.tls_cert = cert_path;
	fixture->config.tls_key = key_path;
	http_start(fixture);
	assert_non_null(strstr(fake_host_log(fixture->host, TALLY_ERROR),
			       "\"CN=new.example\" is not valid before 2026-01-02"));
}

static void who_speaks_no_tls_gets_no_answer(void **state)
{
	struct http_fixture *fixture = *state;
	http_start(fixture);
	struct http_answer answer = http_get(fixture, "/healthz");
	assert_int_equal(answer.status, 0);
	http_free(&answer);
}

/* A byte of a ClientHello now and then. */
static void who_never_ends_the_handshake_is_hung_up_on(void **state)
{
	static const char hello[] = {0x16, 3, 1, 2, 0, 1, 0};
	struct http_fixture *fixture = *state;
	struct timespec now;
	char name[64], byte;
	http_start(fixture);
	int fd = http_connect(fixture);
	http_send(fd, hello, 3);
	query(fixture, "/healthz", "HTTP/1.1 200", name); /* both are in by now */
	http_send(fd, hello + 3, sizeof(hello) - 3);
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	clock_gettime(CLOCK_MONOTONIC, &now);
	fake_host_set_monotonic(fixture->host, (now.tv_sec + 70) * CLOCK_SECOND);
	assert_true(recv(fd, &byte, 1, 0) <= 0);
	assert_true(fake_host_metric(fixture->host, HTTP_SLOW) >= 1);
	close(fd);
}

static const char *queried_name(struct http_fixture *fixture, char name[64])
{
	query(fixture, "/healthz", "HTTP/1.1 200", name);
	return name;
}

/* The first certificate goes on being used until the log has an error with that text. */
static bool serves_first_and_says(struct http_fixture *fixture, const char *text)
{
	char name[64];
	assert_string_equal(queried_name(fixture, name), "first");
	return strstr(fake_host_log(fixture->host, TALLY_ERROR), text) != NULL;
}

static void a_renewed_certificate_is_used(void **state)
{
	struct http_fixture *fixture = *state;
	char name[64];
	http_start(fixture);
	query(fixture, "/healthz", "HTTP/1.1 200", name);
	assert_string_equal(name, "first");
	make_pair("second", 0600);
	WAIT_UNTIL(strcmp(queried_name(fixture, name), "second") == 0);
}

static void a_file_that_has_become_wrong_changes_nothing(void **state)
{
	static unsigned char garbage[] = "-----BEGIN CERTIFICATE-----\nAAAA\n";
	const gnutls_datum_t text = {garbage, sizeof(garbage) - 1};
	struct http_fixture *fixture = *state;
	http_start(fixture);
	write_file(cert_path, &text, 0644);
	WAIT_UNTIL(serves_first_and_says(fixture, "stays in use"));
}

static void a_key_whose_mode_is_set_right_is_read_then(void **state)
{
	struct http_fixture *fixture = *state;
	char name[64];
	http_start(fixture);
	make_pair("second", 0644);
	WAIT_UNTIL(serves_first_and_says(fixture, "chmod 600"));
	assert_int_equal(chmod(key_path, 0600), 0);
	WAIT_UNTIL(strcmp(queried_name(fixture, name), "second") == 0);
}

static void assert_refused(struct http_fixture *fixture, const char *why)
{
	void *self;
	const struct tally_plugin *plugin = tally_plugin();
	int r = plugin->create(fake_host_ctx(fixture->host), &fixture->config, &self);
	if (r == 0) {
		r = plugin->start(self);
		plugin->destroy(self);
	}
	assert_true(r < 0);
	if (!strstr(fake_host_reason(fixture->host), why))
		fail_msg("\"%s\" does not say \"%s\"", fake_host_reason(fixture->host), why);
}

static void what_cannot_be_right_is_refused(void **state)
{
	struct http_fixture *fixture = *state;
	char other[110];
	fixture->config.tls_key = NULL;
	assert_refused(fixture, "is required with tls_");
	fixture->config.tls_key = "/nonexistent";
	assert_refused(fixture, "No such file");
	fixture->config.tls_key = key_path;
	assert_int_equal(chmod(key_path, 0644), 0);
	assert_refused(fixture, "chmod 600");
	snprintf(other, sizeof(other), "%s.other", key_path);
	assert_int_equal(rename(cert_path, other), 0);
	assert_int_equal(chmod(key_path, 0600), 0);
	gnutls_datum_t old;
	assert_int_equal(gnutls_load_file(key_path, &old), 0);
	make_pair("another", 0600);
	write_file(key_path, &old, 0600);
	gnutls_free(old.data);
	assert_refused(fixture, "tls_cert, tls_key");
	unlink(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answers_and_streams_come_by_tls),
		TEST(old_versions_and_ciphers_without_forward_secrecy_are_refused),
		TEST(a_certificate_that_expires_is_told_30_days_ahead_and_daily),
		TEST(of_a_chain_the_certificate_that_expires_first_counts),
		TEST(an_expired_certificate_and_one_of_tomorrow_are_told_at_start),
		TEST(who_speaks_no_tls_gets_no_answer),
		TEST(who_never_ends_the_handshake_is_hung_up_on),
		TEST(a_renewed_certificate_is_used),
		TEST(a_file_that_has_become_wrong_changes_nothing),
		TEST(a_key_whose_mode_is_set_right_is_read_then),
		TEST(what_cannot_be_right_is_refused),
	};
	gnutls_certificate_allocate_credentials(&trust);
	int r = cmocka_run_group_tests(tests, NULL, NULL);
	gnutls_certificate_free_credentials(trust);
	return r;
}

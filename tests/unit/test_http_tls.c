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

#include "http_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

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

/* A certificate that names itself, and its key, in the two files. */
static void make_pair(const char *name, mode_t key_mode)
{
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t cert;
	gnutls_datum_t text;
	gnutls_x509_privkey_init(&key);
	gnutls_x509_crt_init(&cert);
	assert_int_equal(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, 256, 0), 0);
	gnutls_x509_crt_set_version(cert, 3);
	gnutls_x509_crt_set_serial(cert, "\1", 1);
	gnutls_x509_crt_set_activation_time(cert, time(NULL) - 60);
	gnutls_x509_crt_set_expiration_time(cert, time(NULL) + 3600);
	gnutls_x509_crt_set_dn_by_oid(cert, GNUTLS_OID_X520_COMMON_NAME, 0, name,
				      (unsigned)strlen(name));
	gnutls_x509_crt_set_key(cert, key);
	assert_int_equal(gnutls_x509_crt_sign2(cert, cert, key, GNUTLS_DIG_SHA256, 0), 0);
	assert_int_equal(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &text), 0);
	write_file(key_path, &text, key_mode);
	gnutls_free(text.data);
	assert_int_equal(gnutls_x509_crt_export2(cert, GNUTLS_X509_FMT_PEM, &text), 0);
	write_file(cert_path, &text, 0644);
	gnutls_free(text.data);
	gnutls_x509_crt_deinit(cert);
	gnutls_x509_privkey_deinit(key);
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

static gnutls_session_t greet(const struct http_fixture *fixture, int fd)
{
	gnutls_session_t session;
	(void)fixture;
	assert_int_equal(gnutls_init(&session, GNUTLS_CLIENT), 0);
	gnutls_set_default_priority(session);
	gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, trust);
	gnutls_transport_set_int(session, fd);
	gnutls_handshake_set_timeout(session, 30000);
	int r;
	do
		r = gnutls_handshake(session);
	while (r < 0 && gnutls_error_is_fatal(r) == 0);
	assert_int_equal(r, 0);
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
static void ask(const struct http_fixture *fixture, const char *target, const char *wanted,
		char ret_name[64])
{
	char text[4096] = "", request[200];
	size_t len = 0;
	int fd = http_connect(fixture);
	gnutls_session_t session = greet(fixture, fd);
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
	ask(fixture, "/healthz", "HTTP/1.1 200", name);
	assert_string_equal(name, "first");
	ask(fixture, "/api/v1/stream/logs", "retry: 2000", name);
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
	ask(fixture, "/healthz", "HTTP/1.1 200", name); /* both are in by now */
	http_send(fd, hello + 3, sizeof(hello) - 3);
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	clock_gettime(CLOCK_MONOTONIC, &now);
	fake_host_set_monotonic(fixture->host, (now.tv_sec + 70) * HTTP_SECOND);
	assert_true(recv(fd, &byte, 1, 0) <= 0);
	assert_true(fake_host_metric(fixture->host, HTTP_SLOW) >= 1);
	close(fd);
}

static void a_renewed_certificate_is_used(void **state)
{
	struct http_fixture *fixture = *state;
	char name[64];
	http_start(fixture);
	ask(fixture, "/healthz", "HTTP/1.1 200", name);
	assert_string_equal(name, "first");
	make_pair("second", 0600);
	for (int i = 0; i < 3000 && strcmp(name, "second") != 0; i++) {
		ask(fixture, "/healthz", "HTTP/1.1 200", name);
		usleep(10000);
	}
	assert_string_equal(name, "second");
}

static void a_file_that_has_become_wrong_changes_nothing(void **state)
{
	static unsigned char garbage[] = "-----BEGIN CERTIFICATE-----\nAAAA\n";
	const gnutls_datum_t text = {garbage, sizeof(garbage) - 1};
	struct http_fixture *fixture = *state;
	char name[64];
	http_start(fixture);
	write_file(cert_path, &text, 0644);
	for (int i = 0; i < 3000 && !strstr(fake_host_log(fixture->host, TALLY_ERROR), "stays");
	     i++) {
		ask(fixture, "/healthz", "HTTP/1.1 200", name);
		assert_string_equal(name, "first");
		usleep(10000);
	}
	assert_non_null(strstr(fake_host_log(fixture->host, TALLY_ERROR), "stays in use"));
}

static void a_key_whose_mode_is_set_right_is_read_then(void **state)
{
	struct http_fixture *fixture = *state;
	char name[64];
	http_start(fixture);
	make_pair("second", 0644);
	for (int i = 0; i < 3000 && !strstr(fake_host_log(fixture->host, TALLY_ERROR), "chmod 600");
	     i++) {
		ask(fixture, "/healthz", "HTTP/1.1 200", name);
		assert_string_equal(name, "first");
		usleep(10000);
	}
	assert_int_equal(chmod(key_path, 0600), 0);
	for (int i = 0; i < 3000 && strcmp(name, "second") != 0; i++) {
		ask(fixture, "/healthz", "HTTP/1.1 200", name);
		usleep(10000);
	}
	assert_string_equal(name, "second");
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
	assert_refused(fixture, "go together");
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

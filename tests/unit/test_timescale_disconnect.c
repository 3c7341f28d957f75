/*
 * The connection is cut at every point of a write, by a proxy that counts bytes: after each the
 * rows are there exactly once when the write has been told to be done.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "timescale_fixture.h"
#include "test.h"

enum { PAIRS = 8 };

struct proxy {
	int pairs[PAIRS][2]; /* client and server; -1: none */
	int listener;
	uint16_t port;
	struct sockaddr_storage server;
	socklen_t server_len;
	pthread_t thread;
	atomic_bool stop;
	atomic_long up, down; /* bytes let through to the server, and from it */
	atomic_long partitioning_up, partitioning_down; /* cut after so many; -1: never */
};

static int proxy_connect(const struct proxy *proxy)
{
	int fd = socket(proxy->server.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&proxy->server, proxy->server_len),
			 0);
	return fd;
}

/* False: the end, or cut. */
static bool proxy_pass(int from, int to, atomic_long *passed, const atomic_long *cut)
{
	char bytes[4096];
	long left =
		atomic_load(cut) < 0 ? (long)sizeof(bytes) : atomic_load(cut) - atomic_load(passed);
	if (left <= 0)
		return false;
	ssize_t n = read(from, bytes, (size_t)left < sizeof(bytes) ? (size_t)left : sizeof(bytes));
	if (n <= 0)
		return false;
	for (ssize_t at = 0, m; at < n; at += m)
		if ((m = send(to, bytes + at, (size_t)(n - at), MSG_NOSIGNAL)) <= 0)
			return false;
	atomic_fetch_add(passed, n);
	return atomic_load(cut) < 0 || atomic_load(passed) < atomic_load(cut);
}

static void proxy_accept(struct proxy *proxy)
{
	int i = 0, client = accept(proxy->listener, NULL, NULL);
	while (i < PAIRS && proxy->pairs[i][0] >= 0)
		i++;
	assert_true(client >= 0 && i < PAIRS);
	proxy->pairs[i][0] = client;
	proxy->pairs[i][1] = proxy_connect(proxy);
}

static void proxy_close(int pair[2])
{
	for (int i = 0; i < 2 && pair[i] >= 0; i++) {
		close(pair[i]);
		pair[i] = -1;
	}
}

static void proxy_serve(struct proxy *proxy, int pair[2], const struct pollfd fds[2])
{
	bool goes_on = true;
	if (fds[0].revents)
		goes_on = proxy_pass(pair[0], pair[1], &proxy->up, &proxy->partitioning_up);
	if (goes_on && fds[1].revents)
		goes_on = proxy_pass(pair[1], pair[0], &proxy->down, &proxy->partitioning_down);
	if (!goes_on)
		proxy_close(pair);
}

static void *proxy_run(void *arg)
{
	struct proxy *proxy = arg;
	struct pollfd fds[2 * PAIRS + 1];
	while (!atomic_load(&proxy->stop)) {
		for (int i = 0; i < 2 * PAIRS; i++)
			fds[i] = (struct pollfd){proxy->pairs[i / 2][i % 2], POLLIN, 0};
		fds[2 * PAIRS] = (struct pollfd){proxy->listener, POLLIN, 0};
		if (poll(fds, 2 * PAIRS + 1, 50) <= 0)
			continue;
		for (int i = 0; i < PAIRS; i++)
			if (proxy->pairs[i][0] >= 0)
				proxy_serve(proxy, proxy->pairs[i], &fds[2 * i]);
		if (fds[2 * PAIRS].revents)
			proxy_accept(proxy);
	}
	for (int i = 0; i < PAIRS; i++)
		proxy_close(proxy->pairs[i]);
	return NULL;
}

static void proxy_find_server(struct proxy *proxy, const char *host, const char *port)
{
	struct sockaddr_un *address = (struct sockaddr_un *)&proxy->server;
	struct addrinfo *found = NULL;
	if (host[0] == '/') {
		*address = (struct sockaddr_un){.sun_family = AF_UNIX};
		snprintf(address->sun_path, sizeof(address->sun_path), "%s/.s.PGSQL.%s", host,
			 port);
		proxy->server_len = sizeof(*address);
		return;
	}
	assert_int_equal(
		getaddrinfo(host, port, &(struct addrinfo){.ai_socktype = SOCK_STREAM}, &found), 0);
	memcpy(&proxy->server, found->ai_addr, found->ai_addrlen);
	proxy->server_len = found->ai_addrlen;
	freeaddrinfo(found);
}

static bool is_where(const char *keyword)
{
	return strcmp(keyword, "host") == 0 || strcmp(keyword, "hostaddr") == 0 ||
	       strcmp(keyword, "port") == 0;
}

/* The same database, by the proxy. */
static void proxy_conninfo(const struct proxy *proxy, const PQconninfoOption *options, FILE *to)
{
	fprintf(to, "host=127.0.0.1 port=%u", proxy->port);
	for (; options->keyword; options++) {
		if (!options->val || !options->val[0] || is_where(options->keyword))
			continue;
		fprintf(to, " %s='", options->keyword);
		for (const char *at = options->val; *at; at++)
			fprintf(to, *at == '\'' || *at == '\\' ? "\\%c" : "%c", *at);
		fputc('\'', to);
	}
}

/* ret: the conninfo by the proxy. */
static void proxy_start(struct proxy *proxy, const char *conninfo, size_t size, char *ret)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	for (int i = 0; i < 2 * PAIRS; i++)
		proxy->pairs[i / 2][i % 2] = -1;
	proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(proxy->listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(proxy->listener, 10), 0);
	assert_int_equal(getsockname(proxy->listener, (struct sockaddr *)&address, &len), 0);
	proxy->port = ntohs(address.sin_port);
	atomic_store(&proxy->partitioning_up, -1);
	atomic_store(&proxy->partitioning_down, -1);
	PGconn *conn = PQconnectdb(conninfo);
	PQconninfoOption *options = PQconninfo(conn);
	FILE *out = fmemopen(ret, size, "w");
	proxy_find_server(proxy, PQhost(conn), PQport(conn));
	proxy_conninfo(proxy, options, out);
	assert_int_equal(fclose(out), 0);
	PQconninfoFree(options);
	PQfinish(conn);
	assert_int_equal(pthread_create(&proxy->thread, NULL, proxy_run, proxy), 0);
}

static void proxy_stop(struct proxy *proxy)
{
	atomic_store(&proxy->stop, true);
	pthread_join(proxy->thread, NULL);
	close(proxy->listener);
}

enum { ENTRIES = 5 };

struct cutting {
	struct fixture *f;
	struct proxy proxy;
	struct tally_batch *batches[ENTRIES]; /* of a series, and the last one of a state */
	uint32_t n;
	uint64_t sequence;
	int64_t rows;
	int rows_each; /* of a series */
	unsigned failed;
};

static void cutting_make(struct cutting *c)
{
	struct fixture *f = c->f;
	static const char *const ids[] = {"a", "b", "c", "d"};
	uint32_t last = c->n - 1;
	for (uint32_t b = 0; b < last; b++) {
		c->batches[b] = fixture_batch(f, &series_table);
		for (int i = 0; i < c->rows_each; i++)
			put_series(f, c->batches[b], T0 + (c->rows + i) * SECOND / 1000, ids[b], 1,
				   1);
	}
	c->batches[last] = fixture_batch(f, &state_table);
	tally_put_int(tally_batch_row(f->ctx, c->batches[last]), I_TIME,
		      T0 + c->rows * SECOND / 1000);
}

/* Offers what has no verdict yet, as the core does. */
static int cutting_write(struct cutting *c, uint8_t verdicts[ENTRIES])
{
	struct tally_entry entries[ENTRIES];
	uint8_t given[ENTRIES] = {0};
	uint32_t n = 0;
	for (uint32_t i = 0; i < c->n; i++)
		if (verdicts[i] == TALLY_RETRY)
			entries[n++] =
				(struct tally_entry){c->batches[i], c->sequence + 1 + i, "w", NULL};
	int r = c->f->plugin->output->write(c->f->store, entries, n, given);
	for (uint32_t i = c->n; i-- > 0;)
		if (verdicts[i] == TALLY_RETRY)
			verdicts[i] = given[--n];
	return r;
}

static void cutting_check(struct cutting *c, const uint8_t verdicts[ENTRIES])
{
	c->rows += c->rows_each;
	c->sequence += c->n;
	for (uint32_t i = 0; i < c->n; i++) {
		assert_int_equal(verdicts[i], TALLY_DONE);
		tally_batch_drop(c->f->ctx, c->batches[i]);
	}
	assert_int_equal(fixture_sql(c->f, "SELECT count(*) FROM samples"), (c->n - 1) * c->rows);
	assert_int_equal(fixture_sql(c->f, "SELECT max(sequence) FROM (SELECT sequence FROM "
					   "tally.ledger UNION ALL SELECT sequence FROM "
					   "tally.ledger_ahead) l"),
			 (int64_t)c->sequence);
	assert_int_equal(fixture_sql(c->f, "SELECT (extract(epoch FROM time) * 1000)::bigint FROM "
					   "things"),
			 T0 / SECOND * 1000 + c->rows - c->rows_each);
}

static void cutting_works(struct cutting *c)
{
	uint8_t verdicts[ENTRIES] = {0};
	cutting_make(c);
	assert_int_equal(cutting_write(c, verdicts), 0);
	cutting_check(c, verdicts);
}

/* One write that is cut after some more bytes; false: it went through.  Then it is offered again.
 */
static bool cutting_once(struct cutting *c, atomic_long *cut, const atomic_long *passed, long bytes)
{
	uint8_t verdicts[ENTRIES] = {0};
	cutting_make(c);
	atomic_store(cut, atomic_load(passed) + bytes);
	int first = cutting_write(c, verdicts), r = first;
	atomic_store(cut, -1);
	for (int tries = 0; r < 0 && tries < 20; tries++)
		r = cutting_write(c, verdicts);
	if (r < 0)
		fail_msg("%s", fake_host_reason(c->f->host));
	cutting_check(c, verdicts);
	c->failed += first < 0;
	return first < 0;
}

static void cutting_all(struct cutting *c, atomic_long *cut, const atomic_long *passed, long step)
{
	for (long bytes = 1; cutting_once(c, cut, passed, bytes); bytes += step)
		cutting_works(c); /* so that the next is a first attempt again */
}

static void cutting_run(struct cutting *c, long step_up, long step_down)
{
	char conninfo[2000];
	proxy_start(&c->proxy, backend_config.conninfo, sizeof(conninfo), conninfo);
	c->f->plugin->stop(c->f->store);
	const char *direct = backend_config.conninfo;
	backend_config.conninfo = conninfo;
	assert_int_equal(c->f->plugin->start(c->f->store), 0);
	backend_config.conninfo = direct;
	cutting_works(c);
	cutting_all(c, &c->proxy.partitioning_up, &c->proxy.up, step_up);
	cutting_all(c, &c->proxy.partitioning_down, &c->proxy.down, step_down);
	assert_true(c->failed > 30);
	print_message("cut at %u points\n", c->failed);
	proxy_stop(&c->proxy);
}

static void wherever_the_connection_breaks_each_row_is_stored_once(void **state)
{
	struct cutting c = {.f = *state, .n = 3, .rows_each = 5};
	cutting_run(&c, 61, 8);
}

static void wherever_two_connections_break_each_row_is_stored_once(void **state)
{
	struct cutting c = {.f = *state, .n = 3, .rows_each = SHARD_ROWS_MIN};
	backend_config.connections = 2;
	cutting_run(&c, 499, 13);
	assert_true(fixture_sql(c.f, "SELECT count(*) FROM tally.ledger_ahead") > 0);
}

static void
wherever_connections_with_several_transactions_are_cut_each_row_is_stored_once(void **state)
{
	struct cutting c = {.f = *state, .n = ENTRIES, .rows_each = SHARD_ROWS_FULL};
	backend_config.connections = 2;
	cutting_run(&c, 4999, 53);
	assert_true(fixture_sql(c.f, "SELECT count(*) FROM tally.ledger_ahead") > 2);
}

int main(void)
{
#define CUT_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		CUT_TEST(wherever_the_connection_breaks_each_row_is_stored_once),
		CUT_TEST(wherever_two_connections_break_each_row_is_stored_once),
		CUT_TEST(
			wherever_connections_with_several_transactions_are_cut_each_row_is_stored_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

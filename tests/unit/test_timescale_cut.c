/*
 * The connection is cut at every point of a write, by a proxy that counts bytes: after each the
 * rows are there exactly once when the write has been told to be done.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
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

#include <cmocka.h>

/* One connection at a time is enough: maintenance is off and nobody queries. */
struct proxy {
	int listener;
	uint16_t port;
	char server[108];
	pthread_t thread;
	atomic_bool stop;
	atomic_long up, down;         /* bytes let through to the server, and from it */
	atomic_long cut_up, cut_down; /* cut after so many; -1: never */
};

static int proxy_connect(const struct proxy *proxy)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", proxy->server);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
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

static void proxy_serve(struct proxy *proxy, int client)
{
	int server = proxy_connect(proxy);
	bool goes_on = true;
	while (goes_on && !atomic_load(&proxy->stop)) {
		struct pollfd fds[2] = {{.fd = client, .events = POLLIN},
					{.fd = server, .events = POLLIN}};
		poll(fds, 2, 50);
		if (fds[0].revents)
			goes_on = proxy_pass(client, server, &proxy->up, &proxy->cut_up);
		if (goes_on && fds[1].revents)
			goes_on = proxy_pass(server, client, &proxy->down, &proxy->cut_down);
	}
	close(server);
	close(client);
}

static void *proxy_run(void *arg)
{
	struct proxy *proxy = arg;
	while (!atomic_load(&proxy->stop)) {
		struct pollfd fd = {.fd = proxy->listener, .events = POLLIN};
		if (poll(&fd, 1, 50) <= 0)
			continue;
		int client = accept(proxy->listener, NULL, NULL);
		if (client >= 0)
			proxy_serve(proxy, client);
	}
	return NULL;
}

static const char *conninfo_value(PQconninfoOption *options, const char *name)
{
	while (strcmp(options->keyword, name) != 0)
		options++;
	return options->val;
}

static void proxy_start(struct proxy *proxy, const char *conninfo)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
	snprintf(proxy->server, sizeof(proxy->server), "%s/.s.PGSQL.%s",
		 conninfo_value(options, "host"), conninfo_value(options, "port"));
	PQconninfoFree(options);
	proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(proxy->listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(proxy->listener, 10), 0);
	assert_int_equal(getsockname(proxy->listener, (struct sockaddr *)&address, &len), 0);
	proxy->port = ntohs(address.sin_port);
	atomic_store(&proxy->cut_up, -1);
	atomic_store(&proxy->cut_down, -1);
	assert_int_equal(pthread_create(&proxy->thread, NULL, proxy_run, proxy), 0);
}

static void proxy_stop(struct proxy *proxy)
{
	atomic_store(&proxy->stop, true);
	pthread_join(proxy->thread, NULL);
	close(proxy->listener);
}

struct cutting {
	struct fixture *f;
	struct proxy proxy;
	struct tally_batch *series, *state;
	uint64_t sequence;
	int64_t rows;
	unsigned failed;
};

/* Two entries: new rows of a series, and a state. */
static int cutting_write(struct cutting *c, uint8_t verdicts[2])
{
	const struct tally_entry entries[2] = {{c->series, c->sequence + 1, "w"},
					       {c->state, c->sequence + 2, "w"}};
	memset(verdicts, TALLY_RETRY, 2);
	return c->f->plugin->output->write(c->f->store, entries, 2, verdicts);
}

static void cutting_make(struct cutting *c)
{
	struct fixture *f = c->f;
	c->series = fixture_batch(f, &series_table);
	for (int i = 0; i < 5; i++)
		put_series(f, c->series, T0 + (c->rows + i) * SECOND / 10, "a", 1, 1);
	c->state = fixture_batch(f, &state_table);
	tally_put_int(tally_batch_row(f->ctx, c->state), I_TIME, T0 + c->rows * SECOND / 10);
}

static void cutting_check(struct cutting *c)
{
	c->rows += 5;
	c->sequence += 2;
	assert_int_equal(fixture_sql(c->f, "SELECT count(*) FROM samples"), c->rows);
	assert_int_equal(fixture_sql(c->f, "SELECT sequence FROM tally.ledger"),
			 (int64_t)c->sequence);
	assert_int_equal(fixture_sql(c->f, "SELECT (extract(epoch FROM time) * 10)::bigint FROM "
					   "things"),
			 T0 / SECOND * 10 + c->rows - 5);
	tally_batch_drop(c->f->ctx, c->series);
	tally_batch_drop(c->f->ctx, c->state);
}

/* One write that is cut after some more bytes; -1: it went through.  Then it is offered again. */
static int cutting_once(struct cutting *c, atomic_long *cut, const atomic_long *passed, long bytes)
{
	uint8_t verdicts[2];
	cutting_make(c);
	atomic_store(cut, atomic_load(passed) + bytes);
	int first = cutting_write(c, verdicts), r = first;
	atomic_store(cut, -1);
	if (first < 0)
		assert_int_equal(verdicts[0], TALLY_RETRY);
	for (int tries = 0; r < 0 && tries < 20; tries++)
		r = cutting_write(c, verdicts);
	if (r < 0)
		fail_msg("%s", fake_host_reason(c->f->host));
	assert_int_equal(verdicts[0], TALLY_DONE);
	assert_int_equal(verdicts[1], TALLY_DONE);
	cutting_check(c);
	c->failed += first < 0;
	return first;
}

static void cutting_all(struct cutting *c, atomic_long *cut, const atomic_long *passed, long step)
{
	uint8_t verdicts[2];
	long bytes = 1;
	while (cutting_once(c, cut, passed, bytes) < 0) {
		bytes += step;
		cutting_make(c); /* one that works, so that the next is a first attempt again */
		assert_int_equal(cutting_write(c, verdicts), 0);
		cutting_check(c);
	}
}

static void wherever_the_connection_is_cut_each_row_is_stored_once(void **state)
{
	struct cutting c = {.f = *state};
	char conninfo[200];
	uint8_t verdicts[2];
	proxy_start(&c.proxy, backend_config.conninfo);
	snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%u user=tally dbname=postgres",
		 c.proxy.port);
	c.f->plugin->stop(c.f->store);
	const char *direct = backend_config.conninfo;
	backend_config.conninfo = conninfo;
	assert_int_equal(c.f->plugin->start(c.f->store), 0);
	backend_config.conninfo = direct; /* for fixture_sql() */
	cutting_make(&c);
	assert_int_equal(cutting_write(&c, verdicts), 0);
	cutting_check(&c);
	cutting_all(&c, &c.proxy.cut_up, &c.proxy.up, 37);
	cutting_all(&c, &c.proxy.cut_down, &c.proxy.down, 5);
	assert_true(c.failed > 30);
	print_message("cut at %u points\n", c.failed);
	proxy_stop(&c.proxy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(
		wherever_the_connection_is_cut_each_row_is_stored_once, fixture_setup,
		fixture_teardown)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

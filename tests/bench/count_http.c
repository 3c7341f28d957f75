/*
 * Instructions of an answer over HTTP, from the request's bytes to those of the answer: kept in
 * memory, and out of output.sqlite each time.  The client is counted, too; it does little.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "counted.h"
#include "../unit/http_fixture.h"

enum { TICKS = 30, EVERY_S = 60, ANSWERS = 3, ROUNDS = 10 };

struct store {
	struct fake_host *host;
	const struct tally_plugin *plugin;
	void *self;
};

struct asking {
	int fd;
	const char *target;
	char *body; /* room for an answer */
};

enum { BODY_SIZE = 1 << 20 };

/* ---- The store ------------------------------------------------------------------- */

static void write_rows(struct store *store, const struct tally_table *table, uint32_t rows)
{
	struct tally_ctx *ctx = fake_host_ctx(store->host);
	uint8_t verdict = TALLY_RETRY;
	struct tally_batch *batch = counted_batch(ctx, table, rows, 0, EVERY_S * CLOCK_SECOND);
	struct tally_entry entry = {.batch = batch};
	int r = store->plugin->output->write(store->self, &entry, 1, &verdict);
	counted_check(r == 0 && verdict == TALLY_DONE, "write");
	tally_batch_drop(ctx, batch);
}

static void open_store(struct store *store)
{
	store->plugin = counted_load("sqlite");
	store->host = fake_host_create("output.sqlite");
	fake_host_ctx(store->host)->state_dir = counted_folder;
	fake_host_set_now(store->host, COUNTED_BEGIN);
	fake_host_set_monotonic(store->host, CLOCK_SECOND);
	int r = store->plugin->create(fake_host_ctx(store->host), counted_config(store->plugin),
				      &store->self);
	r = r == 0 ? store->plugin->start(store->self) : r;
	counted_check(r == 0, fake_host_reason(store->host));
	write_rows(store, counted_load("docker_stats")->tables[0], TICKS * COUNTED_CONTAINERS);
	write_rows(store, counted_load("docker_status")->tables[0], COUNTED_CONTAINERS);
	write_rows(store, counted_load("docker_logs")->tables[0], TICKS * COUNTED_CONTAINERS);
}

/* ---- Asking ---------------------------------------------------------------------- */

/* Until the whole answer is there; by its Content-Length. */
static void take_answer(const struct asking *asking)
{
	size_t len = 0, whole = SIZE_MAX;
	while (len < whole) {
		ssize_t got = read(asking->fd, asking->body + len, BODY_SIZE - len - 1);
		counted_check(got > 0, "no answer");
		len += (size_t)got;
		asking->body[len] = '\0';
		char *end = whole == SIZE_MAX ? strstr(asking->body, "\r\n\r\n") : NULL;
		char *length = end ? strstr(asking->body, "Content-Length: ") : NULL;
		if (length)
			whole = (size_t)(end + 4 - asking->body) + strtoul(length + 16, NULL, 10);
	}
	counted_check(strncmp(asking->body, "HTTP/1.1 200", 12) == 0, asking->body);
}

static void ask(void *arg)
{
	struct asking *asking = arg;
	char request[500];
	int n = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n",
			 asking->target);
	for (int i = 0; i < ANSWERS; i++) {
		counted_check(write(asking->fd, request, (size_t)n) == n, "write");
		take_answer(asking);
	}
}

struct http_path {
	const char *path, *target;
};

static void count_answers(const struct http_fixture *fixture, const struct http_path *paths)
{
	struct asking asking = {.fd = http_connect(fixture), .body = malloc(BODY_SIZE)};
	counted_check(asking.body != NULL, "no memory");
	for (; paths->path; paths++) {
		asking.target = paths->target;
		counted_least(paths->path, ANSWERS, ask, &asking, ROUNDS);
	}
	free(asking.body);
	close(asking.fd);
}

static void count_with(struct store *store, bool kept, const struct http_path *paths)
{
	static const struct tally_named_cache memory[] = {{"memory", NULL}, {NULL, NULL}};
	struct http_fixture fixture;
	http_prepare(&fixture);
	struct tally_store *fake = fixture.config.store;
	fixture.config.store = fake_host_store(fixture.host, store->plugin->store, store->self);
	fixture.config.threads = 1;
	fixture.config.live = HTTP_LIVE_OFF;
	fake_host_set_now(fixture.host, COUNTED_BEGIN + TICKS * EVERY_S * CLOCK_SECOND);
	/* It stands, and what waits until some time does so by the real one: that must not come. */
	fake_host_set_monotonic(fixture.host, clock_monotonic() + CLOCK_HOUR);
	if (kept) {
		fixture.config.cache = memory;
		fixture.config.cache_size = 32 << 20;
		fixture.config.cache_ttl_containers = CLOCK_HOUR;
		fixture.config.cache_ttl_stats = CLOCK_HOUR;
	}
	http_start(&fixture);
	count_answers(&fixture, paths);
	http_finish(&fixture);
	fake_host_store_free(fake);
}

#define ONE "/api/v1/containers/00000000000000000007"
#define RANGE "from=1767268800&to=1767270600"

int main(int argc, char **argv)
{
	static const struct http_path kept[] = {
		{"HTTP: a kept answer, one container", ONE},
		{"HTTP: a kept answer, 100 containers", "/api/v1/containers"},
		{NULL, NULL}};
	static const struct http_path fresh[] = {
		{"HTTP from SQLite: one container", ONE},
		{"HTTP from SQLite: 100 containers with readings", "/api/v1/containers"},
		{"HTTP from SQLite: the newest readings of all", "/api/v1/stats/latest"},
		{"HTTP from SQLite: a summary", "/api/v1/summary"},
		{"HTTP from SQLite: a series of 30 points",
		 ONE "/stats?" RANGE "&points=30&fields=cpu_percent,mem_used_bytes,net_rx_bytes"},
		{"HTTP from SQLite: a page of 20 lines", ONE "/logs?" RANGE "&limit=20"},
		{NULL, NULL}};
	struct store store;
	counted_init(argc, argv);
	open_store(&store);
	count_with(&store, true, kept);
	count_with(&store, false, fresh);
	store.plugin->stop(store.self);
	store.plugin->destroy(store.self);
	fake_host_destroy(store.host);
	return 0;
}

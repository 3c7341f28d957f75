/*
 * bench_ingest PLUGIN_DIR [SECONDS]: rows per second into container_stats, from an emit through
 * buffer.batch and delivery to rows committed by output.timescale, ledger included; beside bare
 * threads that COPY BINARY the same rows into the same table with as many rows a transaction over
 * as many connections.  TALLYD_TEST_CONNINFO says where.  Medians of RUNS that take turns, and of
 * the ratios of those that were neighbours.
 */
#include <dlfcn.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/batch.h"
#include "pipeline/delivery.h"
#include "fake_host.h"
#include "pg/pg_value.h"
#include "pipeline/router.h"
#include "store.h"
#include "base/clock.h"

enum { RUNS = 5, CONTAINERS = 100, MAX_CONNECTIONS = 4 };

static const struct tally_plugin *batch_plugin, *timescale_plugin;
static const struct tally_table *table;
static const char *conninfo;
static char ids[CONTAINERS][65];
static int64_t tick; /* of the last poll, ns: each has a time of its own */

static void fail(const char *what)
{
	fprintf(stderr, "bench_ingest: %s\n", what);
	exit(1);
}

static const struct tally_plugin *load(const char *folder, const char *name)
{
	char path[500];
	const struct tally_plugin *(*get)(void);
	snprintf(path, sizeof(path), "%s/%s.so", folder, name);
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	void *symbol = library ? dlsym(library, "tally_plugin") : NULL;
	if (!symbol)
		fail(dlerror());
	memcpy(&get, &symbol, sizeof(get));
	return get();
}

/* ---- Rows --------------------------------------------------------------------- */

static void fill(struct tally_cell *row, int64_t i, int64_t time)
{
	for (uint32_t c = 1; c < table->n_columns; c++) {
		if (table->columns[c].role == TALLY_TAG)
			tally_put_text_borrowed(row, c, ids[i % CONTAINERS], 64);
		else if (table->columns[c].type == TALLY_REAL)
			tally_put_real(row, c, (double)i / c);
		else
			tally_put_int(row, c, i * c);
	}
	tally_put_int(row, 0, time);
}

static int64_t next_tick(void)
{
	return __atomic_add_fetch(&tick, 10000, __ATOMIC_RELAXED);
}

static struct tally_batch *make_batch(uint32_t rows)
{
	struct tally_batch *batch = batch_create(table);
	int64_t time = 0;
	for (uint32_t i = 0; i < rows; i++) {
		if (i % CONTAINERS == 0)
			time = next_tick();
		fill(batch_row(batch), i, time);
	}
	return batch;
}

/* ---- Ours --------------------------------------------------------------------- */

struct bench {
	struct fake_host *hosts[2];
	void *buffer, *store;
	struct metrics *metrics;
	struct positions *positions;
	struct journal *journal;
	struct router *router;
	struct delivery *delivery;
	atomic_bool stopping;
	int64_t drain_deadline;
};

static bool is_stopping(void *arg)
{
	return atomic_load(&((struct bench *)arg)->stopping);
}

static void *deliver(void *arg)
{
	struct bench *bench = arg;
	delivery_run(bench->delivery, is_stopping, bench, &bench->drain_deadline);
	return NULL;
}

/* Of a write: as many as the store deals out, but so that the buffer holds more than one write. */
static uint32_t transactions_of(uint32_t rows, uint32_t connections)
{
	enum { ROWS = 40000 };
	uint32_t turns = ROWS / (rows * connections);
	return connections > 1
		       ? connections * (turns < SHARDS_PER_THREAD ? turns : SHARDS_PER_THREAD)
		       : 1;
}

static void start(struct bench *bench, uint32_t rows, uint32_t connections)
{
	static const int64_t capacity = 64 << 20; /* the plugin's whole configuration */
	static struct timescale_config config;
	uint32_t transactions = transactions_of(rows, connections);
	const struct journal_settings settings = {.batch_size = rows * transactions,
						  .batch_timeout = CLOCK_SECOND,
						  .on_full = JOURNAL_BLOCK};
	struct error error;
	config = (struct timescale_config){.conninfo = conninfo,
					   .schema = "public",
					   .retention_raw = 7 * 86400 * CLOCK_SECOND,
					   .timeout = 20 * CLOCK_SECOND,
					   .connections = connections,
					   .readers = 1};
	bench->hosts[0] = fake_host_create("buffer.batch");
	bench->hosts[1] = fake_host_create("output.timescale");
	bench->metrics = metrics_create();
	if (positions_create("bench.positions", &bench->positions, &error) < 0 ||
	    batch_plugin->create(fake_host_ctx(bench->hosts[0]), &capacity, &bench->buffer) < 0 ||
	    timescale_plugin->create(fake_host_ctx(bench->hosts[1]), &config, &bench->store) < 0 ||
	    timescale_plugin->start(bench->store) < 0 ||
	    timescale_plugin->output->prepare(bench->store, table) < 0)
		fail(fake_host_reason(bench->hosts[1]));
	struct journal_setup journal = {.name = "buffer.batch",
					.buffer = batch_plugin->buffer,
					.self = bench->buffer,
					.metrics = bench->metrics,
					.positions = bench->positions};
	if (journal_create(&journal, &settings, &bench->journal, &error) < 0)
		fail(error.text);
	struct delivery_setup delivery = {.name = "output.timescale",
					  .output = timescale_plugin->output,
					  .self = bench->store,
					  .journal = bench->journal,
					  .metrics = bench->metrics};
	bench->delivery = delivery_create(&delivery, &error);
	bench->router = router_create(bench->metrics, bench->positions);
	if (!bench->delivery || router_set(bench->router, &bench->journal, 1) < 0)
		fail("cannot connect");
}

static void stop(struct bench *bench)
{
	delivery_destroy(bench->delivery);
	router_destroy(bench->router);
	journal_destroy(bench->journal);
	batch_plugin->destroy(bench->buffer);
	timescale_plugin->stop(bench->store);
	timescale_plugin->destroy(bench->store);
	positions_destroy(bench->positions);
	metrics_destroy(bench->metrics);
	fake_host_destroy(bench->hosts[0]);
	fake_host_destroy(bench->hosts[1]);
}

static double run_ours(uint32_t rows, uint32_t connections, int64_t ns)
{
	struct bench bench = {0};
	const struct router_source from = {.input = "input.bench"};
	pthread_t thread;
	uint64_t n = 0;
	start(&bench, rows, connections);
	pthread_create(&thread, NULL, deliver, &bench);
	int64_t began = clock_monotonic();
	for (; clock_monotonic() - began < ns; n += rows)
		router_emit(bench.router, &from, make_batch(rows), NULL, NULL);
	atomic_store(&bench.stopping, true);
	journal_wake(bench.journal);
	pthread_join(thread, NULL);
	int64_t took = clock_monotonic() - began;
	if (delivery_waiting(bench.delivery))
		fail("rows are left");
	stop(&bench);
	return (double)n * 1e9 / (double)took;
}

/* ---- The floor ---------------------------------------------------------------- */

struct floor {
	pthread_t thread;
	const char *sql;
	uint32_t rows;
	int64_t until;
	uint64_t n; /* rows stored */
};

static char *put_row(char *at, const struct tally_cell *row, uint16_t n_fields, int64_t i)
{
	at = pg_put_32(pg_put_32(pg_put_16(at, n_fields), 4), (uint32_t)(1 + i % CONTAINERS));
	for (uint32_t c = 0; c < table->n_columns; c++)
		if (table->columns[c].role != TALLY_TAG)
			at = pg_put_cell(at, table->columns[c].type, &row[c]);
	return at;
}

static void copy_once(PGconn *conn, const struct floor *floor)
{
	struct tally_cell row[CATALOG_MAX_COLUMNS];
	char bytes[100000], *at = bytes;
	uint16_t n_fields = 1;
	int64_t time = 0;
	memset(row, 0, sizeof(row));
	for (uint32_t c = 0; c < table->n_columns; c++)
		n_fields += table->columns[c].role != TALLY_TAG;
	PQclear(PQexec(conn, floor->sql));
	PQputCopyData(conn, "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
	for (uint32_t i = 0; i < floor->rows; i++) {
		if (i % CONTAINERS == 0)
			time = next_tick();
		fill(row, i, time);
		at = put_row(at, row, n_fields, i);
		if (at - bytes < 60000)
			continue;
		PQputCopyData(conn, bytes, (int)(at - bytes));
		at = bytes;
	}
	at = pg_put_16(at, UINT16_MAX);
	PQputCopyData(conn, bytes, (int)(at - bytes));
	PQputCopyEnd(conn, NULL);
	for (PGresult *result; (result = PQgetResult(conn)); PQclear(result))
		if (PQresultStatus(result) != PGRES_COMMAND_OK)
			fail(PQresultErrorMessage(result));
}

static void *floor_thread(void *arg)
{
	struct floor *floor = arg;
	PGconn *conn = PQconnectdb(conninfo);
	for (; clock_monotonic() < floor->until; floor->n += floor->rows)
		copy_once(conn, floor);
	PQfinish(conn);
	return NULL;
}

static double run_floor(uint32_t rows, uint32_t connections, int64_t ns)
{
	struct floor floors[MAX_CONNECTIONS];
	struct strbuf sql = {0};
	uint64_t n = 0;
	strbuf_add(&sql, "copy tally.\"%s_rows\" (_series", table->name);
	for (uint32_t c = 0; c < table->n_columns; c++)
		if (table->columns[c].role != TALLY_TAG)
			strbuf_add(&sql, ", \"%s\"", table->columns[c].name);
	strbuf_add(&sql, ") from stdin (format binary)");
	int64_t began = clock_monotonic();
	for (uint32_t i = 0; i < connections; i++) {
		floors[i] = (struct floor){.sql = sql.data, .rows = rows, .until = began + ns};
		pthread_create(&floors[i].thread, NULL, floor_thread, &floors[i]);
	}
	for (uint32_t i = 0; i < connections; i++) {
		pthread_join(floors[i].thread, NULL);
		n += floors[i].n;
	}
	int64_t took = clock_monotonic() - began;
	strbuf_done(&sql);
	return (double)n * 1e9 / (double)took;
}

/* ---- Both --------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
	const double *left = a, *right = b;
	return (*left > *right) - (*left < *right);
}

static void empty(void)
{
	tick = clock_now(); /* late rows cost ours a mark of their minutes */
	char sql[200];
	PGconn *conn = PQconnectdb(conninfo);
	snprintf(sql, sizeof(sql), "truncate tally.\"%s_rows\", tally.late; checkpoint",
		 table->name);
	PGresult *result = PQexec(conn, sql);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		fail(PQresultErrorMessage(result));
	PQclear(result);
	PQfinish(conn);
}

static double median(double *of)
{
	qsort(of, RUNS, sizeof(*of), by_size);
	return of[RUNS / 2];
}

static void compare(uint32_t rows, uint32_t connections, int64_t ns)
{
	double ours[RUNS], floors[RUNS], ratios[RUNS];
	for (int i = 0; i < RUNS; i++) {
		empty();
		ours[i] = run_ours(rows, connections, ns);
		empty();
		floors[i] = run_floor(rows, connections, ns);
		ratios[i] = ours[i] / floors[i];
	}
	double ratio = median(ratios); /* sorted, for the spread */
	printf("%u x %5u rows a transaction: tallyd %8.0f rows/s, bare COPY %8.0f, ratio %.2f "
	       "(%.2f-%.2f)\n",
	       connections, rows, median(ours), median(floors), ratio, ratios[0], ratios[RUNS - 1]);
}

int main(int argc, char **argv)
{
	conninfo = getenv("TALLYD_TEST_CONNINFO");
	if (argc < 2 || !conninfo)
		fail("usage: TALLYD_TEST_CONNINFO=… bench_ingest PLUGIN_DIR [SECONDS]");
	int64_t ns = (int64_t)((argc > 2 ? strtod(argv[2], NULL) : 2) * 1e9);
	batch_plugin = load(argv[1], "batch");
	timescale_plugin = load(argv[1], "timescale");
	table = load(argv[1], "docker_stats")->tables[0];
	tick = clock_now();
	for (int i = 0; i < CONTAINERS; i++)
		snprintf(ids[i], sizeof(ids[i]), "%064d", i);
	printf("%s: %u columns\n", table->name, table->n_columns);
	run_ours(1000, 1, ns / 10); /* makes the table and its series */
	for (uint32_t connections = 1; connections <= 2; connections++) {
		compare(500, connections, ns);
		compare(1000, connections, ns);
		compare(5000, connections, ns);
	}
	return 0;
}

/*
 * bench_ingest PLUGIN_DIR [SECONDS]: rows per second into container_stats, from an emit through
 * buffer.batch and delivery to rows committed by output.timescale, ledger included; beside bare
 * threads that COPY BINARY the same rows into the same table with as many rows a transaction over
 * as many connections; over several, ours puts more rows into one where a write has many.
 * TALLYD_TEST_CONNINFO says where.  Medians of RUNS that take turns, and of
 * the ratios of those that were neighbours.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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

/* ---- Processor time ------------------------------------------------------------ */

/* Of a process, in ns, its children that have ended included; and its parent. */
static int64_t spent_by(int pid, int *ret_parent)
{
	char path[64], line[1024], *at;
	unsigned long long used[4] = {0};
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	FILE *file = fopen(path, "re");
	at = file && fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
	if (file)
		fclose(file);
	*ret_parent = 0;
	if (!at || sscanf(at + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %llu %llu",
			  ret_parent, &used[0], &used[1], &used[2], &used[3]) != 5)
		return 0;
	return (int64_t)(used[0] + used[1] + used[2] + used[3]) *
	       (CLOCK_SECOND / sysconf(_SC_CLK_TCK));
}

/* The server's processes, by its first one. */
static int64_t spent_by_server(int server)
{
	int parent = 0;
	int64_t sum = spent_by(server, &parent);
	DIR *proc = opendir("/proc");
	for (struct dirent *entry; proc && (entry = readdir(proc));) {
		int pid = (int)strtol(entry->d_name, NULL, 10);
		int64_t used = pid > 0 ? spent_by(pid, &parent) : 0;
		sum += pid > 0 && parent == server ? used : 0;
	}
	if (proc)
		closedir(proc);
	return sum;
}

static int server_pid(void)
{
	int parent = 0;
	PGconn *conn = PQconnectdb(conninfo);
	spent_by(PQbackendPID(conn), &parent);
	PQfinish(conn);
	return parent;
}

struct spent {
	int64_t own, server;
};

static struct spent spent_now(int server)
{
	struct timespec own;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
	return (struct spent){own.tv_sec * CLOCK_SECOND + own.tv_nsec, spent_by_server(server)};
}

struct shape {
	uint32_t rows, connections; /* rows of a transaction */
	int64_t ns;
	int server;
};

/* What a run found: rows a second, and processor time a row, in ns. */
struct found {
	double rate, own, server;
};

struct meter {
	int64_t began;
	struct spent before;
	int server;
};

static struct meter meter_begin(const struct shape *shape)
{
	return (struct meter){clock_monotonic(), spent_now(shape->server), shape->server};
}

static struct found meter_end(const struct meter *meter, uint64_t rows)
{
	int64_t took = clock_monotonic() - meter->began;
	struct spent after = spent_now(meter->server);
	return (struct found){(double)rows * 1e9 / (double)took,
			      (double)(after.own - meter->before.own) / (double)rows,
			      (double)(after.server - meter->before.server) / (double)rows};
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

/* Entries of a write: as many as the store deals out at most, but so that the buffer holds more
 * than one write. */
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

static struct found run_ours(const struct shape *shape)
{
	struct bench bench = {0};
	const struct router_source from = {.input = "input.bench"};
	pthread_t thread;
	uint64_t n = 0;
	start(&bench, shape->rows, shape->connections);
	struct meter meter = meter_begin(shape);
	pthread_create(&thread, NULL, deliver, &bench);
	for (; clock_monotonic() - meter.began < shape->ns; n += shape->rows)
		router_emit(bench.router, &from, make_batch(shape->rows), NULL, NULL);
	atomic_store(&bench.stopping, true);
	journal_wake(bench.journal);
	pthread_join(thread, NULL);
	struct found found = meter_end(&meter, n);
	if (delivery_waiting(bench.delivery))
		fail("rows are left");
	stop(&bench);
	return found;
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

static struct found run_floor(const struct shape *shape)
{
	struct floor floors[MAX_CONNECTIONS];
	struct strbuf sql = {0};
	uint64_t n = 0;
	strbuf_add(&sql, "copy tally.\"%s_rows\" (_series", table->name);
	for (uint32_t c = 0; c < table->n_columns; c++)
		if (table->columns[c].role != TALLY_TAG)
			strbuf_add(&sql, ", \"%s\"", table->columns[c].name);
	strbuf_add(&sql, ") from stdin (format binary)");
	struct meter meter = meter_begin(shape);
	for (uint32_t i = 0; i < shape->connections; i++) {
		floors[i] = (struct floor){
			.sql = sql.data, .rows = shape->rows, .until = meter.began + shape->ns};
		pthread_create(&floors[i].thread, NULL, floor_thread, &floors[i]);
	}
	for (uint32_t i = 0; i < shape->connections; i++) {
		pthread_join(floors[i].thread, NULL);
		n += floors[i].n;
	}
	strbuf_done(&sql);
	return meter_end(&meter, n);
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

static void compare(const struct shape *shape)
{
	double rates[2][RUNS], own[2][RUNS], server[2][RUNS], ratios[RUNS], times[RUNS];
	for (int i = 0; i < RUNS; i++) {
		for (int floor = 0; floor < 2; floor++) {
			empty();
			struct found found = floor ? run_floor(shape) : run_ours(shape);
			rates[floor][i] = found.rate;
			own[floor][i] = found.own;
			server[floor][i] = found.server;
		}
		ratios[i] = rates[0][i] / rates[1][i];
		times[i] = (own[1][i] + server[1][i]) / (own[0][i] + server[0][i]);
	}
	double ratio = median(ratios), of_time = median(times); /* sorted, for the spread */
	printf("%u x %5u rows a transaction: tallyd %8.0f rows/s, bare COPY %8.0f, ratio %.2f "
	       "(%.2f-%.2f); processor time a row %.2f + %.2f us of the server, %.2f + %.2f, "
	       "ratio %.2f (%.2f-%.2f)\n",
	       shape->connections, shape->rows, median(rates[0]), median(rates[1]), ratio,
	       ratios[0], ratios[RUNS - 1], median(own[0]) / 1e3, median(server[0]) / 1e3,
	       median(own[1]) / 1e3, median(server[1]) / 1e3, of_time, times[0], times[RUNS - 1]);
	fflush(stdout);
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
	static const uint32_t rows[] = {500, 1000, 5000};
	struct shape shape = {1000, 1, ns / 10, server_pid()};
	run_ours(&shape); /* makes the table and its series */
	shape.ns = ns;
	for (shape.connections = 1; shape.connections <= 2; shape.connections++)
		for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
			shape.rows = rows[i];
			compare(&shape);
		}
	return 0;
}

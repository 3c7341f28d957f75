/*
 * What packing old rows of container_stats saves: bytes a row, and the time of the same questions
 * of a day, asked of two stores with the same rows in turn, one of them packed.  Rows as containers
 * have them: some busy, some idle, counters that grow by irregular amounts, memory in pages.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tallyd/query.h>
#include <unistd.h>

#include "base/clock.h"
#include "containers/stats_table.h"
#include "fake_host.h"
#include "packed/packed_module.h"
#include "store.h"

enum { RUNS = 21, CONTAINERS = 20, HOURS = 24, STEP_S = 10, BATCH = 1000 };
enum { TICKS = HOURS * 3600 / STEP_S, ROWS = CONTAINERS * TICKS };
#define BEGIN (INT64_C(1700006400) * CLOCK_SECOND)
#define END (BEGIN + HOURS * 3600 * CLOCK_SECOND)

const struct tally_plugin *tally_plugin(void);

struct bench {
	char path[200];
	struct fake_host *host;
	struct tally_ctx *ctx;
	struct sqlite_config config;
	void *self;
};

static char folder[160];

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "bench: %s failed\n", what);
	exit(1);
}

/* ---- Rows ------------------------------------------------------------------------ */

static uint64_t drawn = 1;

static int64_t draw(int64_t below)
{
	drawn = drawn * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (int64_t)(drawn >> 33) % below;
}

static int64_t counters[CONTAINERS][STATS_COLUMNS];

/* By how much a counter grows in one step. */
static int64_t growth(uint32_t column, bool busy)
{
	switch (column) {
	case STATS_CPU_SYSTEM_NS:
		return 4 * STEP_S * CLOCK_SECOND + draw(20) * 10000000;
	case STATS_CPU_USER_NS:
	case STATS_CPU_KERNEL_NS:
		return busy ? draw(100) * 10000000 : draw(20) == 0 ? 10000000 : 0;
	case STATS_CPU_USAGE_NS:
		return busy ? draw(INT64_C(2000000000)) : draw(400000);
	case STATS_NET_RX_BYTES:
	case STATS_NET_TX_BYTES:
		return busy ? draw(100000) : draw(10) == 0 ? draw(200) : 0;
	case STATS_NET_RX_PACKETS:
	case STATS_NET_TX_PACKETS:
	case STATS_PGFAULT:
		return busy ? draw(200) : draw(10) == 0;
	case STATS_BLK_WRITE_BYTES:
		return busy ? draw(50) * 4096 : 0;
	default:
		return 0;
	}
}

static void put_row(struct tally_cell *row, uint32_t container, int64_t tick)
{
	static char ids[CONTAINERS][65];
	bool busy = container % 2;
	int64_t limit = INT64_C(8) << 30, cpu = counters[container][STATS_CPU_USAGE_NS];
	snprintf(ids[container], sizeof(ids[container]), "%064u", container);
	for (uint32_t c = 1; c < STATS_COLUMNS; c++) {
		const struct tally_column *column = &stats_table.columns[c];
		int64_t *counter = &counters[container][c];
		if (column->role == TALLY_COUNTER)
			tally_put_int(row, c, *counter += growth(c, busy));
		else if (column->role != TALLY_TAG && column->type == TALLY_INT)
			tally_put_int(row, c, 4);
	}
	int64_t memory = ((int64_t)container * 5000 + draw(busy ? 3000 : 3)) * 4096;
	tally_put_int(row, STATS_TIME, BEGIN + tick * STEP_S * CLOCK_SECOND + draw(4000000));
	tally_put_text_borrowed(row, STATS_HOST, "a-host", 6);
	tally_put_text_borrowed(row, STATS_CONTAINER_ID, ids[container], 64);
	tally_put_text_borrowed(row, STATS_NAME, ids[container] + 44, 20);
	tally_put_real(row, STATS_CPU_PERCENT,
		       (double)(counters[container][STATS_CPU_USAGE_NS] - cpu) / (STEP_S * 1e7));
	tally_put_int(row, STATS_MEM_USAGE_BYTES, memory);
	tally_put_int(row, STATS_MEM_USED_BYTES, memory - 4096 * draw(2));
	tally_put_int(row, STATS_MEM_LIMIT_BYTES, limit);
	tally_put_real(row, STATS_MEM_PERCENT, (double)memory * 100 / (double)limit);
}

static void write_all(struct bench *bench)
{
	memset(counters, 0, sizeof(counters));
	drawn = 1;
	for (int first = 0; first < ROWS; first += BATCH) {
		struct tally_batch *batch = tally_batch_new(bench->ctx, &stats_table);
		for (int i = first; i < first + BATCH && i < ROWS; i++)
			put_row(tally_batch_row(bench->ctx, batch), (uint32_t)(i % CONTAINERS),
				i / CONTAINERS);
		struct tally_entry entry = {
			.batch = batch, .sequence = (uint64_t)first + 1, .producer = "bench"};
		uint8_t verdict = TALLY_RETRY;
		check(tally_plugin()->output->write(bench->self, &entry, 1, &verdict) == 0 &&
			      verdict == TALLY_DONE,
		      "write");
		tally_batch_drop(bench->ctx, batch);
	}
}

/* ---- Stores ------------------------------------------------------------------------ */

static void open_store(struct bench *bench, const char *name, int64_t pack_after)
{
	snprintf(bench->path, sizeof(bench->path), "%s/%s.db", folder, name);
	bench->config = (struct sqlite_config){.path = bench->path,
					       .retention_raw = 7 * CLOCK_DAY,
					       .retention_rollup = 30 * CLOCK_DAY,
					       .retention_daily = 400 * CLOCK_DAY,
					       .pack_after = pack_after,
					       .max_size = INT64_C(4) << 30,
					       .page_cache = 2 << 20,
					       .busy_timeout = CLOCK_SECOND};
	bench->host = fake_host_create("output.sqlite");
	bench->ctx = fake_host_ctx(bench->host);
	fake_host_set_now(bench->host, END);
	check(tally_plugin()->create(bench->ctx, &bench->config, &bench->self) == 0, "create");
	check(tally_plugin()->start(bench->self) == 0, "start");
	write_all(bench);
	fake_host_set_now(bench->host, END + 25 * CLOCK_HOUR);
	int64_t began = clock_monotonic();
	check(maintenance_run(bench->self) == 0, "maintenance");
	printf("%-10s rolled up%s in %.1f s\n", name, pack_after ? " and packed" : "",
	       (double)(clock_monotonic() - began) / 1e9);
}

static void close_store(struct bench *bench)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
	char name[240];
	tally_plugin()->stop(bench->self);
	tally_plugin()->destroy(bench->self);
	fake_host_destroy(bench->host);
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", bench->path, suffixes[i]);
		unlink(name);
	}
}

static double bytes_a_row(struct bench *bench, const char *relation)
{
	char *sql =
		sqlite3_mprintf("SELECT sum(pgsize) FROM dbstat WHERE name LIKE '%q%%'", relation);
	sqlite3 *db = NULL;
	sqlite3_stmt *row = NULL;
	check(sqlite3_open(bench->path, &db) == SQLITE_OK, "open");
	check(sqlite3_prepare_v2(db, sql, -1, &row, NULL) == SQLITE_OK, sql);
	check(sqlite3_step(row) == SQLITE_ROW, sql);
	double bytes = sqlite3_column_double(row, 0) / ROWS;
	sqlite3_finalize(row);
	sqlite3_close(db);
	sqlite3_free(sql);
	return bytes;
}

/* ---- Questions ----------------------------------------------------------------------- */

static int count_rows(void *arg, const struct tally_batch *rows)
{
	*(uint32_t *)arg += rows->n_rows;
	return 0;
}

static double ask(struct bench *bench, struct tally_query *query, uint32_t *ret_rows)
{
	*ret_rows = 0;
	query->deadline = clock_monotonic() + 60 * CLOCK_SECOND;
	int64_t began = clock_monotonic();
	check(tally_plugin()->store->query(bench->self, query, count_rows, ret_rows) == 0, "query");
	return (double)(clock_monotonic() - began) / 1e6;
}

static int by_value(const void *a, const void *b)
{
	const double *left = a, *right = b;
	return (*left > *right) - (*left < *right);
}

static double median(double values[RUNS])
{
	qsort(values, RUNS, sizeof(values[0]), by_value);
	return values[RUNS / 2];
}

static void compare(struct bench stores[2], const char *what, struct tally_query *query)
{
	double took[2][RUNS];
	uint32_t rows[2] = {0, 0};
	for (int i = 0; i < RUNS; i++)
		for (int s = 0; s < 2; s++)
			took[s][i] = ask(&stores[s], query, &rows[s]);
	check(rows[0] == rows[1], what);
	printf("%-44s rows %8.2f ms   packed %8.2f ms   %.2f times as fast   (%u rows)\n", what,
	       median(took[0]), median(took[1]), median(took[0]) / median(took[1]), rows[0]);
}

static void compare_all(struct bench stores[2])
{
	static const struct tally_select average[] = {{"cpu_percent", TALLY_AVG, 0},
						      {"mem_used_bytes", TALLY_MAX, 0}};
	static const struct tally_select rates[] = {{"cpu_percent", TALLY_AVG, 0},
						    {"mem_used_bytes", TALLY_MAX, 0},
						    {"net_rx_bytes", TALLY_RATE, 0},
						    {"net_tx_bytes", TALLY_RATE, 0},
						    {"blk_write_bytes", TALLY_RATE, 0}};
	static const struct tally_select raw[] = {{"cpu_percent", TALLY_RAW, 0},
						  {"mem_used_bytes", TALLY_RAW, 0}};
	static const char *const by_id[] = {"container_id"};
	char id[65];
	snprintf(id, sizeof(id), "%064d", 7);
	const struct tally_filter one = {
		"container_id", TALLY_EQUALS, 0, {.text = id, .len = 64, .set = 1}};
	struct tally_query query = {.size = sizeof(query),
				    .table = "container_stats",
				    .from = BEGIN,
				    .to = END,
				    .select = average,
				    .n_select = 2,
				    .filters = &one,
				    .n_filters = 1,
				    .limit = 1000000};
	query.bucket = 290 * CLOCK_SECOND;
	compare(stores, "a container's day in 300 buckets, 2 columns", &query);
	query.select = rates;
	query.n_select = 5;
	compare(stores, "a container's day in 300 buckets, 5 columns", &query);
	query.to = BEGIN + CLOCK_HOUR;
	query.bucket = 10 * CLOCK_SECOND;
	compare(stores, "a container's hour in 360 buckets, 5 columns", &query);
	query.to = END;
	query.select = raw;
	query.n_select = 2;
	query.bucket = 0;
	compare(stores, "a container's day as rows, 2 columns", &query);
	query.limit = 100;
	query.newest_first = 1;
	compare(stores, "the newest 100 of a container's rows", &query);
	query.n_filters = 0;
	compare(stores, "the newest 100 of all rows", &query);
	query.limit = 1000000;
	query.newest_first = 0;
	query.select = average;
	query.bucket = 290 * CLOCK_SECOND;
	query.group_by = by_id;
	query.n_group_by = 1;
	compare(stores, "all containers' day in 300 buckets", &query);
}

int main(void)
{
	static struct bench stores[2];
	const char *tmp = getenv("TMPDIR");
	snprintf(folder, sizeof(folder), "%s/tallyd-bench-XXXXXX", tmp ? tmp : "/tmp");
	check(mkdtemp(folder) != NULL, "mkdtemp");
	open_store(&stores[0], "rows", 0);
	open_store(&stores[1], "packed", CLOCK_DAY);
	double rows = bytes_a_row(&stores[0], "container_stats_rows");
	double packed = bytes_a_row(&stores[1], "container_stats_chunks");
	printf("%-44s rows %8.1f bytes   packed %8.1f bytes   ratio %.2f\n", "a row in the file",
	       rows, packed, rows / packed);
	compare_all(stores);
	close_store(&stores[0]);
	close_store(&stores[1]);
	rmdir(folder);
	return 0;
}

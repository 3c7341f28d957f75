/*
 * bench_query PLUGIN_DIR [CONTAINERS [DAYS]]: what the API asks of a history of container_stats,
 * one row per container every 10 s, of 100 containers for 7 days unless told otherwise.  The rows
 * are made on the server, the rollups by the store's own maintenance.  TALLYD_TEST_CONNINFO says
 * where. Prints the median and the worst of RUNS answers, taken whole, and what the rows take on
 * disk.
 */
#include <dlfcn.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_host.h"
#include "base/strbuf.h"
#include "store.h"
#include "base/clock.h"

enum { RUNS = 50, EVERY = 10 };
#define SECOND INT64_C(1000000000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)
/* The end of all rows, a midnight: the day is whole, and 12 hours more of another begun. */
#define NOW (INT64_C(1700006400) * SECOND + 12 * HOUR)

const struct tally_plugin *tally_plugin(void);

static const struct tally_table *table;
static struct fake_host *host;
static const struct tally_plugin *plugin;
static void *store;
static int64_t containers = 100, days = 7;

static void fail(const char *what)
{
	fprintf(stderr, "bench_query: %s\n", what);
	exit(1);
}

/* The database's clock shows what the host's does: a host whose clock is far off from it would not
 * roll up. */
int __wrap_server_time_read(struct pg_connection *pg, int64_t *ret);
int __wrap_server_time_read(struct pg_connection *pg, int64_t *ret)
{
	*ret = tally_now(pg->ctx);
	return 0;
}

static const struct tally_table *load_table(const char *folder)
{
	char path[500];
	const struct tally_plugin *(*get)(void);
	snprintf(path, sizeof(path), "%s/docker_stats.so", folder);
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	void *symbol = library ? dlsym(library, "tally_plugin") : NULL;
	if (!symbol)
		fail(dlerror());
	memcpy(&get, &symbol, sizeof(get));
	return get()->tables[0];
}

static void start(void)
{
	static struct timescale_config config;
	config = (struct timescale_config){.conninfo = getenv("TALLYD_TEST_CONNINFO"),
					   .schema = "public",
					   .retention_raw = (days + 1) * DAY,
					   .retention_rollup = 30 * DAY,
					   .retention_daily = 400 * DAY,
					   .compress_after = DAY,
					   .timeout = 50 * SECOND,
					   .readers = 1};
	host = fake_host_create("output.timescale");
	plugin = tally_plugin();
	fake_host_set_now(host, NOW);
	if (plugin->create(fake_host_ctx(host), &config, &store) < 0 || plugin->start(store) < 0 ||
	    plugin->output->prepare(store, table) < 0)
		fail(fake_host_reason(host));
}

/* ---- Rows --------------------------------------------------------------------- */

/* The first column of the first row. */
static double sql(const char *text)
{
	PGconn *conn = PQconnectdb(getenv("TALLYD_TEST_CONNINFO"));
	PGresult *result = PQexec(conn, text);
	if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
		fail(PQerrorMessage(conn));
	double value = PQntuples(result) ? strtod(PQgetvalue(result, 0, 0), NULL) : 0;
	PQclear(result);
	PQfinish(conn);
	return value;
}

static void make_series(void)
{
	struct strbuf text = {0};
	strbuf_add(&text, "insert into tally.\"%s_series\" select c, sha256(c::text::bytea)",
		   table->name);
	for (uint32_t c = 0; c < table->n_columns; c++)
		if (table->columns[c].role == TALLY_TAG)
			strbuf_add(&text, ", lpad(c::text, 64, '0')");
	strbuf_add(&text, " from generate_series(1, %" PRId64 ") c", containers);
	sql(text.data);
	strbuf_done(&text);
}

/* In the order of time, as they come. */
static void make_day(int64_t from, int64_t to)
{
	struct strbuf text = {0};
	strbuf_add(&text,
		   "select tally.make_partitions('%s_rows', to_timestamp(%" PRId64 "), "
		   "to_timestamp(%" PRId64 "))",
		   table->name, from, to);
	if (((struct store *)store)->server.mode == SERVER_PLAIN)
		sql(text.data);
	strbuf_clear(&text);
	strbuf_add(&text, "insert into tally.\"%s_rows\" select c, to_timestamp(t)", table->name);
	for (uint32_t c = 1; c < table->n_columns; c++) {
		if (table->columns[c].role == TALLY_TAG)
			continue;
		if (table->columns[c].role == TALLY_COUNTER)
			strbuf_add(&text, ", (t - 1600000000)::bigint * (c + %u)", c);
		else
			strbuf_add(&text, ", (hashint8(t::bigint * 1000 + c) & 65535) %% 1000");
	}
	strbuf_add(&text,
		   " from generate_series(%" PRId64 ", %" PRId64 " - 1, %d) t, "
		   "generate_series(1, %" PRId64 ") c",
		   from, to, EVERY, containers);
	sql(text.data);
	strbuf_done(&text);
}

static void make_rows(void)
{
	make_series();
	for (int64_t to = NOW / SECOND, day = 0; day < days; day++)
		make_day(to - (day + 1) * (DAY / SECOND), to - day * (DAY / SECOND));
	struct strbuf text = {0};
	strbuf_add(&text, "vacuum analyze tally.\"%s_rows\"", table->name);
	sql(text.data);
	strbuf_done(&text);
}

static int64_t rows_made(void)
{
	return containers * days * (DAY / SECOND / EVERY);
}

/* ---- Size --------------------------------------------------------------------- */

static double size_of(const char *suffix)
{
	struct strbuf text = {0};
	bool plain = ((struct store *)store)->server.mode == SERVER_PLAIN;
	strbuf_add(&text,
		   plain ? "select coalesce(sum(pg_total_relation_size(p.relid)), "
			   "pg_total_relation_size(h.oid)) from pg_class h left join lateral "
			   "pg_partition_tree(h.oid) p on true where h.oid = "
			   "'tally.%s%s_rows'::regclass group by h.oid"
			 : "select coalesce(hypertable_size(h.oid), pg_total_relation_size(h.oid)) "
			   "from pg_class h where h.oid = 'tally.%s%s_rows'::regclass",
		   table->name, suffix);
	double size = sql(text.data);
	strbuf_done(&text);
	return size;
}

static void tell_size(const char *what, bool rolled)
{
	double raw = size_of(""), all = raw;
	printf("%s: %.0f bytes a row with its index\n", what, raw / (double)rows_made());
	if (!rolled)
		return;
	for (int level = LEVEL_MINUTE; level < N_LEVELS; level++)
		all += size_of(schema_levels[level].suffix);
	printf("with the rollups: %.2f MB a container and day\n",
	       all / 1e6 / (double)containers / (double)days);
}

/* ---- Questions ---------------------------------------------------------------- */

static int count_rows(void *arg, const struct tally_batch *batch)
{
	*(uint32_t *)arg += batch->n_rows;
	return 0;
}

static int by_size(const void *a, const void *b)
{
	const int64_t *left = a, *right = b;
	return (*left > *right) - (*left < *right);
}

static void tell(const char *what, uint32_t rows, int64_t took[RUNS])
{
	qsort(took, RUNS, sizeof(*took), by_size);
	printf("%-36s %6u rows  median %7.2f ms  worst %7.2f ms\n", what, rows,
	       (double)took[RUNS / 2] / 1e6, (double)took[RUNS - 1] / 1e6);
}

static void ask(const char *what, struct tally_query *query)
{
	int64_t took[RUNS];
	uint32_t rows = 0;
	query->size = sizeof(*query);
	query->table = table->name;
	query->limit = 100000;
	for (int i = 0; i < RUNS; i++) {
		int64_t began = clock_monotonic();
		query->deadline = began + 30 * SECOND;
		rows = 0;
		if (plugin->store->query(store, query, count_rows, &rows) < 0)
			fail(fake_host_reason(host));
		took[i] = clock_monotonic() - began;
	}
	tell(what, rows, took);
}

/* Takes the rows of a COPY and throws them away. */
static uint32_t discard(PGconn *conn, const char *copy)
{
	char *row = NULL;
	uint32_t rows = 0;
	PGresult *result = PQexec(conn, copy);
	if (PQresultStatus(result) != PGRES_COPY_OUT)
		fail(PQerrorMessage(conn));
	PQclear(result);
	for (; PQgetCopyData(conn, &row, 0) > 0; rows++)
		PQfreemem(row);
	while ((result = PQgetResult(conn)))
		PQclear(result);
	return rows - 1; /* the last is the end */
}

/* The floor of the hours: the server sends what they are made of, in order, and nobody looks at it.
 */
static void ask_floor(void)
{
	int64_t took[RUNS];
	uint32_t rows = 0;
	struct strbuf copy = {0};
	PGconn *conn = PQconnectdb(getenv("TALLYD_TEST_CONNINFO"));
	strbuf_add(&copy,
		   "copy (select _series, time, cpu_usage_ns_increase, cpu_usage_ns_span, "
		   "mem_used_bytes_count, mem_used_bytes_sum from tally.\"%s_1h_rows\" where time "
		   ">= to_timestamp(%" PRId64 ") and time < to_timestamp(%" PRId64
		   ") order by _series, time) to stdout (format binary)",
		   table->name, NOW / SECOND - days * (DAY / SECOND), NOW / SECOND);
	for (int i = 0; i < RUNS; i++) {
		int64_t began = clock_monotonic();
		rows = discard(conn, copy.data);
		took[i] = clock_monotonic() - began;
	}
	tell("floor: the hours, copied", rows, took);
	PQfinish(conn);
	strbuf_done(&copy);
}

static const char *const tags[] = {"host", "container_id", "name"};

static void ask_latest(void)
{
	struct tally_select select[CATALOG_MAX_COLUMNS];
	uint32_t n = 0;
	for (uint32_t c = 1; c < table->n_columns; c++)
		if (table->columns[c].role != TALLY_TAG)
			select[n++] = (struct tally_select){table->columns[c].name, TALLY_LAST, 0};
	ask("latest of all, every column", &(struct tally_query){.from = NOW - HOUR,
								 .to = NOW,
								 .select = select,
								 .n_select = n,
								 .group_by = tags,
								 .n_group_by = 3});
}

static void ask_series(void)
{
	static const struct tally_select select[] = {{"cpu_usage_ns", TALLY_RATE, 0},
						     {"mem_used_bytes", TALLY_AVG, 0}};
	static const char id[] = "0000000000000000000000000000000000000000000000000000000000000007";
	const struct tally_filter one = {
		"container_id", TALLY_EQUALS, 0, {.text = id, .len = 64, .set = 1}};
	struct tally_query query = {.from = NOW - DAY,
				    .to = NOW,
				    .bucket = 288 * SECOND,
				    .select = select,
				    .n_select = 2,
				    .filters = &one,
				    .n_filters = 1};
	ask("24 h of one in 300 points", &query);
	query.bucket = 300 * SECOND;
	ask("24 h of one by 5 minutes", &query);
	query = (struct tally_query){.from = NOW - days * DAY,
				     .to = NOW,
				     .bucket = HOUR,
				     .select = select,
				     .n_select = 2,
				     .group_by = tags,
				     .n_group_by = 3};
	ask("all days of all by the hour", &query);
	ask_floor();
	query.from = NOW - HOUR;
	query.bucket = 0;
	ask("last hour of all, for the top 10", &query);
}

/* A round gives each table so much time only: until none gets further. */
static void maintain(void)
{
	static const char far[] =
		"select sum(date_part('epoch', rolled_to)) from tally.marks where level > 0";
	double before = -1, now = 0;
	while (now != before) {
		before = now;
		if (maintenance_run(store) != 0)
			fail(fake_host_reason(host));
		now = sql(far);
	}
}

int main(int argc, char **argv)
{
	if (argc < 2 || !getenv("TALLYD_TEST_CONNINFO"))
		fail("usage: TALLYD_TEST_CONNINFO=… bench_query PLUGIN_DIR [CONTAINERS [DAYS]]");
	containers = argc > 2 ? strtol(argv[2], NULL, 10) : containers;
	days = argc > 3 ? strtol(argv[3], NULL, 10) : days;
	table = load_table(argv[1]);
	start();
	int64_t began = clock_monotonic();
	make_rows();
	int64_t made = clock_monotonic();
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("%" PRId64 " containers, %" PRId64 " days, every %d s: %.2f M rows made in %.0f s\n",
	       containers, days, EVERY, (double)rows_made() / 1e6, (double)(made - began) / 1e9);
	tell_size("as written", false);
	maintain();
	printf("rolled up in %.0f s\n", (double)(clock_monotonic() - made) / 1e9);
	tell_size("after maintenance (compressed, where there is compression)", true);
	sql("analyze");
	ask_latest();
	ask_series();
	plugin->stop(store);
	plugin->destroy(store);
	fake_host_destroy(host);
	return 0;
}

/*
 * What the sqlite store costs over bare SQLite: 100 containers, a row each every 10 s, 25 numbers a
 * row, 1000 rows a transaction.  The floor of writing is a loop over one prepared INSERT into a
 * clustered table with an integer key.  The floor of reading is the same query as one SQL statement
 * on the store's own file.  Medians of RUNS, each on a fresh file.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tallyd/query.h>
#include <unistd.h>

#include "fake_host.h"
#include "store.h"
#include "base/clock.h"

enum { RUNS = 5, CONTAINERS = 100, TICKS = 2000, BATCH = 1000, NUMBERS = 25, TAGS = 3 };
enum { COLUMNS = 1 + TAGS + NUMBERS, ROWS = CONTAINERS * TICKS };
#define STEP (10 * CLOCK_SECOND)
#define BEGIN (INT64_C(1700006400) * CLOCK_SECOND)

const struct tally_plugin *tally_plugin(void);

static struct tally_column columns[COLUMNS];
static char names[COLUMNS][16];
static struct tally_table table = {.name = "bench",
				   .columns = columns,
				   .n_columns = COLUMNS,
				   .kind = TALLY_SERIES,
				   .revision = 1};
static char ids[CONTAINERS][65];
static char folder[200];
static char path[220];

static void declare(void)
{
	for (int c = 0; c < COLUMNS; c++) {
		snprintf(names[c], sizeof(names[c]), "%s%d", c <= TAGS ? "tag" : "n", c);
		columns[c] = (struct tally_column){.name = names[c], .type = TALLY_INT};
		if (c >= 1 && c <= TAGS)
			columns[c] = (struct tally_column){
				.name = names[c], .type = TALLY_TEXT, .role = TALLY_TAG};
		else if (c % 3 == 0)
			columns[c].type = TALLY_REAL;
		else
			columns[c].role = c % 3 == 1 ? TALLY_COUNTER : TALLY_FIELD;
	}
	columns[0] = (struct tally_column){.name = "time", .type = TALLY_TIME};
	for (int i = 0; i < CONTAINERS; i++)
		snprintf(ids[i], sizeof(ids[i]), "%064d", i);
}

static int64_t number_of(int row, int column)
{
	return (int64_t)row * 1000 * column + row % 7;
}

static struct tally_batch *make_batch(struct tally_ctx *ctx, int first)
{
	struct tally_batch *batch = tally_batch_new(ctx, &table);
	for (int i = first; i < first + BATCH; i++) {
		struct tally_cell *row = tally_batch_row(ctx, batch);
		const char *id = ids[i % CONTAINERS];
		tally_put_int(row, 0, BEGIN + i / CONTAINERS * STEP);
		tally_put_text_borrowed(row, 1, "a-host-somewhere", 16);
		tally_put_text_borrowed(row, 2, id, 64);
		tally_put_text_borrowed(row, 3, id + 44, 20);
		for (int c = 1 + TAGS; c < COLUMNS; c++) {
			if (columns[c].type == TALLY_REAL)
				tally_put_real(row, (uint32_t)c, (double)number_of(i, c) / 8);
			else
				tally_put_int(row, (uint32_t)c, number_of(i, c));
		}
	}
	return batch;
}

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "bench: %s failed\n", what);
	exit(1);
}

static void remove_files(void)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
	char name[240];
	for (size_t i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		unlink(name);
	}
}

/* ---- Writing ------------------------------------------------------------------ */

static void bare_insert_all(sqlite3 *db, sqlite3_stmt *insert)
{
	for (int i = 0; i < ROWS; i++) {
		if (i % BATCH == 0)
			sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
		sqlite3_bind_int(insert, 1, i % CONTAINERS);
		sqlite3_bind_int64(insert, 2, BEGIN + i / CONTAINERS * STEP);
		for (int c = 1 + TAGS; c < COLUMNS; c++) {
			if (columns[c].type == TALLY_REAL)
				sqlite3_bind_double(insert, c - 1, (double)number_of(i, c) / 8);
			else
				sqlite3_bind_int64(insert, c - 1, number_of(i, c));
		}
		check(sqlite3_step(insert) == SQLITE_DONE, "bare insert");
		sqlite3_reset(insert);
		if (i % BATCH == BATCH - 1)
			sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	}
}

static double bare_write(void)
{
	char create[1000] = "CREATE TABLE t (k INTEGER, time INTEGER";
	char insert[200] = "INSERT INTO t VALUES (?, ?";
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	for (int c = 1 + TAGS; c < COLUMNS; c++) {
		size_t len = strlen(create);
		snprintf(create + len, sizeof(create) - len, ", %s %s", names[c],
			 columns[c].type == TALLY_REAL ? "REAL" : "INTEGER");
		strncat(insert, ", ?", 4);
	}
	strncat(create, ", PRIMARY KEY (k, time)) WITHOUT ROWID", 50);
	strncat(insert, ")", 2);
	check(sqlite3_open(path, &db) == SQLITE_OK, "open");
	sqlite3_exec(db,
		     "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA "
		     "synchronous = NORMAL; PRAGMA cache_size = -2048",
		     NULL, NULL, NULL);
	check(sqlite3_exec(db, create, NULL, NULL, NULL) == SQLITE_OK, "create");
	check(sqlite3_prepare_v2(db, insert, -1, &statement, NULL) == SQLITE_OK, "prepare");
	int64_t began = clock_monotonic();
	bare_insert_all(db, statement);
	double seconds = (double)(clock_monotonic() - began) / 1e9;
	sqlite3_finalize(statement);
	sqlite3_close(db);
	remove_files();
	return seconds;
}

struct bench {
	struct fake_host *host;
	struct tally_ctx *ctx;
	struct sqlite_config config;
	const struct tally_plugin *plugin;
	void *self;
};

static void open_store(struct bench *bench)
{
	bench->config = (struct sqlite_config){.path = path,
					       .retention_raw = 7 * 86400 * CLOCK_SECOND,
					       .retention_rollup = 30 * 86400 * CLOCK_SECOND,
					       .retention_daily = 400 * 86400 * CLOCK_SECOND,
					       .max_size = INT64_C(4) << 30,
					       .page_cache = 2 << 20,
					       .busy_timeout = CLOCK_SECOND};
	bench->plugin = tally_plugin();
	bench->host = fake_host_create("output.sqlite");
	bench->ctx = fake_host_ctx(bench->host);
	fake_host_set_now(bench->host, BEGIN);
	check(bench->plugin->create(bench->ctx, &bench->config, &bench->self) == 0, "create");
	check(bench->plugin->start(bench->self) == 0, "start");
}

static void close_store(struct bench *bench)
{
	bench->plugin->stop(bench->self);
	bench->plugin->destroy(bench->self);
	fake_host_destroy(bench->host);
	remove_files();
}

/* The batches are made outside of the measured time. */
static double store_write_all(struct bench *bench)
{
	int64_t took = 0;
	for (int i = 0; i < ROWS / BATCH; i++) {
		struct tally_batch *batch = make_batch(bench->ctx, i * BATCH);
		struct tally_entry entry = {
			.batch = batch, .sequence = (uint64_t)i + 1, .producer = "bench"};
		uint8_t verdict = TALLY_RETRY;
		int64_t began = clock_monotonic();
		int r = bench->plugin->output->write(bench->self, &entry, 1, &verdict);
		took += clock_monotonic() - began;
		check(r == 0 && verdict == TALLY_DONE, "write");
		tally_batch_drop(bench->ctx, batch);
	}
	return (double)took / 1e9;
}

/* ---- Reading -------------------------------------------------------------------- */

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
	check(bench->plugin->store->query(bench->self, query, count_rows, ret_rows) == 0, "query");
	return (double)(clock_monotonic() - began) / 1e6;
}

static double ask_sql(const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	check(sqlite3_open(path, &db) == SQLITE_OK, "open");
	check(sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK, sql);
	int64_t began = clock_monotonic();
	while (sqlite3_step(statement) == SQLITE_ROW)
		;
	double ms = (double)(clock_monotonic() - began) / 1e6;
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return ms;
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

static void compare_query(struct bench *bench, const char *what, struct tally_query *query,
			  const char *sql)
{
	double ours[RUNS], theirs[RUNS];
	uint32_t rows = 0;
	for (int i = 0; i < RUNS; i++) {
		ours[i] = ask(bench, query, &rows);
		theirs[i] = ask_sql(sql);
	}
	printf("%-44s %8.2f ms   SQL %8.2f ms   ratio %.2f   (%u rows)\n", what, median(ours),
	       median(theirs), median(ours) / median(theirs), rows);
}

static void read_all(struct bench *bench)
{
	static const struct tally_select last = {"n6", TALLY_LAST, 0};
	static const struct tally_select average[] = {{"n6", TALLY_AVG, 0}, {"n9", TALLY_MAX, 0}};
	static const char *const by_id[] = {"tag2"};
	const struct tally_filter one = {
		"tag2", TALLY_EQUALS, 0, {.text = ids[7], .len = 64, .set = 1}};
	struct tally_query query = {.size = sizeof(query),
				    .table = "bench",
				    .to = INT64_MAX,
				    .select = &last,
				    .n_select = 1,
				    .group_by = by_id,
				    .n_group_by = 1,
				    .limit = 100000};
	compare_query(bench, "newest of each container", &query,
		      "SELECT s.tag2, (SELECT n6 FROM bench_rows r WHERE r._series = s._series "
		      "ORDER BY time DESC LIMIT 1) FROM bench_series s");
	query.select = average;
	query.n_select = 2;
	query.filters = &one;
	query.n_filters = 1;
	query.bucket = 66 * CLOCK_SECOND;
	compare_query(bench, "one container in 300 buckets, rows", &query,
		      "SELECT time / 66000000000 b, avg(n6), max(n9) FROM bench_rows WHERE _series "
		      "= 8 GROUP BY b");
	query.bucket = 60 * CLOCK_SECOND;
	compare_query(bench, "one container by minute, rolled up", &query,
		      "SELECT time / 60000000000 b, avg(n6), max(n9) FROM bench_rows WHERE _series "
		      "= 8 GROUP BY b");
	query.n_filters = 0;
	query.bucket = 3600 * CLOCK_SECOND;
	compare_query(bench, "all containers by hour, rolled up", &query,
		      "SELECT time / 3600000000000 b, _series, avg(n6), max(n9) FROM bench_rows "
		      "GROUP BY b, _series");
}

static void roll_up(struct bench *bench)
{
	int64_t before = clock_monotonic();
	fake_host_set_now(bench->host, BEGIN + TICKS * STEP + 7200 * CLOCK_SECOND);
	check(maintenance_run(bench->self) == 0, "upkeep");
	double seconds = (double)(clock_monotonic() - before) / 1e9;
	printf("%-44s %8.0f rows/s\n", "rolling up to minutes and hours", ROWS / seconds);
}

int main(void)
{
	double bare[RUNS], ours[RUNS];
	struct bench bench;
	struct stat file;
	const char *tmp = getenv("TMPDIR");
	snprintf(folder, sizeof(folder), "%s/tallyd-bench-XXXXXX", tmp ? tmp : "/tmp");
	check(mkdtemp(folder) != NULL, "mkdtemp");
	snprintf(path, sizeof(path), "%s/bench.db", folder);
	declare();
	for (int i = 0; i < RUNS; i++) {
		bare[i] = bare_write();
		open_store(&bench);
		ours[i] = store_write_all(&bench);
		if (i < RUNS - 1)
			close_store(&bench);
	}
	printf("%-44s %8.0f rows/s   bare %8.0f rows/s   ratio %.2f\n", "write",
	       ROWS / median(ours), ROWS / median(bare), median(bare) / median(ours));
	check(stat(path, &file) == 0, "stat");
	printf("%-44s %8.0f bytes\n", "a row in the file", (double)file.st_size / ROWS);
	roll_up(&bench);
	check(stat(path, &file) == 0, "stat");
	printf("%-44s %8.0f bytes\n", "a row in the file, with rollups",
	       (double)file.st_size / ROWS);
	read_all(&bench);
	close_store(&bench);
	rmdir(folder);
	return 0;
}

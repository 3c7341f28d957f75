/*
 * bench_spool PLUGIN_DIR FOLDER [SECONDS]: rows per second through router, buffer and delivery,
 * with the rows in memory (batch) and on disk (spool), to an output that only counts and to SQLite.
 * Rows of 12 columns.  The floors: the same bytes put into a bare SQLite file with the same sync, a
 * transaction per batch, and written to a bare file.  FOLDER decides which disk is measured.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "pipeline/batch.h"
#include "pipeline/batch_codec.h"
#include "fake_host.h"
#include "line.h"
#include "config/options.h"
#include "base/clock.h"

enum { BENCH_BATCHES = 64, BENCH_CAPACITY = 8 << 20 };
enum { BENCH_FULL, BENCH_NORMAL };

static const char *bench_plugins, *bench_folder;
static int64_t bench_ns;

static void bench_path(char *ret, size_t size, const char *name)
{
	snprintf(ret, size, "%s/%s", bench_folder, name);
}

static void bench_clean(void)
{
	static const char *const names[] = {"spool-spool",   "spool-spool-wal", "tallyd.db",
					    "tallyd.db-wal", "tallyd.db-shm",   "floor",
					    "floor-wal",     "floor-shm"};
	char path[512];
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		bench_path(path, sizeof(path), names[i]);
		unlink(path);
	}
}

struct bench_case {
	const char *buffer;
	int64_t sync;
	uint32_t rows; /* of a batch */
	bool to_sqlite;
};

/* ---- Plugins ------------------------------------------------------------------ */

struct bench_instance {
	struct fake_host *host;
	const struct tally_plugin *plugin;
	void *config, *self;
	struct options *options;
};

static const struct tally_plugin *bench_load(const char *name)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/%s.so", bench_plugins, name);
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	void *symbol = library ? dlsym(library, "tally_plugin") : NULL;
	const struct tally_plugin *(*get)(void);
	if (!symbol)
		bench_fail(dlerror());
	memcpy(&get, &symbol, sizeof(get));
	return get();
}

static void bench_set(const struct bench_instance *instance, const char *name, int64_t value)
{
	for (const struct tally_option *o = instance->plugin->options; o && o->name; o++)
		if (strcmp(o->name, name) == 0)
			memcpy((char *)instance->config + o->offset, &value, sizeof(value));
}

static void bench_make(struct bench_instance *instance, const char *name, const char *plugin,
		       const struct bench_case *c)
{
	struct problems problems;
	*instance = (struct bench_instance){.host = fake_host_create(name)};
	struct tally_ctx *ctx = fake_host_ctx(instance->host);
	ctx->state_dir = bench_folder;
	instance->plugin = bench_load(plugin);
	instance->config = calloc(1, instance->plugin->config_size + 1);
	const struct options_target target = {instance->plugin->options, instance->config};
	problems_init(&problems);
	if (options_parse(NULL, &target, 1, NULL, NULL, &instance->options, &problems) < 0)
		bench_fail("options");
	problems_done(&problems);
	bench_set(instance, "sync", c->sync);
	if (c->to_sqlite) /* or it would take long to write what waits at the end */
		bench_set(instance, "capacity", BENCH_CAPACITY);
	if (instance->plugin->create(ctx, instance->config, &instance->self) < 0 ||
	    (instance->plugin->start && instance->plugin->start(instance->self) < 0))
		bench_fail(fake_host_reason(instance->host));
}

static void bench_unmake(struct bench_instance *instance)
{
	if (instance->plugin->stop)
		instance->plugin->stop(instance->self);
	instance->plugin->destroy(instance->self);
	options_destroy(instance->options);
	free(instance->config);
	fake_host_destroy(instance->host);
}

/* ---- The pipeline ------------------------------------------------------------- */

/* Until all that was emitted is written. */
static double bench_run(const struct bench_case *c)
{
	struct bench_instance buffer, store = {.self = NULL};
	char position[32];
	uint64_t rows = 0;
	bench_clean();
	bench_counted = 0;
	bench_make(&buffer, "buffer.spool", c->buffer, c);
	if (c->to_sqlite)
		bench_make(&store, "output.sqlite", "sqlite", c);
	struct bench_line line = {.buffer = buffer.plugin->buffer,
				  .buffer_self = buffer.self,
				  .output = c->to_sqlite ? store.plugin->output : &bench_counting,
				  .output_self = store.self,
				  .batch_size = c->rows};
	line_start(&line);
	int64_t start = clock_monotonic();
	for (; clock_monotonic() - start < bench_ns; rows += c->rows) {
		snprintf(position, sizeof(position), "%" PRIu64, rows);
		line_emit(&line, bench_batch(c->rows, (int64_t)rows), position);
	}
	line_drain(&line);
	int64_t took = clock_monotonic() - start;
	if (!c->to_sqlite && bench_counted != rows)
		bench_fail("rows were lost");
	line_stop(&line);
	bench_unmake(&buffer);
	if (c->to_sqlite)
		bench_unmake(&store);
	bench_clean();
	return (double)rows * 1e9 / (double)took;
}

/* ---- Floors ------------------------------------------------------------------- */

static void *bench_encoded(uint32_t rows, size_t *ret_len)
{
	void *bytes;
	struct tally_batch *batch = bench_batch(rows, 0);
	if (batch_encode(batch, &bytes, ret_len) < 0)
		bench_fail("cannot encode");
	batch_drop(batch);
	return bytes;
}

static void bench_exec(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		bench_fail(sqlite3_errmsg(db));
}

/* A table of blobs, one inserted per transaction; the file is kept small as the spool's is. */
static double bench_engine(uint32_t rows, int64_t sync)
{
	char path[512];
	sqlite3 *db;
	sqlite3_stmt *insert;
	size_t len;
	void *bytes = bench_encoded(rows, &len);
	uint64_t n = 0;
	bench_clean();
	bench_path(path, sizeof(path), "floor");
	if (sqlite3_open(path, &db) != SQLITE_OK)
		bench_fail(path);
	bench_exec(db, sync == BENCH_FULL
			       ? "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL"
			       : "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
	bench_exec(db, "PRAGMA secure_delete = OFF;"
		       "CREATE TABLE entry (sequence INTEGER PRIMARY KEY, batch BLOB)");
	sqlite3_prepare_v2(db, "INSERT INTO entry (batch) VALUES (?1)", -1, &insert, NULL);
	int64_t start = clock_monotonic();
	for (; clock_monotonic() - start < bench_ns; n++) {
		sqlite3_bind_blob64(insert, 1, bytes, len, SQLITE_STATIC);
		if (sqlite3_step(insert) != SQLITE_DONE)
			bench_fail(sqlite3_errmsg(db));
		sqlite3_reset(insert);
		if (n % BENCH_BATCHES == 0)
			bench_exec(db, "DELETE FROM entry");
	}
	double rate = (double)n * rows * 1e9 / (double)(clock_monotonic() - start);
	sqlite3_finalize(insert);
	sqlite3_close(db);
	free(bytes);
	bench_clean();
	return rate;
}

/* Written over and over, a flush after each write or none at all. */
static double bench_file(uint32_t rows, int64_t sync)
{
	char path[512];
	size_t len;
	void *bytes = bench_encoded(rows, &len);
	uint64_t n = 0;
	bench_path(path, sizeof(path), "floor");
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		bench_fail(path);
	int64_t start = clock_monotonic();
	for (; clock_monotonic() - start < bench_ns; n++)
		if (pwrite(fd, bytes, len, (off_t)(n % BENCH_BATCHES * len)) != (ssize_t)len ||
		    (sync == BENCH_FULL && fdatasync(fd) < 0))
			bench_fail(strerror(errno));
	double rate = (double)n * rows * 1e9 / (double)(clock_monotonic() - start);
	close(fd);
	free(bytes);
	bench_clean();
	return rate;
}

/* ---- The table ---------------------------------------------------------------- */

static void bench_print(const char *what, double rows, double base, const char *of)
{
	printf("%-44s %10.0f rows/s", what, rows);
	if (base > 0)
		printf("   %5.2f of %s", rows / base, of);
	printf("\n");
	fflush(stdout);
}

static void bench_normal(void)
{
	double engine = bench_engine(500, BENCH_NORMAL);
	bench_print("floor: a bare file, not flushed", bench_file(500, BENCH_NORMAL), 0, "");
	bench_print("floor: bare SQLite, normal", engine, 0, "");
	double batch = bench_run(&(struct bench_case){"batch", 0, 500, false});
	double spool = bench_run(&(struct bench_case){"spool", BENCH_NORMAL, 500, false});
	bench_print("batch → counting", batch, 0, "");
	bench_print("spool, sync = normal → counting", spool, engine, "bare SQLite");
	bench_print("", spool, batch, "batch");
	batch = bench_run(&(struct bench_case){"batch", 0, 500, true});
	spool = bench_run(&(struct bench_case){"spool", BENCH_NORMAL, 500, true});
	bench_print("batch → output.sqlite", batch, 0, "");
	bench_print("spool, sync = normal → output.sqlite", spool, batch, "batch");
}

static void bench_full(void)
{
	double engine = bench_engine(1000, BENCH_FULL);
	bench_print("floor: a bare file, flushed", bench_file(1000, BENCH_FULL), 0, "");
	bench_print("floor: bare SQLite, full", engine, 0, "");
	bench_print("spool, sync = full → counting",
		    bench_run(&(struct bench_case){"spool", BENCH_FULL, 1000, false}), engine,
		    "bare SQLite");
	double batch = bench_run(&(struct bench_case){"batch", 0, 1000, true});
	bench_print("spool, sync = full → output.sqlite",
		    bench_run(&(struct bench_case){"spool", BENCH_FULL, 1000, true}), batch,
		    "batch");
}

int main(int argc, char **argv)
{
	double seconds = argc > 3 ? strtod(argv[3], NULL) : 3;
	if (argc < 3 || !(seconds > 0 && seconds <= 3600)) {
		fprintf(stderr, "usage: bench_spool PLUGIN_DIR FOLDER [SECONDS]\n");
		return 2;
	}
	bench_plugins = argv[1];
	bench_folder = argv[2];
	bench_ns = (int64_t)(seconds * 1e9);
	printf("batches of 500 rows of 12 columns\n");
	bench_normal();
	printf("batches of 1000 rows\n");
	bench_full();
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	printf("largest resident size %ld KiB\n", usage.ru_maxrss);
	return 0;
}

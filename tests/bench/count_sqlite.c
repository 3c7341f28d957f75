/*
 * Instructions of output.sqlite, beside those of bare SQLite with the same rows: written, rolled
 * up, asked for; and of the index of a log's text.  Rows of container_stats every 10 s.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "counted.h"
#include "maintenance/log_lines.h"
#include "maintenance/rollup.h"
#include "maintenance/text_index.h"
#include "store.h"
#include "store/log_text_blocks.h"

enum { ROWS = 1000, EVERY_S = 10, HALF_MINUTES = 10 };
enum { HALF = COUNTED_CONTAINERS * HALF_MINUTES * 60 / EVERY_S, ALL = 4 * HALF };
#define EVERY (EVERY_S * CLOCK_SECOND)

const struct tally_plugin *tally_plugin(void);

static const struct tally_table *table;
static struct fake_host *host;
static struct tally_ctx *ctx;
static struct store *store;
static uint64_t sequence;

/* ---- Writing ------------------------------------------------------------------- */

static struct tally_batch *batches[3]; /* the last of another table */
static uint32_t n_written;

static void write_batch(struct tally_batch *batch)
{
	struct tally_entry entry = {.batch = batch, .sequence = ++sequence, .producer = "bench"};
	uint8_t verdict = TALLY_RETRY;
	int r = tally_plugin()->output->write(store, &entry, 1, &verdict);
	counted_check(r == 0 && verdict == TALLY_DONE, "write");
}

static void write_next(void *arg)
{
	(void)arg;
	write_batch(batches[n_written++]);
}

/* The batches are made before; the first is for warming up. */
static void count_writing(const struct tally_table *logs)
{
	batches[0] = counted_batch(ctx, table, ROWS, 0, EVERY);
	batches[1] = counted_batch(ctx, table, ROWS, ROWS, EVERY);
	counted("SQLite: a row of container_stats, written", ROWS, write_next, NULL);
	for (uint32_t first = 2 * ROWS; first < ALL; first += ROWS) {
		struct tally_batch *batch = counted_batch(ctx, table, ROWS, first, EVERY);
		write_batch(batch);
		tally_batch_drop(ctx, batch);
	}
	struct tally_batch *lines = counted_batch(ctx, logs, 5 * ROWS, 0, EVERY);
	write_batch(lines);
	tally_batch_drop(ctx, lines);
}

/* ---- Bare SQLite ----------------------------------------------------------------- */

static sqlite3 *bare;
static sqlite3_stmt *bare_insert;

static void bare_exec(const char *sql)
{
	char *why = NULL;
	if (sqlite3_exec(bare, sql, NULL, NULL, &why) != SQLITE_OK)
		counted_check(false, why);
}

/* A piece of text for each number of the table, whose %1 is its name. */
static void bare_add(sqlite3_str *sql, const char *piece)
{
	for (uint32_t c = 1; c < table->n_columns; c++) {
		if (table->columns[c].role == TALLY_TAG)
			continue;
		for (const char *at = piece; *at; at++)
			if (*at == '@')
				sqlite3_str_appendall(sql, table->columns[c].name);
			else
				sqlite3_str_appendchar(sql, 1, *at);
	}
}

static char *bare_text(const char *head, const char *piece, const char *tail)
{
	sqlite3_str *sql = sqlite3_str_new(NULL);
	sqlite3_str_appendall(sql, head);
	bare_add(sql, piece);
	sqlite3_str_appendall(sql, tail);
	return sqlite3_str_finish(sql);
}

static void bare_create(const char *name, const char *piece)
{
	char *create = bare_text("(_series INTEGER, time INTEGER", piece,
				 ", PRIMARY KEY (_series, time)) WITHOUT ROWID");
	char *whole = sqlite3_mprintf("CREATE TABLE %s %s", name, create);
	bare_exec(whole);
	sqlite3_free(create);
	sqlite3_free(whole);
}

static void bare_open(void)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/bare.db", counted_folder);
	/* As the store opens its own. */
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	counted_check(sqlite3_open_v2(path, &bare, flags, NULL) == SQLITE_OK, "open");
	bare_exec("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous "
		  "= NORMAL; PRAGMA cache_size = -2048; PRAGMA wal_autocheckpoint = 0");
	bare_create("rows", ", @");
	bare_create("minutes", ", @_count, @_sum, @_min, @_max");
	bare_create("fives", ", @_count, @_sum, @_min, @_max");
	char *insert = bare_text("INSERT INTO rows VALUES (?, ?", ", ?", ")");
	counted_check(sqlite3_prepare_v2(bare, insert, -1, &bare_insert, NULL) == SQLITE_OK,
		      "prepare");
	sqlite3_free(insert);
}

static uint32_t bare_written;

static void bare_write(void *arg)
{
	const struct tally_batch *batch = batches[bare_written++];
	(void)arg;
	bare_exec("BEGIN IMMEDIATE");
	for (uint32_t i = 0; i < ROWS; i++) {
		const struct tally_cell *row = &batch->cells[(size_t)i * table->n_columns];
		int at = 3;
		sqlite3_bind_int64(bare_insert, 1, i % COUNTED_CONTAINERS);
		sqlite3_bind_int64(bare_insert, 2, row[0].i);
		for (uint32_t c = 1; c < table->n_columns; c++)
			if (table->columns[c].type == TALLY_REAL)
				sqlite3_bind_double(bare_insert, at++, row[c].f);
			else if (table->columns[c].role != TALLY_TAG)
				sqlite3_bind_int64(bare_insert, at++, row[c].i);
		counted_check(sqlite3_step(bare_insert) == SQLITE_DONE, "bare insert");
		sqlite3_reset(bare_insert);
	}
	bare_exec("COMMIT");
}

/* ---- Rolling up ------------------------------------------------------------------ */

struct rolling {
	int64_t closed, step;
};

static void roll_up(void *arg)
{
	struct rolling *rolling = arg;
	const struct stored_table *stored = catalog_find(&store->catalog, table->name);
	for (int64_t done = 0; done < HALF_MINUTES * CLOCK_MINUTE; done += rolling->step) {
		int r = 1;
		rolling->closed += rolling->step;
		while (r > 0)
			r = rollup_step(ctx, store->db, stored, rolling->closed, CLOCK_DAY);
		counted_check(r == 0, fake_host_reason(host));
	}
}

/* Of the store's own rows, into tables of its own. */
static void bare_roll_up(void *arg)
{
	int64_t *closed = arg, from = *closed;
	*closed += HALF_MINUTES * CLOCK_MINUTE;
	char *minutes = bare_text("INSERT INTO minutes SELECT _series, time / 60000000000 * "
				  "60000000000 AS t",
				  ", count(@), sum(@), min(@), max(@)",
				  " FROM store.container_stats_rows WHERE time >= %lld AND time < "
				  "%lld GROUP BY _series, t");
	char *fives = bare_text("INSERT INTO fives SELECT _series, time / 300000000000 * "
				"300000000000 AS t",
				", sum(@_count), sum(@_sum), min(@_min), max(@_max)",
				" FROM minutes WHERE time >= %lld AND time < %lld GROUP BY "
				"_series, t");
	char *sql[] = {sqlite3_mprintf(minutes, from, *closed),
		       sqlite3_mprintf(fives, from, *closed)};
	bare_exec("BEGIN IMMEDIATE");
	bare_exec(sql[0]);
	bare_exec(sql[1]);
	bare_exec("COMMIT");
	sqlite3_free(minutes);
	sqlite3_free(fives);
	sqlite3_free(sql[0]);
	sqlite3_free(sql[1]);
}

static void count_rolling_up(void)
{
	struct rolling at_once = {COUNTED_BEGIN, HALF_MINUTES * CLOCK_MINUTE};
	int64_t bare_closed = COUNTED_BEGIN;
	char *attach = sqlite3_mprintf("ATTACH '%q' AS store", store->path);
	bare_exec(attach);
	sqlite3_free(attach);
	counted("SQLite: a row, rolled up to 1 and 5 minutes", HALF, roll_up, &at_once);
	struct rolling by_minute = {at_once.closed, CLOCK_MINUTE};
	counted("SQLite: a row, rolled up minute by minute", HALF, roll_up, &by_minute);
	counted("SQLite: floor, INSERT SELECT with that GROUP BY", HALF, bare_roll_up,
		&bare_closed);
}

/* ---- Reading --------------------------------------------------------------------- */

static int take_rows(void *arg, const struct tally_batch *batch)
{
	*(uint32_t *)arg += batch->n_rows;
	return 0;
}

static void ask(void *arg)
{
	struct tally_query *query = arg;
	uint32_t rows = 0;
	int r = tally_plugin()->store->query(store, query, take_rows, &rows);
	counted_check(r == 0 && rows > 0, fake_host_reason(host));
}

static struct tally_query query_of(const char *name)
{
	return (struct tally_query){.size = sizeof(struct tally_query),
				    .table = name,
				    .to = INT64_MAX,
				    .deadline = INT64_MAX,
				    .limit = 100000};
}

static void count_reading(void)
{
	static struct tally_select all[CATALOG_MAX_COLUMNS];
	static const char *const tags[] = {"host", "container_id", "name"};
	static const struct tally_select some[] = {{"cpu_usage_ns", TALLY_RATE, 0},
						   {"mem_used_bytes", TALLY_AVG, 0}};
	static const struct tally_select line[] = {{"message", TALLY_RAW, 0},
						   {"stream", TALLY_RAW, 0}};
	const struct tally_filter one = {
		"container_id", TALLY_EQUALS, 0, {.text = counted_id(7), .len = 64, .set = 1}};
	struct tally_query query = query_of(table->name);
	for (uint32_t c = 1; c < table->n_columns; c++)
		if (table->columns[c].role != TALLY_TAG)
			all[query.n_select++] =
				(struct tally_select){table->columns[c].name, TALLY_LAST, 0};
	query.select = all;
	query.group_by = tags;
	query.n_group_by = 3;
	counted("SQLite: the newest row of 100 containers", 1, ask, &query);
	query = query_of(table->name);
	query.select = some;
	query.n_select = 2;
	query.filters = &one;
	query.n_filters = 1;
	query.bucket = CLOCK_MINUTE;
	counted("SQLite: a container's series of 40 minutes", 1, ask, &query);
	query = query_of("container_logs");
	query.select = line;
	query.n_select = 2;
	query.filters = &one;
	query.n_filters = 1;
	query.newest_first = 1;
	query.limit = 20;
	counted("SQLite: a page of 20 lines of a container", 1, ask, &query);
}

/* ---- Text ------------------------------------------------------------------------- */

/* Enough for two steps, the first of which warms up, and what waits for more. */
enum { TEXT_A_MINUTE = 4096, TEXT_BATCHES = 2 * LOG_TEXT_BLOCKS + 1 };
static struct tally_batch *said[TEXT_BATCHES];

/* As an access log has it, with numbers that are never the same. */
static struct tally_batch *said_batch(const struct tally_table *logs, uint32_t first)
{
	struct tally_batch *batch = counted_batch(ctx, logs, LOG_TEXT_LINES, first, 0);
	uint32_t message = (uint32_t)catalog_column(logs, "message");
	for (uint32_t i = 0; i < LOG_TEXT_LINES; i++) {
		struct tally_cell *row =
			(struct tally_cell *)(uintptr_t)&batch->cells[(size_t)i * logs->n_columns];
		uint32_t n = (first + i) * 2654435761U;
		char text[200];
		int len = snprintf(text, sizeof(text),
				   "192.0.2.%u - - [31/Jan/2026:11:%02u:%02u +0000] \"GET "
				   "/api/v1/things/%u HTTP/1.1\" 200 %u \"-\" \"Mozilla/5.0 "
				   "(X11; Linux x86_64)\" id=%08x",
				   n >> 24, i / 60 % 60, i % 60, n % 99991, n % 90001, n);
		tally_put_int(row, 0,
			      COUNTED_BEGIN + CLOCK_HOUR +
				      (first + i) * (CLOCK_MINUTE / TEXT_A_MINUTE));
		tally_put_text(ctx, batch, row, message, text, (size_t)len);
	}
	return batch;
}

static void write_said(void *arg)
{
	uint32_t *next = arg;
	write_batch(said[(*next)++]);
}

static void index_blocks(void *arg)
{
	int r = text_index_step(store, arg);
	counted_check(r == 1, fake_host_reason(host));
}

/* What is written last is not counted. */
static void count_text(const struct tally_table *logs)
{
	const struct stored_table *stored = catalog_find(&store->catalog, logs->name);
	uint32_t next = 0;
	int r = 1;
	for (uint32_t i = 0; i < TEXT_BATCHES; i++)
		said[i] = said_batch(logs, i * LOG_TEXT_LINES);
	counted("SQLite: a log line, written", LOG_TEXT_LINES, write_said, &next);
	while (next < TEXT_BATCHES)
		write_said(&next);
	while (r > 0)
		r = log_lines_step(store, stored, COUNTED_BEGIN + 3 * CLOCK_HOUR, CLOCK_HOUR);
	counted_check(r == 0, fake_host_reason(host));
	counted("SQLite: the text of a log line, indexed", LOG_TEXT_BLOCKS * LOG_TEXT_LINES,
		index_blocks, (void *)(uintptr_t)stored);
	for (uint32_t i = 0; i < TEXT_BATCHES; i++)
		tally_batch_drop(ctx, said[i]);
}

int main(int argc, char **argv)
{
	struct sqlite_config *config;
	counted_init(argc, argv);
	const struct tally_plugin *plugin = tally_plugin();
	table = counted_load("docker_stats")->tables[0];
	host = fake_host_create("output.sqlite");
	ctx = fake_host_ctx(host);
	ctx->state_dir = counted_folder;
	fake_host_set_now(host, COUNTED_BEGIN);
	fake_host_set_monotonic(host, CLOCK_SECOND);
	config = counted_config(plugin);
	void *self = NULL;
	int r = plugin->create(ctx, config, &self);
	store = self;
	r = r == 0 ? plugin->start(store) : r;
	counted_check(r == 0, fake_host_reason(host));
	maintenance_stop(store); /* what it does would be counted now and then, as would these: */
	sqlite3_exec(store->db, "PRAGMA wal_autocheckpoint = 0", NULL, NULL, NULL);
	bare_open();
	const struct tally_table *logs = counted_load("docker_logs")->tables[0];
	count_writing(logs);
	counted("SQLite: floor, a row by a bare prepared INSERT", ROWS, bare_write, NULL);
	count_rolling_up();
	count_reading();
	count_text(logs);
	sqlite3_finalize(bare_insert);
	sqlite3_close(bare);
	for (int i = 0; i < 2; i++)
		tally_batch_drop(ctx, batches[i]);
	plugin->stop(store);
	plugin->destroy(store);
	fake_host_destroy(host);
	return 0;
}

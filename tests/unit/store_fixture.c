#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store_fixture.h"
#include "store/store_uptime.h"
#include "maintenance/maintenance.h"
#include "base/clock.h"
#include "test.h"

static const struct tally_column series_columns[S_N] = {
	[S_TIME] = {.name = "time", .type = TALLY_TIME},
	[S_HOST] = {.name = "host", .type = TALLY_TEXT, .role = TALLY_TAG},
	[S_ID] = {.name = "container_id", .type = TALLY_TEXT, .role = TALLY_TAG, .help = "whose"},
	[S_VALUE] = {.name = "value", .type = TALLY_REAL, .unit = "percent"},
	[S_TOTAL] = {.name = "total", .type = TALLY_INT, .role = TALLY_COUNTER, .unit = "bytes"},
	[S_NOTE] = {.name = "note", .type = TALLY_TEXT},
};
const struct tally_table series_table = {.name = "samples",
					 .help = "Samples.",
					 .columns = series_columns,
					 .n_columns = S_N,
					 .kind = TALLY_SERIES,
					 .revision = 1};

static const struct tally_column log_columns[L_N] = {
	[L_TIME] = {.name = "time", .type = TALLY_TIME},
	[L_HOST] = {.name = "host", .type = TALLY_TEXT, .role = TALLY_TAG},
	[L_STREAM] = {.name = "stream", .type = TALLY_TEXT, .role = TALLY_TAG},
	[L_MESSAGE] = {.name = "message", .type = TALLY_TEXT},
	[L_SEQUENCE] = {.name = "sequence", .type = TALLY_INT, .role = TALLY_ORDER},
};
const struct tally_table log_table = {.name = "lines",
				      .columns = log_columns,
				      .n_columns = L_N,
				      .kind = TALLY_LOG,
				      .revision = 1};

static const struct tally_column state_columns[I_N] = {
	[I_TIME] = {.name = "time", .type = TALLY_TIME},
	[I_HOST] = {.name = "host", .type = TALLY_TEXT, .role = TALLY_TAG},
	[I_ID] = {.name = "id", .type = TALLY_TEXT, .role = TALLY_TAG},
	[I_STATE] = {.name = "state", .type = TALLY_TEXT},
	[I_LABELS] = {.name = "labels", .type = TALLY_JSON},
	[I_GONE] = {.name = "gone_at", .type = TALLY_TIME, .role = TALLY_GONE},
};
const struct tally_table state_table = {.name = "things",
					.columns = state_columns,
					.n_columns = I_N,
					.kind = TALLY_STATE,
					.revision = 1};

const struct tally_plugin *tally_plugin(void);

/* The one that is open. */
static struct fixture *fixture_now;

int fixture_setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	void *self = NULL;
	assert_non_null(fixture);
	fixture_now = fixture;
	fixture->uptime = HOUR;
	fixture->latest = T0;
	fixture->host = fake_host_create(backend_name);
	fixture->ctx = fake_host_ctx(fixture->host);
	snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/tallyd-store-XXXXXX");
	assert_non_null(mkdtemp(fixture->folder));
	fixture->plugin = tally_plugin();
	const void *config = backend_open(fixture);
	assert_int_equal(fixture->plugin->create(fixture->ctx, config, &self), 0);
	fixture->store = self;
	fake_host_set_now(fixture->host, T0);
	assert_int_equal(fixture->plugin->start(self), 0);
	*state = fixture;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *fixture = *state;
	fixture->plugin->stop(fixture->store);
	fixture->plugin->destroy(fixture->store);
	backend_close(fixture);
	assert_int_equal(rmdir(fixture->folder), 0);
	fake_host_destroy(fixture->host);
	free(fixture);
	return 0;
}

void fixture_restart(struct fixture *fixture)
{
	fixture->plugin->stop(fixture->store);
	assert_int_equal(fixture->plugin->start(fixture->store), 0);
}

void __wrap_store_uptime_read(struct store_uptime *ret);
void __wrap_store_uptime_read(struct store_uptime *ret)
{
	*ret = (struct store_uptime){.boot = "b007",
				     .ns = __atomic_load_n(&fixture_now->uptime, __ATOMIC_RELAXED)};
}

int maintenance_when_set_to(struct fixture *fixture, int64_t now)
{
	fake_host_set_now(fixture->host, now);
	return maintenance_run(fixture->store);
}

void time_passes(struct fixture *fixture, int64_t now)
{
	fake_host_set_now(fixture->host, now);
	if (now <= fixture->latest)
		return;
	__atomic_fetch_add(&fixture->uptime, now - fixture->latest, __ATOMIC_RELAXED);
	fixture->latest = now;
}

void maintenance_at(struct fixture *fixture, int64_t now)
{
	time_passes(fixture, now);
	if (maintenance_when_set_to(fixture, now) != 0)
		fail_msg("maintenance: %s", fake_host_reason(fixture->host));
}

/* A round ends after some seconds, which on a busy machine is in the middle. */
void maintenance_until_none_is_late(struct fixture *fixture, int64_t now)
{
	int rounds = 0;
	do
		maintenance_at(fixture, now);
	while (fixture_sql(fixture, "SELECT count(*) FROM @late") > 0 && ++rounds < 20);
	assert_in_range(rounds, 0, 19);
}

struct tally_batch *fixture_batch(struct fixture *fixture, const struct tally_table *table)
{
	struct tally_batch *batch = tally_batch_new(fixture->ctx, table);
	assert_non_null(batch);
	return batch;
}

int fixture_try(struct fixture *fixture, const struct tally_batch *batch, uint64_t sequence,
		uint8_t *ret)
{
	const struct tally_entry entry = {.batch = batch, .sequence = sequence, .producer = "w"};
	*ret = TALLY_RETRY;
	return fixture->plugin->output->write(fixture->store, &entry, 1, ret);
}

void fixture_write(struct fixture *fixture, struct tally_batch *batch)
{
	uint8_t verdict;
	int r = fixture_try(fixture, batch, ++fixture->sequence, &verdict);
	if (r < 0)
		fail_msg("write: %s", fake_host_reason(fixture->host));
	assert_int_equal(verdict, TALLY_DONE);
	tally_batch_drop(fixture->ctx, batch);
}

void put_text(struct fixture *fixture, struct tally_batch *batch, uint32_t column, const char *text)
{
	struct tally_cell *row = (struct tally_cell *)(uintptr_t)batch->cells +
				 (size_t)(batch->n_rows - 1) * batch->table->n_columns;
	size_t len = strlen(text);
	tally_put_text(fixture->ctx, batch, row, column, text, len);
}

void put_series(struct fixture *fixture, struct tally_batch *batch, int64_t time, const char *id,
		double value, int64_t total)
{
	struct tally_cell *row = tally_batch_row(fixture->ctx, batch);
	assert_non_null(row);
	tally_put_int(row, S_TIME, time);
	tally_put_real(row, S_VALUE, value);
	tally_put_int(row, S_TOTAL, total);
	put_text(fixture, batch, S_HOST, "h1");
	put_text(fixture, batch, S_ID, id);
}

void put_log(struct fixture *fixture, struct tally_batch *batch, int64_t time, const char *stream,
	     int64_t sequence, const char *message)
{
	struct tally_cell *row = tally_batch_row(fixture->ctx, batch);
	assert_non_null(row);
	tally_put_int(row, L_TIME, time);
	tally_put_int(row, L_SEQUENCE, sequence);
	put_text(fixture, batch, L_HOST, "h1");
	put_text(fixture, batch, L_STREAM, stream);
	put_text(fixture, batch, L_MESSAGE, message);
}

struct tally_query query_of(const char *table, const struct tally_select *select, uint32_t n_select)
{
	return (struct tally_query){.size = sizeof(struct tally_query),
				    .table = table,
				    .from = 0,
				    .to = INT64_MAX,
				    .select = select,
				    .n_select = n_select,
				    .limit = 10000,
				    .deadline = clock_monotonic() + 60 * CLOCK_SECOND};
}

static int rows_take(void *arg, const struct tally_batch *batch)
{
	struct rows *rows = arg;
	uint32_t n_columns = batch->table->n_columns;
	rows->n_batches++;
	rows->n_columns = n_columns;
	snprintf(rows->table, sizeof(rows->table), "%s", batch->table->name);
	for (uint32_t c = 0; c < n_columns && c < 64; c++) {
		rows->types[c] = batch->table->columns[c].type;
		snprintf(rows->names[c], sizeof(rows->names[c]), "%s",
			 batch->table->columns[c].name);
	}
	size_t size = (size_t)(rows->n + batch->n_rows) * n_columns * sizeof(*rows->cells);
	rows->cells = realloc(rows->cells, size);
	assert_non_null(rows->cells);
	for (size_t i = 0; i < (size_t)batch->n_rows * n_columns; i++) {
		struct tally_cell *cell = &rows->cells[(size_t)rows->n * n_columns + i];
		uint16_t type = rows->types[i % n_columns];
		*cell = batch->cells[i];
		if (cell->set && (type == TALLY_TEXT || type == TALLY_JSON))
			cell->text = strndup(cell->text, cell->len);
	}
	rows->n += batch->n_rows;
	return 0;
}

int ask(struct fixture *fixture, const struct tally_query *query, struct rows *ret)
{
	*ret = (struct rows){.n = 0};
	return fixture->plugin->store->query(fixture->store, query, rows_take, ret);
}

void rows_free(struct rows *rows)
{
	for (size_t i = 0; i < (size_t)rows->n * rows->n_columns; i++) {
		uint16_t type = rows->types[i % rows->n_columns];
		if (rows->cells[i].set && (type == TALLY_TEXT || type == TALLY_JSON))
			free((void *)(uintptr_t)rows->cells[i].text);
	}
	free(rows->cells);
	*rows = (struct rows){.n = 0};
}

const struct tally_cell *rows_at(const struct rows *rows, uint32_t row, uint32_t column)
{
	assert_true(row < rows->n && column < rows->n_columns);
	return &rows->cells[(size_t)row * rows->n_columns + column];
}

/* ---- An hour of history -------------------------------------------------------- */

int64_t history_count(struct fixture *f, const char *table)
{
	char sql[100];
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
	return fixture_sql(f, sql);
}

void history_minute(struct fixture *f, int64_t from)
{
	struct tally_batch *batch = fixture_batch(f, &series_table);
	for (int i = 0; i < 6; i++)
		put_series(f, batch, from + i * 10 * SECOND, "a", 1, i);
	fixture_write(f, batch);
}

void history_line(struct fixture *f, int64_t time)
{
	struct tally_batch *batch = fixture_batch(f, &log_table);
	put_log(f, batch, time, "x", 1, "m");
	fixture_write(f, batch);
}

void history_hour(struct fixture *f)
{
	for (int i = 0; i < 60; i++)
		history_minute(f, T0 + i * MINUTE);
	history_line(f, T0);
	maintenance_at(f, T0 + 2 * HOUR);
	assert_int_equal(history_count(f, "samples_1min"), 60);
}

/*
 * An empty store, and short ways to write rows, ask and look at answers.  The tests of what all
 * stores have in common are built once for each: sqlite_fixture.c and timescale_fixture.c say how
 * they are opened and looked into.  Times in these tests are whole seconds after T0.
 */
#ifndef TALLYD_TESTS_STORE_FIXTURE_H
#define TALLYD_TESTS_STORE_FIXTURE_H

#include <tallyd/query.h>

#include "fake_host.h"

#define SECOND INT64_C(1000000000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define T0 (INT64_C(1700006400) * SECOND) /* a midnight */

/* SERIES: time, host, container_id (tags), value (REAL), total (INT counter), note (TEXT). */
enum { S_TIME, S_HOST, S_ID, S_VALUE, S_TOTAL, S_NOTE, S_N };
extern const struct tally_table series_table;
/* LOG: time, host, stream (tags), message, sequence (order). */
enum { L_TIME, L_HOST, L_STREAM, L_MESSAGE, L_SEQUENCE, L_N };
extern const struct tally_table log_table;
/* STATE: time, host, id (tags), state, labels (JSON), gone_at (gone). */
enum { I_TIME, I_HOST, I_ID, I_STATE, I_LABELS, I_GONE, I_N };
extern const struct tally_table state_table;

struct fixture {
	struct fake_host *host;
	struct tally_ctx *ctx;
	const struct tally_plugin *plugin;
	struct store *store; /* the plugin's self */
	char folder[64];     /* its own, empty at first */
	uint64_t sequence;
	/* What the store's maintenance sees besides the host's clock. */
	int64_t uptime;       /* goes on with maintenance_at() */
	int64_t server_ahead; /* the database's clock, of this host's */
	int64_t latest;       /* that maintenance_at() has shown */
};

int fixture_setup(void **state); /* *state: a started fixture */
int fixture_teardown(void **state);
void fixture_restart(struct fixture *fixture);

/* It has become so late; and maintenance has run, too. */
void time_passes(struct fixture *fixture, int64_t now);
void maintenance_at(struct fixture *fixture, int64_t now);
void maintenance_until_none_is_late(struct fixture *fixture, int64_t now);
/* The clock was set to show it, and maintenance has run.  Returns what that does. */
int maintenance_when_set_to(struct fixture *fixture, int64_t now);

struct tally_batch *fixture_batch(struct fixture *fixture, const struct tally_table *table);
/* Writes it as the next sequence, asserts DONE, drops it. */
void fixture_write(struct fixture *fixture, struct tally_batch *batch);
/* Attempts to, with a sequence; the verdict in ret. */
int fixture_try(struct fixture *fixture, const struct tally_batch *batch, uint64_t sequence,
		uint8_t *ret);

void put_series(struct fixture *fixture, struct tally_batch *batch, int64_t time, const char *id,
		double value, int64_t total);
void put_log(struct fixture *fixture, struct tally_batch *batch, int64_t time, const char *stream,
	     int64_t sequence, const char *message);
void put_text(struct fixture *fixture, struct tally_batch *batch, uint32_t column,
	      const char *text); /* into the last row */

/* ---- An hour of history, for the tests of clocks ---- */

int64_t history_count(struct fixture *fixture, const char *table);
void history_minute(struct fixture *fixture, int64_t from); /* a row of a every ten seconds */
void history_line(struct fixture *fixture, int64_t time);
/* Sixty minutes and a line from T0 on; maintenance has rolled them up at T0 + 2 h. */
void history_hour(struct fixture *fixture);

/* The rows of an answer, copied. */
struct rows {
	char table[64];
	uint32_t n, n_columns, n_batches;
	struct tally_cell *cells; /* texts are NUL-terminated copies */
	uint16_t types[64];
	char names[64][49];
};

/* A query of all time with a far deadline; the caller adds to it. */
struct tally_query query_of(const char *table, const struct tally_select *select,
			    uint32_t n_select);
int ask(struct fixture *fixture, const struct tally_query *query, struct rows *ret);
void rows_free(struct rows *rows);
const struct tally_cell *rows_at(const struct rows *rows, uint32_t row, uint32_t column);

/* ---- What each store gives ---- */

extern const char *const backend_name;
bool backend_several(void); /* it can be asked by several at once */

const void *backend_open(struct fixture *fixture); /* the options; before start() */
void backend_close(struct fixture *fixture);       /* leaves nothing in the folder */
/* The first column of the first row, by a connection of its own.  A table that the store keeps for
 * itself is written @name, the part of a table that it made @@name. */
int64_t fixture_sql(struct fixture *fixture, const char *sql);
int64_t fixture_newest(struct fixture *fixture, const char *view); /* the newest time in a view */
/* A time as SQL has it there, and the table of the watermarks. */
void backend_time(int64_t ns, char *ret, size_t size);
extern const char *const backend_watermarks;
extern const char *const backend_empty_bits; /* no block of text has any */
/* With other retentions from now on. */
void fixture_keep(struct fixture *fixture, int64_t raw, int64_t rollup);
/* As it was before there were rollups of samples per five minutes. */
void fixture_make_older(struct fixture *fixture);
/* Takes all that answer queries away, and gives them back. */
void fixture_hold_readers(struct fixture *fixture, bool hold);

#endif

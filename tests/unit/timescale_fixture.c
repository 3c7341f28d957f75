#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "timescale_fixture.h"
#include "base/clock.h"
#include "test.h"

enum { READERS = 4 };

const char *const backend_name = "output.timescale";
struct timescale_config backend_config;
static struct fixture *fixture_open;

const void *backend_open(struct fixture *fixture)
{
	fixture_open = fixture;
	fixture->ctx->state_dir = fixture->folder;
	backend_config = (struct timescale_config){.conninfo = getenv("TALLYD_TEST_CONNINFO"),
						   .schema = "public",
						   .retention_raw = 7 * DAY,
						   .retention_rollup = 30 * DAY,
						   .retention_daily = 400 * DAY,
						   .compress_after = DAY,
						   .timeout = 20 * SECOND,
						   .readers = READERS,
						   .dead_letter_max_size = 1 << 20};
	if (!backend_config.conninfo)
		fail_msg("TALLYD_TEST_CONNINFO is not set: run this by tests/support/pg.py");
	fixture_sql(fixture, "DROP SCHEMA IF EXISTS tally CASCADE");
	return &backend_config;
}

void backend_close(struct fixture *fixture)
{
	char path[160];
	snprintf(path, sizeof(path), "%s/%s.rejected.ndjson", fixture->folder, fixture->ctx->name);
	unlink(path);
}

/* Both clocks are one, but for what a test sets. */
int __wrap_server_time_read(struct pg_connection *pg, int64_t *ret);
int __wrap_server_time_read(struct pg_connection *pg, int64_t *ret)
{
	*ret = tally_now(pg->ctx) + fixture_open->server_ahead;
	return pg_exec(pg, "select");
}

bool backend_several(void)
{
	return !getenv("TALLYD_TEST_ONE_BACKEND");
}

/* @name and @@name both lie in the schema tally. */
static void expand(const char *sql, size_t size, char *ret)
{
	FILE *out = fmemopen(ret, size, "w");
	assert_non_null(out);
	for (; *sql; sql++) {
		if (sql[0] == '@') {
			sql += sql[1] == '@';
			fputs("tally.", out);
		} else {
			fputc(*sql, out);
		}
	}
	assert_int_equal(fclose(out), 0);
}

int64_t fixture_sql(struct fixture *fixture, const char *sql)
{
	char expanded[1000] = "";
	(void)fixture;
	expand(sql, sizeof(expanded), expanded);
	PGconn *conn = PQconnectdb(getenv("TALLYD_TEST_CONNINFO"));
	PQsetErrorVerbosity(conn, PQERRORS_TERSE);
	PQclear(PQexec(conn, "set client_min_messages = warning"));
	PGresult *result = PQexec(conn, expanded);
	ExecStatusType status = PQresultStatus(result);
	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
		fail_msg("%s: %s", expanded, PQerrorMessage(conn));
	int64_t value = -1;
	if (PQntuples(result) > 0 && !PQgetisnull(result, 0, 0)) {
		const char *text = PQgetvalue(result, 0, 0);
		value = text[0] == 't' ? 1 : text[0] == 'f' ? 0 : strtoll(text, NULL, 10);
	}
	PQclear(result);
	PQfinish(conn);
	return value;
}

const char *const backend_empty_bits = "UPDATE @text SET bits = decode(repeat('00', 8), 'hex')";
const char *const backend_watermarks = "@marks";

void backend_time(int64_t ns, char *ret, size_t size)
{
	snprintf(ret, size, "to_timestamp(%" PRId64 ")", ns / SECOND);
}

int64_t fixture_newest(struct fixture *fixture, const char *view)
{
	char sql[100];
	snprintf(sql, sizeof(sql), "SELECT (extract(epoch FROM max(time)) * 1e9)::bigint FROM %s",
		 view);
	return fixture_sql(fixture, sql);
}

void fixture_keep(struct fixture *fixture, int64_t raw, int64_t rollup)
{
	backend_config.retention_raw = raw;
	backend_config.retention_rollup = rollup;
	fixture_restart(fixture);
}

void fixture_hold_readers(struct fixture *fixture, bool hold)
{
	static struct reader *held[READERS];
	int64_t deadline = clock_monotonic() + 60 * CLOCK_SECOND;
	for (int i = 0; i < READERS; i++) {
		if (hold)
			assert_int_equal(readers_take(&fixture->store->readers, deadline, &held[i]),
					 0);
		else
			readers_give_back(&fixture->store->readers, held[i]);
	}
}

void fixture_own_rollups(struct fixture *fixture)
{
	fixture_sql(fixture, "do $$ begin if exists (select from pg_extension where extname = "
			     "'timescaledb') then perform tally.leave_continuous_aggregates(); end "
			     "if; end $$");
}

void fixture_make_older(struct fixture *fixture)
{
	fixture_own_rollups(fixture);
	fixture_sql(fixture, "drop view samples_5min; drop table tally.samples_5min_rows; "
			     "drop table tally.clock, tally.text; "
			     "delete from tally.marks where level = 4; "
			     "delete from tally.migrations where version >= 6");
}

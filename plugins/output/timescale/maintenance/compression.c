/*
 * Ask for the chunks that are old enough → compress_chunk() one after the other, each in its own
 * transaction.  On the maintenance's thread, by the leader only, and where the edition can (tsl):
 * on the Apache edition the functions fail with 0A000.  TimescaleDB's own policies are not relied
 * on; with one current pairing (2.28.3 on PostgreSQL 15.20) every background job failed.  A lock
 * that is not granted in time is no failure, see step_size.h.
 *
 * A day's chunk goes from about 145 to 10 MB (50 containers at 10 s), minutes from 115 to 11.
 */
#include "maintenance/compression.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "schema/partitioning.h"

/* While it waits for the lock that it takes in the end, everybody else has to wait, too. */
static int compression_exec(const struct compression *compression, const char *sql)
{
	struct pg_connection *pg = compression->pg;
	int r = pg_execf(pg, "begin; set local lock_timeout = %" PRId64 "; %s; commit",
			 compression->step_size->lock_timeout, sql);
	if (r < 0)
		pg_rollback(pg);
	return r;
}

static int compression_enable(const struct compression *compression,
			      const struct stored_table *stored, enum schema_level level)
{
	struct pg_connection *pg = compression->pg;
	auto_strbuf struct strbuf sql = {0};
	char not_yet[8];
	strbuf_add(&sql,
		   "select exists (select from timescaledb_information.hypertables where "
		   "hypertable_schema = 'tally' and hypertable_name = '%s%s_rows' and not "
		   "compression_enabled)::text",
		   stored->table.name, schema_levels[level].suffix);
	int r = sql.failed ? tally_fail(pg->ctx, ENOMEM, "no memory")
			   : pg_query_text(pg, sql.data, not_yet, sizeof(not_yet));
	if (r < 0 || strcmp(not_yet, "true") != 0)
		return r;
	strbuf_clear(&sql);
	partitioning_compressed(&sql, stored, level);
	return sql.failed ? tally_fail(pg->ctx, ENOMEM, "no memory")
			  : compression_exec(compression, sql.data);
}

static int compression_level(const struct compression *compression,
			     const struct stored_table *stored, enum schema_level level,
			     int64_t before)
{
	struct pg_connection *pg = compression->pg;
	auto_strbuf struct strbuf sql = {0};
	auto_result PGresult *chunks = NULL;
	int r = compression_enable(compression, stored, level);
	if (r < 0)
		return r;
	/* 8 is the bit of what is compressed in part; there is no view that says so.  A chunk that
	 * is compressed before it is full stays half compressed: 730 MB became 338 when that was
	 * done again. */
	bool again = compression->again && server_merges_chunks(compression->server);
	strbuf_add(&sql,
		   "select c from (select format('%%I.%%I', chunk_schema, chunk_name) as c, "
		   "is_compressed, range_end from timescaledb_information.chunks where "
		   "to_regclass(format('%%I.%%I', hypertable_schema, hypertable_name)) = "
		   "coalesce(tally.aggregate_rows('%s%s_cagg'), 'tally.%s%s_rows')::regclass and "
		   "range_end < to_timestamp(%" PRId64
		   ")) w where not is_compressed%s order by range_end",
		   stored->table.name, schema_levels[level].suffix, stored->table.name,
		   schema_levels[level].suffix, before / CLOCK_SECOND,
		   again ? " or _timescaledb_functions.chunk_status(c::regclass) & 8 <> 0" : "");
	if (sql.failed)
		return tally_fail(pg->ctx, ENOMEM, "no memory");
	r = pg_query(pg, sql.data, NULL, &chunks);
	for (int row = 0; r == 0 && row < PQntuples(chunks); row++) {
		strbuf_clear(&sql);
		strbuf_add(&sql, "select compress_chunk('%s', true)", PQgetvalue(chunks, row, 0));
		r = sql.failed ? tally_fail(pg->ctx, ENOMEM, "no memory")
			       : compression_exec(compression, sql.data);
		if (r == 0)
			step_size_unblocked(compression->step_size);
	}
	return r;
}

/* Rollups a day later than their rows: to roll one up again costs unpacking what lies around it.
 * Those above the minutes only as continuous aggregates; tables of ours are no hypertables. */
static int compression_rollups(const struct compression *compression,
			       const struct stored_table *stored)
{
	int64_t before = compression->before - schema_levels[LEVEL_DAY].bucket;
	int last = server_merges_chunks(compression->server) && stored->n_numbers ? LEVEL_DAY
										  : LEVEL_ROWS;
	int r = 0;
	for (int level = LEVEL_MINUTE; r == 0 && level <= last; level++)
		r = compression_level(compression, stored, (enum schema_level)level, before);
	return r;
}

int compression_run(const struct compression *compression, const struct stored_table *stored)
{
	struct tally_ctx *ctx = compression->pg->ctx;
	int r = 0;
	if (compression->server->mode != SERVER_TSL ||
	    !step_size_may_lock(compression->step_size, tally_monotonic(ctx)))
		return 0;
	if (schema_is_partitioned(stored, LEVEL_ROWS))
		r = compression_level(compression, stored, LEVEL_ROWS, compression->before);
	if (r == 0)
		r = compression_rollups(compression, stored);
	if (r == 0 || strcmp(compression->pg->sqlstate, "55P03") != 0)
		return r;
	step_size_blocked(compression->step_size, ctx, "what is old cannot be compressed");
	return 0;
}

/*
 * The second attempt, and the first whenever the last one's end is not known: one transaction as
 * well, but by steps that can be taken back.  Per entry the ledger, which knows whether it was
 * written before, then its rows by INSERT … ON CONFLICT DO NOTHING.  writer.c calls writer_upsert()
 * on the thread that writes.
 *
 * Rows that the database refuses for their content (SQLSTATE 22…, 23502) are found by halving,
 * behind savepoints, and rejected; each costs some 2 log2(rows) statements.  Where a partition is
 * missing (23514) all is rolled back, the partitions are made, and it starts over, once: DDL in the
 * same transaction would hold its locks until COMMIT.  Anything else fails the write, which the
 * core repeats.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "schema/partitioning.h"
#include "pg/pg_value.h"
#include "write/writer.h"

/* ---- Halving ------------------------------------------------------------------ */

static uint32_t upsert_good(const struct writer_part *part, uint32_t from, uint32_t until)
{
	uint32_t n = 0;
	for (uint32_t row = from; row < until; row++)
		n += part->series[row] != 0;
	return n;
}

static int upsert_rows(struct writer *writer, struct writer_part *part, uint32_t from,
		       uint32_t until);

/* The rows [from, to) hold one that is refused, and the transaction is back before them. */
static int upsert_narrow(struct writer *writer, struct writer_part *part, uint32_t from,
			 uint32_t until, const char *why)
{
	if (upsert_good(part, from, until) == 1) {
		while (!part->series[from])
			from++;
		return writer_reject(writer, part, from, NULL, why);
	}
	uint32_t middle = from + (until - from) / 2;
	int r = upsert_rows(writer, part, from, middle);
	return r == 0 ? upsert_rows(writer, part, middle, until) : r;
}

/* The depth is the logarithm of the batch's rows. */
static int upsert_rows(struct writer *writer, struct writer_part *part, uint32_t from,
		       uint32_t until)
{
	struct pg_connection *pg = &writer->pg;
	if (upsert_good(part, from, until) == 0)
		return 0;
	int r = pg_exec(pg, "savepoint rows");
	if (r == 0)
		r = writer_insert(writer, part, from, until);
	if (r == 0)
		return pg_exec(pg, "release rows");
	if (pg->fault != PG_FAULT_VALUE)
		return r;
	char why[160]; /* before the next statement replaces it */
	snprintf(why, sizeof(why), "%s", tally_reason(writer->ctx));
	r = pg_exec(pg, "rollback to rows; release rows");
	return r < 0 ? r : upsert_narrow(writer, part, from, until, why);
}

/* ---- Entries ------------------------------------------------------------------ */

/* 1: written before. */
static int upsert_ledger(struct writer *writer, uint32_t i)
{
	struct pg_connection *pg = &writer->pg;
	strbuf_clear(&writer->script);
	/* ledger_note() and ledger_advance() raise an exception, which aborts the transaction:
	 * hence the savepoint. */
	strbuf_add(&writer->script, "savepoint entry; select true");
	int r = writer_script_ledger(writer, i, i + 1);
	if (r == 0)
		r = pg_exec(pg, writer->script.data);
	if (r == 0 || strcmp(pg->sqlstate, "TL001") != 0)
		return r;
	r = pg_exec(pg, "rollback to entry");
	return r == 0 ? 1 : r;
}

static int upsert_entry(struct writer *writer, uint32_t i)
{
	struct writer_part *part = &writer->parts[i];
	writer->pg.sqlstate[0] = '\0';
	int r = part->entry->producer ? upsert_ledger(writer, i) : 0;
	part->known = r > 0;
	if (r != 0)
		return r < 0 ? r : 0;
	return upsert_rows(writer, part, 0, part->batch->n_rows);
}

static int upsert_transaction(struct writer *writer)
{
	int r = pg_execf(&writer->pg, "begin; select tally.hold_series(%" PRId64 ")",
			 writer->generation);
	for (uint32_t i = 0; r == 0 && i < writer->n_parts; i++)
		if (!writer->parts[i].refused)
			r = upsert_entry(writer, i);
	strbuf_clear(&writer->script);
	if (r == 0)
		r = writer_script_late(writer);
	strbuf_add(&writer->script, "commit");
	if (r == 0 && writer->script.failed)
		r = tally_fail(writer->ctx, ENOMEM, "no memory");
	if (r == 0)
		r = pg_exec(&writer->pg, writer->script.data);
	if (r < 0)
		pg_rollback(&writer->pg);
	return r;
}

/* ---- Partitions --------------------------------------------------------------- */

/* Of a table that has such; the server need not be one that knows no other. */
static int upsert_make_partitions(struct writer *writer, const struct writer_part *part)
{
	/* Rows of one batch mostly lie on one day, so it is enough to compare with the last one: a
	 * repeated statement changes nothing. */
	int64_t day = schema_levels[LEVEL_DAY].bucket, last = INT64_MIN;
	int r = 0;
	for (uint32_t row = 0; r == 0 && row < part->batch->n_rows; row++) {
		int64_t time = writer_cell(part, row, 0)->i;
		if (!part->series[row] || schema_floor(time, day) == last)
			continue;
		last = schema_floor(time, day);
		strbuf_clear(&writer->script);
		partitioning_add(&writer->script, part->table->stored->table.name, LEVEL_ROWS, last,
				 last);
		r = writer->script.failed ? tally_fail(writer->ctx, ENOMEM, "no memory")
					  : pg_exec(&writer->pg, writer->script.data);
	}
	return r;
}

int writer_upsert(struct writer *writer)
{
	int r = upsert_transaction(writer);
	if (r == 0 || writer->pg.fault != PG_FAULT_PARTITION)
		return r;
	r = 0;
	for (uint32_t i = 0; r == 0 && i < writer->n_parts; i++) {
		const struct writer_part *part = &writer->parts[i];
		if (!part->refused && part->table->stored->table.kind != TALLY_STATE)
			r = upsert_make_partitions(writer, part);
	}
	return r == 0 ? upsert_transaction(writer) : r;
}

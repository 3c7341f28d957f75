/*
 * One statement a chunk, row by row as they come over the connection, in the transaction of the
 * caller.  Numbers are cast, since a continuous aggregate may have wider ones than a table of ours.
 */
#include "transfer/transfer_read.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "maintenance/watermarks.h"
#include "pg/pg_value.h"
#include "schema/schema.h"
#include "transfer/transfer_encode.h"

/* ---- Rows ------------------------------------------------------------------------- */

static void transfer_list(struct strbuf *sql, const struct transfer_shape *shape)
{
	bool nanos = false;
	for (uint32_t i = 0; i < shape->n; i++) {
		const struct transfer_cell *cell = &shape->cells[i];
		bool number = cell->part >= 0;
		bool real = number && (cell->type == TALLY_REAL || cell->part == PART_SPAN);
		strbuf_add(sql, "%s \"%s\"%s", i ? "," : "select", cell->name,
			   !number ? ""
			   : real  ? "::float8"
				   : "::bigint");
		nanos = nanos || transfer_has_nanos(shape, i);
	}
	if (nanos)
		strbuf_add(sql, ", _nanos");
	strbuf_add(sql, " from tally.\"%s\"", shape->relation);
}

static void transfer_order(struct strbuf *sql, const struct transfer_shape *shape)
{
	const struct stored_table *stored = shape->stored;
	strbuf_add(sql, " order by _series, \"%s\"", shape->cells[shape->time].name);
	if (transfer_has_nanos(shape, shape->time))
		strbuf_add(sql, ", _nanos");
	if (shape->part == LEVEL_ROWS && stored->order)
		strbuf_add(sql, ", \"%s\"", stored->table.columns[stored->order].name);
}

static int transfer_statement(const struct transfer_database *database,
			      const struct transfer_shape *shape, int64_t from, int64_t to,
			      struct strbuf *sql)
{
	transfer_list(sql, shape);
	if (shape->timed) {
		const char *time = shape->cells[shape->time].name;
		strbuf_add(sql,
			   " where \"%s\" >= to_timestamp(%" PRId64
			   ") and \"%s\" < to_timestamp(%" PRId64 ")",
			   time, from / CLOCK_SECOND, time, to / CLOCK_SECOND);
		transfer_order(sql, shape);
	}
	return sql->failed ? tally_fail(database->pg->ctx, ENOMEM, "no memory") : 0;
}

static struct tally_cell transfer_cell(const struct transfer_shape *shape, const PGresult *result,
				       uint32_t i)
{
	const struct transfer_cell *info = &shape->cells[i];
	if (PQgetisnull(result, 0, (int)i))
		return (struct tally_cell){.set = 0};
	const char *data = PQgetvalue(result, 0, (int)i);
	struct tally_cell cell = {.set = 1};
	if (info->part == PART_SPAN) {
		int64_t bits = pg_get_64(data);
		double seconds;
		memcpy(&seconds, &bits, sizeof(seconds));
		cell.i = llround(seconds * (double)CLOCK_SECOND);
		return cell;
	}
	if (info->column == TRANSFER_OWN && strcmp(info->name, "_series") == 0) {
		cell.i = pg_get_32(data);
		return cell;
	}
	cell = pg_get_cell(info->type, data, PQgetlength(result, 0, (int)i));
	if (transfer_has_nanos(shape, i))
		cell.i += pg_get_16(PQgetvalue(result, 0, (int)shape->n));
	return cell;
}

static int transfer_read(void *self, const struct transfer_shape *shape, int64_t from, int64_t to,
			 transfer_row_fn *row, void *arg)
{
	struct transfer_database *database = self;
	auto_strbuf struct strbuf sql = {0};
	auto_free struct tally_cell *cells = calloc(shape->n + 1, sizeof(*cells));
	PGresult *result = NULL;
	if (!cells)
		return tally_fail(database->pg->ctx, ENOMEM, "no memory");
	int r = transfer_statement(database, shape, from, to, &sql);
	if (r == 0)
		r = pg_send(database->pg, sql.data, NULL);
	while (r == 0 && (r = pg_next(database->pg, &result)) == 0 && result) {
		bool is_row = PQntuples(result) > 0;
		for (uint32_t i = 0; is_row && i < shape->n; i++)
			cells[i] = transfer_cell(shape, result, i);
		transfer_encode_sums(shape, cells);
		r = is_row ? row(arg, cells) : 0;
		PQclear(result);
	}
	return r;
}

/* Series by series, as the primary key has them. */
static int transfer_first(void *self, const struct transfer_shape *shape, int64_t from,
			  int64_t *ret)
{
	struct transfer_database *database = self;
	auto_strbuf struct strbuf sql = {0};
	const char *time = shape->cells[shape->time].name;
	strbuf_add(&sql,
		   "select min(l.t) from tally.\"%s_series\" s cross join lateral (select r.\"%s\" "
		   "as t from tally.\"%s\" r where r._series = s._series",
		   shape->stored->table.name, time, shape->relation);
	if (from != INT64_MIN)
		strbuf_add(&sql, " and r.\"%s\" >= to_timestamp(%" PRId64 ")", time,
			   from / CLOCK_SECOND);
	strbuf_add(&sql, " order by r.\"%s\" limit 1) l", time);
	return pg_query_time(database->pg, &sql, INT64_MAX, ret);
}

/* ---- What is known of a table --------------------------------------------------------- */

static int transfer_tables(void *self, tally_table_fn *each, void *arg)
{
	struct transfer_database *database = self;
	return catalog_each(database->catalog, each, arg);
}

static int transfer_watermarks(void *self, const char *table, struct watermarks *ret)
{
	struct transfer_database *database = self;
	return watermarks_load(database->pg, table, ret);
}

/* Minutes with a late row; and where aggregates are still to be refreshed, one of each five. */
static int transfer_late(void *self, const struct stored_table *stored, transfer_time_fn *each,
			 void *arg)
{
	struct transfer_database *database = self;
	auto_strbuf struct strbuf sql = {0};
	auto_result PGresult *minutes = NULL;
	strbuf_add(&sql,
		   "select bucket from tally.late where \"table\" = '%s' union select t from "
		   "tally.marks, generate_series(date_bin('5 minutes', stale_from, 'epoch'), "
		   "stale_to, interval '5 minutes') t where \"table\" = '%s' order by 1",
		   stored->table.name, stored->table.name);
	int r = sql.failed ? tally_fail(database->pg->ctx, ENOMEM, "no memory")
			   : pg_query(database->pg, sql.data, NULL, &minutes);
	for (int row = 0; r == 0 && row < PQntuples(minutes); row++)
		r = each(arg, pg_time_to_ns(pg_get_64(PQgetvalue(minutes, row, 0))));
	return r;
}

/* Entries that ran ahead of it are offered again to a store that counts in order: their rows are
 * known there by their keys. */
static int transfer_ledger(void *self, transfer_ledger_fn *each, void *arg)
{
	struct transfer_database *database = self;
	auto_result PGresult *rows = NULL;
	int r = pg_query(database->pg, "select writer, sequence from tally.ledger", NULL, &rows);
	for (int row = 0; r == 0 && row < PQntuples(rows); row++)
		r = each(arg, PQgetvalue(rows, row, 0), pg_get_64(PQgetvalue(rows, row, 1)));
	return r;
}

struct transfer_reader transfer_read_database(struct transfer_database *database)
{
	return (struct transfer_reader){.ctx = database->pg->ctx,
					.self = database,
					.tables = transfer_tables,
					.first = transfer_first,
					.read = transfer_read,
					.watermarks = transfer_watermarks,
					.late = transfer_late,
					.ledger = transfer_ledger};
}

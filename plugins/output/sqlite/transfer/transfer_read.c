/*
 * One statement a chunk, row by row, in the transaction of the caller.  Rows are read series by
 * series, as they lie in the file.
 */
#include "transfer/transfer_read.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "bind.h"
#include "database.h"
#include "maintenance/watermarks.h"
#include "packed/packed_file.h"

const char *transfer_relation(const struct transfer_shape *shape)
{
	return shape->stored->table.kind == TALLY_STATE ? shape->stored->table.name
							: shape->relation;
}

char *transfer_readable(const struct transfer_file *file, const struct transfer_shape *shape)
{
	const char *table = shape->stored->table.name;
	if (shape->part != LEVEL_ROWS || !packed_exists(file->db, table))
		return sqlite3_mprintf("%s", transfer_relation(shape));
	return sqlite3_mprintf("%s%s", table, packed_suffix(file->db, table));
}

/* ---- Rolled-up numbers ------------------------------------------------------------ */

/* Through unsigned: it wraps around, there and back. */
static int64_t transfer_distance(int64_t from, int64_t to)
{
	return (int64_t)((uint64_t)from - (uint64_t)to);
}

void transfer_turn(struct tally_cell number[PART_INCREASE])
{
	const struct tally_cell *max = &number[PART_MAX];
	if (!max->set)
		return;
	number[PART_MIN].i = transfer_distance(max->i, number[PART_MIN].i);
	if (number[PART_LAST].set)
		number[PART_LAST].i = transfer_distance(max->i, number[PART_LAST].i);
}

void transfer_turn_all(const struct transfer_shape *shape, struct tally_cell *cells)
{
	for (uint32_t i = 0; i < shape->n; i++)
		if (shape->cells[i].part == PART_COUNT &&
		    shape->cells[i + PART_SUM].type != TALLY_REAL)
			transfer_turn(&cells[i]);
}

/* ---- Rows --------------------------------------------------------------------------- */

static void transfer_append_order(const struct transfer_shape *shape, sqlite3_str *sql)
{
	const struct stored_table *stored = shape->stored;
	sqlite3_str_appendf(sql, " ORDER BY s._series, r.\"%w\"", shape->cells[shape->time].name);
	if (shape->part == LEVEL_ROWS && stored->order)
		sqlite3_str_appendf(sql, ", r.\"%w\"", stored->table.columns[stored->order].name);
}

static int transfer_prepare(struct transfer_file *file, const struct transfer_shape *shape,
			    int64_t from, int64_t to, sqlite3_stmt **ret)
{
	auto_text char *relation = transfer_readable(file, shape);
	if (!relation)
		return tally_fail(file->ctx, ENOMEM, "no memory");
	sqlite3_str *sql = sqlite3_str_new(file->db);
	for (uint32_t i = 0; i < shape->n; i++)
		sqlite3_str_appendf(sql, "%s r.\"%w\"", i ? "," : "SELECT", shape->cells[i].name);
	if (shape->timed) {
		const char *time = shape->cells[shape->time].name;
		sqlite3_str_appendf(sql,
				    " FROM \"%w_series\" s CROSS JOIN \"%w\" r ON r._series = "
				    "s._series WHERE r.\"%w\" >= %lld AND r.\"%w\" < %lld",
				    shape->stored->table.name, relation, time, (long long)from,
				    time, (long long)to);
		transfer_append_order(shape, sql);
	} else {
		sqlite3_str_appendf(sql, " FROM \"%w\" r", relation);
	}
	return database_prepare_text(file->ctx, file->db, sql, ret);
}

static int transfer_read(void *self, const struct transfer_shape *shape, int64_t from, int64_t to,
			 transfer_row_fn *row, void *arg)
{
	struct transfer_file *file = self;
	auto_statement sqlite3_stmt *statement = NULL;
	auto_free struct tally_cell *cells = calloc(shape->n + 1, sizeof(*cells));
	if (!cells)
		return tally_fail(file->ctx, ENOMEM, "no memory");
	int r = transfer_prepare(file, shape, from, to, &statement);
	while (r == 0 && (r = database_step(file->ctx, statement)) > 0) {
		for (uint32_t i = 0; i < shape->n; i++)
			cells[i] = bind_read(statement, (int)i, shape->cells[i].type);
		transfer_turn_all(shape, cells);
		r = row(arg, cells);
	}
	return r;
}

static int transfer_first(void *self, const struct transfer_shape *shape, int64_t from,
			  int64_t *ret)
{
	struct transfer_file *file = self;
	const char *time = shape->cells[shape->time].name;
	auto_text char *relation = transfer_readable(file, shape);
	if (!relation)
		return tally_fail(file->ctx, ENOMEM, "no memory");
	auto_text char *sql = sqlite3_mprintf(
		"SELECT min((SELECT r.\"%w\" FROM \"%w\" r WHERE r._series = s._series AND "
		"r.\"%w\" >= %lld ORDER BY r.\"%w\" LIMIT 1)) FROM \"%w_series\" s",
		time, relation, time, (long long)from, time, shape->stored->table.name);
	*ret = INT64_MAX;
	return sql ? database_int(file->ctx, file->db, sql, ret)
		   : tally_fail(file->ctx, ENOMEM, "no memory");
}

/* ---- What is known of a table --------------------------------------------------------- */

static int transfer_tables(void *self, tally_table_fn *each, void *arg)
{
	struct transfer_file *file = self;
	return catalog_each(file->catalog, each, arg);
}

static int transfer_watermarks(void *self, const char *table, struct watermarks *ret)
{
	struct transfer_file *file = self;
	return watermarks_load(file->ctx, file->db, table, ret);
}

/* A coarser bucket by its first minute: that one brings the others with it. */
static int transfer_late(void *self, const struct stored_table *stored, transfer_time_fn *each,
			 void *arg)
{
	struct transfer_file *file = self;
	auto_statement sqlite3_stmt *row = NULL;
	int r = database_preparef(file->ctx, file->db, &row,
				  "SELECT DISTINCT bucket FROM tally_late WHERE \"table\" = %Q "
				  "ORDER BY bucket",
				  stored->table.name);
	while (r == 0 && (r = database_step(file->ctx, row)) > 0)
		r = each(arg, sqlite3_column_int64(row, 0));
	return r;
}

static int transfer_ledger(void *self, transfer_ledger_fn *each, void *arg)
{
	struct transfer_file *file = self;
	auto_statement sqlite3_stmt *row = NULL;
	int r = database_prepare(file->ctx, file->db, "SELECT writer, sequence FROM tally_ledger",
				 &row);
	while (r == 0 && (r = database_step(file->ctx, row)) > 0)
		r = each(arg, (const char *)sqlite3_column_text(row, 0),
			 sqlite3_column_int64(row, 1));
	return r;
}

struct transfer_reader transfer_read_file(struct transfer_file *file)
{
	return (struct transfer_reader){.ctx = file->ctx,
					.self = file,
					.tables = transfer_tables,
					.first = transfer_first,
					.read = transfer_read,
					.watermarks = transfer_watermarks,
					.late = transfer_late,
					.ledger = transfer_ledger};
}

/*
 * One batch is open per table.  All are emitted when the program has said nothing more for now,
 * when they are large, and when the program gives a position.
 *
 * Positions.  A position covers every row before it, whatever its table, and the tables may go to
 * different buffers.  So each batch brings a position: the last that was given, until the last
 * batch before a new one brings that.  The core counts a position once everything up to it is safe.
 * What the core keeps has a character in front of the program's text: "=" and the text, or "-" for
 * the beginning, since a position is never empty.
 *
 * Rows wait for the position that covers them, so that both reach a buffer in one step: rows that
 * went ahead would come again after a crash.  They wait only so long and up to so many bytes, then
 * they go with the position before them, and so do those that follow, until there is a new one.  A
 * program that never gives any is held up once in a run, and loses nothing.
 */
#include "exec_rows.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "json_tree.h"

enum { ROWS_PER_BATCH = 1000, ROWS_BYTES = 1 << 20 };
static const int64_t rows_hold = 10 * CLOCK_SECOND; /* for a position that does not come */

void exec_rows_done(struct exec_rows *rows)
{
	exec_rows_drop(rows);
	exec_row_done(&rows->row);
}

/* ---- Positions --------------------------------------------------------------- */

static const char *rows_given(const char *kept)
{
	return kept[0] == '=' ? kept + 1 : NULL;
}

const char *exec_rows_resume(struct exec_rows *rows)
{
	int r = tally_position(rows->ctx, rows->ctx->name, rows->position, sizeof(rows->position));
	if (r < 0 || rows->position[0] != '=')
		memcpy(rows->position, "-", 2);
	return rows_given(rows->position);
}

const char *exec_rows_safe(struct exec_rows *rows, char ret[EXEC_MAX_POSITION + 2])
{
	int r = tally_safe_position(rows->ctx, rows->ctx->name, ret, EXEC_MAX_POSITION + 2);
	return r == 0 ? rows_given(ret) : NULL;
}

bool exec_rows_waiting(const struct exec_rows *rows, const char *safe)
{
	const char *given = rows_given(rows->position);
	return given && (!safe || strcmp(given, safe) != 0);
}

/* ---- Emitting ---------------------------------------------------------------- */

static int rows_emit(struct exec_rows *rows, struct tally_batch *batch, const char *position)
{
	const char *source = rows->positions ? rows->ctx->name : NULL;
	return tally_emit(rows->ctx, batch, source, source ? position : NULL);
}

/* position: of all that is open; NULL: none is new. */
static int rows_emit_all(struct exec_rows *rows, const char *position)
{
	int r = 0;
	for (size_t i = 0; i < rows->n_open && r == 0; i++) {
		struct tally_batch *batch = rows->open[i];
		bool last = i + 1 == rows->n_open;
		rows->open[i] = NULL;
		r = rows_emit(rows, batch, last && position ? position : rows->position);
	}
	exec_rows_drop(rows);
	return r;
}

void exec_rows_drop(struct exec_rows *rows)
{
	for (size_t i = 0; i < rows->n_open; i++)
		if (rows->open[i])
			tally_batch_drop(rows->ctx, rows->open[i]);
	rows->n_open = 0;
	rows->bytes = 0;
	rows->n_rows = 0;
}

/* A position without rows moves on all the same, with a batch that is empty. */
static int rows_new_position(struct exec_rows *rows, const char *position)
{
	if (!rows->n_open && rows->tables.n) {
		rows->open[0] = tally_batch_new(rows->ctx, rows->tables.list[0]);
		rows->n_open = rows->open[0] != NULL;
	}
	rows->holding = true;
	if (!rows->n_open)
		return 0;
	int r = rows_emit_all(rows, position);
	if (r == 0)
		memcpy(rows->position, position, strlen(position) + 1);
	return r;
}

/* ---- Waiting for a position -------------------------------------------------- */

void exec_rows_begin(struct exec_rows *rows)
{
	exec_rows_drop(rows);
	rows->holding = rows->positions;
}

int64_t exec_rows_due(const struct exec_rows *rows)
{
	return rows->holding && rows->n_open ? rows->since + rows_hold : INT64_MAX;
}

/* From now on rows go ahead of their position. */
static int rows_hold_no_longer(struct exec_rows *rows, const char *why)
{
	rows->holding = false;
	if (!rows->told)
		tally_log(
			rows->ctx, TALLY_NOTICE,
			"the program gave %" PRIu64 " rows and no position behind them, and %s: "
			"such rows are stored before their position, and come again after a crash "
			"(said once)",
			rows->n_rows, why);
	rows->told = true;
	return rows_emit_all(rows, NULL);
}

int exec_rows_pause(struct exec_rows *rows)
{
	if (!rows->holding)
		return rows_emit_all(rows, NULL);
	if (tally_monotonic(rows->ctx) >= exec_rows_due(rows))
		return rows_hold_no_longer(rows, "10 seconds have passed");
	return 0;
}

/* A program that is told to resume at a position gives what follows it again; one that has never
 * given any may not be able to. */
int exec_rows_end(struct exec_rows *rows, bool well)
{
	if (well || !rows->positions || !rows_given(rows->position))
		return rows_emit_all(rows, NULL);
	if (rows->n_rows)
		tally_log(rows->ctx, TALLY_NOTICE,
			  "rows behind its last position are not taken (%" PRIu64 "): the program "
			  "gives them again from there",
			  rows->n_rows);
	exec_rows_drop(rows);
	return 0;
}

/* ---- Lines that say something about the program ------------------------------ */

static int rows_say_position(struct exec_rows *rows, const json_t *object,
			     struct exec_problem *problem)
{
	char position[EXEC_MAX_POSITION + 2];
	const char *given = json_tree_text(object, "position");
	if (!given || strlen(given) > EXEC_MAX_POSITION)
		return exec_refuse(problem, EXEC_SYNTAX, 0,
				   "a position is a text of at most %d bytes", EXEC_MAX_POSITION);
	if (!rows->positions)
		return exec_refuse(problem, EXEC_SYNTAX, 0,
				   "a position, although acknowledge = no");
	snprintf(position, sizeof(position), "=%s", given);
	int r = rows_new_position(rows, position);
	return r < 0 ? -ECANCELED : 0;
}

static int rows_say(struct exec_rows *rows, const json_t *object, struct exec_problem *problem)
{
	const char *what = json_tree_text(object, "tallyd");
	if (what && strcmp(what, "position") == 0)
		return rows_say_position(rows, object, problem);
	if (!what || strcmp(what, "tables") != 0)
		return exec_refuse(problem, EXEC_SYNTAX, 0,
				   "\"tallyd\" is neither \"tables\" nor \"position\"");
	if (exec_tables_from_json(rows->ctx, object, &rows->tables) < 0)
		return exec_refuse(problem, EXEC_TABLE, 0, "%s", tally_reason(rows->ctx));
	return 0;
}

/* ---- Lines that are rows ----------------------------------------------------- */

static int rows_add_cells(struct exec_rows *rows, struct tally_batch *batch)
{
	const struct tally_table *table = rows->row.table;
	struct tally_cell *cells = tally_batch_row(rows->ctx, batch);
	if (!cells)
		return tally_fail(rows->ctx, ENOMEM, "no memory for a row");
	for (uint32_t c = 0; c < table->n_columns; c++) {
		const struct tally_cell *cell = &rows->row.cells[c];
		uint16_t type = table->columns[c].type;
		if (cell->set && (type == TALLY_TEXT || type == TALLY_JSON))
			tally_put_text(rows->ctx, batch, cells, c, cell->text, cell->len);
		else
			cells[c] = *cell;
	}
	return 0;
}

/* The open batch of a row's table; NULL: no memory.  A table that was declared again with more
 * columns is another one. */
static struct tally_batch *rows_open(struct exec_rows *rows, const struct tally_table *table)
{
	for (size_t i = 0; i < rows->n_open; i++)
		if (rows->open[i]->table == table)
			return rows->open[i];
	struct tally_batch *batch = tally_batch_new(rows->ctx, table);
	if (batch)
		rows->open[rows->n_open++] = batch;
	return batch;
}

static int rows_check_full(struct exec_rows *rows, const struct tally_batch *batch)
{
	if (batch->n_rows < ROWS_PER_BATCH && rows->bytes < ROWS_BYTES &&
	    rows->n_open < EXEC_MAX_OPEN)
		return 0;
	return rows->holding ? rows_hold_no_longer(rows, "they fill a batch")
			     : rows_emit_all(rows, NULL);
}

static int rows_add(struct exec_rows *rows)
{
	struct tally_batch *batch = rows_open(rows, rows->row.table);
	if (!batch)
		return tally_fail(rows->ctx, ENOMEM, "no memory for a batch");
	size_t before = tally_batch_bytes(rows->ctx, batch);
	int r = rows_add_cells(rows, batch);
	if (!rows->n_rows)
		rows->since = tally_monotonic(rows->ctx);
	rows->n_rows++;
	rows->bytes += tally_batch_bytes(rows->ctx, batch) - before;
	return r == 0 ? rows_check_full(rows, batch) : r;
}

static int rows_check_unknown(struct exec_rows *rows, struct exec_problem *problem)
{
	const struct exec_row *row = &rows->row;
	if (!row->n_unknown)
		return 0;
	if (rows->refuse_unknown)
		return exec_refuse(problem, EXEC_COLUMN, 0, "%s has no column %s", row->table->name,
				   row->unknown);
	tally_count(rows->ctx, EXEC_METRIC_UNKNOWN, row->n_unknown);
	tally_log(rows->ctx, TALLY_INFO,
		  "table %s: no column %s is declared: values for it are left out",
		  row->table->name, row->unknown);
	return 0;
}

/* A row that was parsed: checked, filled, added. */
static int rows_take(struct exec_rows *rows, struct exec_problem *problem)
{
	int r = rows_check_unknown(rows, problem);
	if (r == 0)
		r = exec_row_fill(&rows->row, tally_now(rows->ctx), rows->ctx->hostname,
				  ++rows->order, problem);
	if (r < 0)
		return r;
	r = rows_add(rows);
	return r < 0 ? -ECANCELED : 0;
}

static int rows_json(struct exec_rows *rows, const char *line, size_t len,
		     struct exec_problem *problem)
{
	json_error_t error;
	auto_json json_t *object = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	if (!object)
		return exec_refuse(problem, EXEC_SYNTAX,
				   error.position > 0 ? (size_t)error.position : 1, "no JSON: %.*s",
				   200, error.text);
	if (!json_is_object(object))
		return exec_refuse(problem, EXEC_SYNTAX, 1, "is not a JSON object");
	if (json_object_get(object, "tallyd"))
		return rows_say(rows, object, problem);
	if (rows->influx)
		return exec_refuse(problem, EXEC_SYNTAX, 1, "a row as JSON where format = influx");
	int r = exec_row_from_json(&rows->tables, object, &rows->row, problem);
	return r == 0 ? rows_take(rows, problem) : r;
}

static int rows_influx(struct exec_rows *rows, char *line, size_t len, struct exec_problem *problem)
{
	int r = exec_row_from_influx(&rows->tables, line, len, &rows->row, problem);
	return r == 0 ? rows_take(rows, problem) : r;
}

void exec_rows_refuse(struct exec_rows *rows, uint64_t number, const struct exec_problem *problem)
{
	char column[32] = "";
	if (problem->column)
		snprintf(column, sizeof(column), ", column %zu", problem->column);
	tally_count(rows->ctx, EXEC_METRIC_REFUSED + problem->reason, 1);
	tally_log(rows->ctx, TALLY_WARNING, "line %" PRIu64 "%s: %s; the line is left out", number,
		  column, problem->text);
}

int exec_rows_line(struct exec_rows *rows, char *line, size_t len, uint64_t number)
{
	struct exec_problem problem;
	size_t blank = strspn(line, " \t");
	if (blank >= len || line[blank] == '#')
		return 0; /* nothing, or a comment of the line protocol */
	tally_count(rows->ctx, EXEC_METRIC_LINES, 1);
	int r = !rows->influx || line[blank] == '{'
			? rows_json(rows, line, len, &problem)
			: rows_influx(rows, line + blank, len - blank, &problem);
	if (r == -EINVAL)
		exec_rows_refuse(rows, number, &problem);
	return r == -EINVAL ? 0 : r;
}

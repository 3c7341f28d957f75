/*
 * CREATE VIRTUAL TABLE <table>_all USING tallyd_packed(<table>).  Its columns are found in
 * <table>_rows each time a connection meets it.  A statement opens a cursor, which serves one
 * series after the other: those that the statement gives, else all in the order of their numbers.
 * What cursors read with stays prepared for those that come after them.
 *
 * Needs nothing of the daemon.  Called by SQLite on the thread of the connection.
 */
#include "packed/packed_module.h"

#include <stdlib.h>
#include <string.h>

#include "packed/packed_rows.h"

/* idxNum; idxStr is which columns are used, a bit each, in hex.  PLAN_AT: one time for both. */
enum module_plan {
	PLAN_SERIES = 1,
	PLAN_FROM = 2,
	PLAN_TO = 4,
	PLAN_AT = 8,
	PLAN_NEWEST_FIRST = 16
};
/* Of the last columns together (sqlite3_index_info, colUsed). */
enum { MODULE_LAST_BIT = 63 };
enum { MODULE_KEPT = 8 };

struct module_table {
	sqlite3_vtab base;
	sqlite3 *db;
	char *name, **columns; /* columns[0]: the time */
	uint32_t n;
	sqlite3_stmt *kept[MODULE_KEPT]; /* that no cursor has now */
};

struct module_cursor {
	sqlite3_vtab_cursor base;
	struct packed_rows rows;
	uint16_t *wanted;  /* as struct packed_rows has them */
	uint16_t *place;   /* of each column of the table: where it is in wanted */
	sqlite3_stmt *all; /* series; NULL: one is given */
	int64_t from, to;
	bool each, end;
};

/* ---- The table ------------------------------------------------------------------------ */

static void module_free(struct module_table *table)
{
	for (int i = 0; i < MODULE_KEPT; i++)
		sqlite3_finalize(table->kept[i]);
	for (uint32_t i = 0; i < table->n; i++)
		sqlite3_free(table->columns[i]);
	free(table->columns);
	sqlite3_free(table->name);
	free(table);
}

static int module_add_column(struct module_table *table, const char *name)
{
	char **columns = realloc(table->columns, (table->n + 1) * sizeof(*columns));
	if (!columns)
		return SQLITE_NOMEM;
	table->columns = columns;
	columns[table->n] = sqlite3_mprintf("%s", name);
	return columns[table->n++] ? SQLITE_OK : SQLITE_NOMEM;
}

/* The columns of <table>_rows after _series, and what to declare. */
static int module_find_columns(struct module_table *table, sqlite3_str *declared)
{
	sqlite3_stmt *row = NULL;
	char *sql = sqlite3_mprintf("SELECT name, type FROM pragma_table_info('%q_rows') WHERE cid "
				    "> 0 ORDER BY cid",
				    table->name);
	int code = sql ? sqlite3_prepare_v2(table->db, sql, -1, &row, NULL) : SQLITE_NOMEM;
	sqlite3_free(sql);
	sqlite3_str_appendall(declared, "CREATE TABLE x(_series INTEGER");
	while (code == SQLITE_OK && sqlite3_step(row) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(row, 0);
		code = module_add_column(table, name ? name : "");
		sqlite3_str_appendf(declared, ", \"%w\" %s", name, sqlite3_column_text(row, 1));
	}
	int finished = sqlite3_finalize(row);
	if (code == SQLITE_OK)
		code = finished;
	if (code == SQLITE_OK && (table->n == 0 || table->n > CHUNK_MAX_COLUMNS))
		code = SQLITE_ERROR;
	sqlite3_str_appendf(declared, ", PRIMARY KEY (_series, \"%w\")) WITHOUT ROWID",
			    table->n ? table->columns[0] : "");
	return code;
}

static int module_connect(sqlite3 *db, void *arg, int argc, const char *const *argv,
			  sqlite3_vtab **ret, char **ret_error)
{
	struct module_table *table = calloc(1, sizeof(*table));
	(void)arg;
	if (!table)
		return SQLITE_NOMEM;
	table->db = db;
	/* As it stands between the brackets: a quoted name. */
	table->name = argc == 4 && argv[3][0] == '"' ? sqlite3_mprintf("%s", argv[3] + 1) : NULL;
	size_t len = table->name ? strlen(table->name) : 0;
	int code = len > 1 ? SQLITE_OK : SQLITE_ERROR;
	if (code == SQLITE_OK)
		table->name[len - 1] = '\0';
	sqlite3_str *declared = sqlite3_str_new(db);
	if (code == SQLITE_OK)
		code = module_find_columns(table, declared);
	char *sql = sqlite3_str_finish(declared);
	if (code == SQLITE_OK)
		code = sql ? sqlite3_declare_vtab(db, sql) : SQLITE_NOMEM;
	sqlite3_free(sql);
	if (code != SQLITE_OK) {
		*ret_error = sqlite3_mprintf("%s: no rows to read as %s", PACKED_MODULE,
					     argc > 2 ? argv[2] : "");
		module_free(table);
		return code;
	}
	/* It only reads what the file has anyway. */
	sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
	*ret = &table->base;
	return SQLITE_OK;
}

static int module_disconnect(sqlite3_vtab *base)
{
	module_free((struct module_table *)base);
	return SQLITE_OK;
}

/* ---- Planning ---------------------------------------------------------------------------- */

/* Which of PLAN_… a term is; 0: of no use. */
static int module_term(const struct sqlite3_index_constraint *term)
{
	if (!term->usable)
		return 0;
	if (term->iColumn == 0)
		return term->op == SQLITE_INDEX_CONSTRAINT_EQ ? PLAN_SERIES : 0;
	if (term->iColumn != 1)
		return 0;
	switch (term->op) {
	case SQLITE_INDEX_CONSTRAINT_GE:
	case SQLITE_INDEX_CONSTRAINT_GT:
		return PLAN_FROM;
	case SQLITE_INDEX_CONSTRAINT_LE:
	case SQLITE_INDEX_CONSTRAINT_LT:
		return PLAN_TO;
	case SQLITE_INDEX_CONSTRAINT_EQ:
		return PLAN_FROM | PLAN_TO;
	default:
		return 0;
	}
}

/* Whether the rows come in the order that is wanted, of one series by time, and from which end. */
static bool module_is_ordered(const sqlite3_index_info *info, int plan)
{
	int at = info->nOrderBy > 0 && info->aOrderBy[0].iColumn == 0;
	if (!(plan & PLAN_SERIES) || info->nOrderBy != at + 1 || info->aOrderBy[at].iColumn != 1)
		return false;
	return true;
}

/* A term of this kind that is not taken yet; -1: none. */
static int module_find_term(const sqlite3_index_info *info, int kind)
{
	for (int i = 0; i < info->nConstraint; i++)
		if ((module_term(&info->aConstraint[i]) & kind) &&
		    !info->aConstraintUsage[i].argvIndex)
			return i;
	return -1;
}

static int module_take_terms(sqlite3_index_info *info)
{
	static const int kinds[] = {PLAN_SERIES, PLAN_FROM, PLAN_TO};
	int plan = 0, argument = 0;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		int found = plan & kinds[k] ? -1 : module_find_term(info, kinds[k]);
		if (found < 0)
			continue;
		info->aConstraintUsage[found].argvIndex = ++argument;
		int term = module_term(&info->aConstraint[found]);
		if (kinds[k] == PLAN_FROM && (term & PLAN_TO))
			plan |= PLAN_AT;
		plan |= term;
	}
	return plan;
}

/* SQLite checks each term again, so bounds may be taken as inclusive, and only one of each kind. */
static int module_plan(sqlite3_vtab *base, sqlite3_index_info *info)
{
	int plan = module_take_terms(info);
	(void)base;
	/* A series is one seek; each bound leaves a part of it. */
	info->estimatedCost = plan & PLAN_SERIES ? 1e4 : 1e7;
	if (plan & PLAN_FROM)
		info->estimatedCost /= 8;
	if (plan & PLAN_TO)
		info->estimatedCost /= 8;
	info->estimatedRows = (sqlite3_int64)info->estimatedCost;
	if (module_is_ordered(info, plan)) {
		info->orderByConsumed = 1;
		if (info->aOrderBy[info->nOrderBy - 1].desc)
			plan |= PLAN_NEWEST_FIRST;
	}
	info->idxNum = plan;
	info->idxStr = sqlite3_mprintf("%llx", info->colUsed);
	info->needToFreeIdxStr = 1;
	return info->idxStr ? SQLITE_OK : SQLITE_NOMEM;
}

/* ---- Rows ---------------------------------------------------------------------------------- */

static int module_open(sqlite3_vtab *base, sqlite3_vtab_cursor **ret)
{
	const struct module_table *table = (const struct module_table *)base;
	struct module_cursor *cursor = calloc(1, sizeof(*cursor));
	uint16_t *places = calloc((size_t)table->n * 2, sizeof(*places));
	if (!cursor || !places) {
		free(cursor);
		free(places);
		return SQLITE_NOMEM;
	}
	cursor->wanted = places;
	cursor->place = places + table->n;
	*ret = &cursor->base;
	return SQLITE_OK;
}

static struct module_table *module_of(const struct module_cursor *cursor)
{
	return (struct module_table *)cursor->base.pVtab;
}

static void module_give_back(struct module_table *table, sqlite3_stmt *statement)
{
	sqlite3_reset(statement);
	for (int i = 0; statement && i < MODULE_KEPT; i++)
		if (!table->kept[i]) {
			table->kept[i] = statement;
			return;
		}
	sqlite3_finalize(statement);
}

static int module_close(sqlite3_vtab_cursor *base)
{
	struct module_cursor *cursor = (struct module_cursor *)base;
	packed_rows_end(&cursor->rows);
	module_give_back(module_of(cursor), cursor->rows.rows);
	module_give_back(module_of(cursor), cursor->rows.chunks);
	module_give_back(module_of(cursor), cursor->all);
	free(cursor->wanted);
	free(cursor);
	return SQLITE_OK;
}

/* A text under construction, which it frees. */
static int module_prepare_text(const struct module_cursor *cursor, sqlite3_str *text,
			       sqlite3_stmt **ret)
{
	struct module_table *table = module_of(cursor);
	char *sql = sqlite3_str_finish(text);
	if (!sql)
		return SQLITE_NOMEM;
	for (int i = 0; i < MODULE_KEPT && !*ret; i++)
		if (table->kept[i] && strcmp(sqlite3_sql(table->kept[i]), sql) == 0) {
			*ret = table->kept[i];
			table->kept[i] = NULL;
		}
	int code =
		*ret ? SQLITE_OK
		     : sqlite3_prepare_v3(table->db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL);
	sqlite3_free(sql);
	return code;
}

/* The time, and the columns that the statement uses. */
static void module_append_columns(struct module_cursor *cursor, sqlite3_str *sql, uint64_t used)
{
	const struct module_table *table = module_of(cursor);
	sqlite3_str_appendf(sql, "SELECT \"%w\"", table->columns[0]);
	cursor->rows.n = 1;
	for (uint32_t c = 1; c < table->n; c++) {
		/* _series is the first of the table's columns, and none of these. */
		uint32_t bit = c + 1 < MODULE_LAST_BIT ? c + 1 : MODULE_LAST_BIT;
		if (!(used >> bit & 1))
			continue;
		cursor->place[c] = (uint16_t)cursor->rows.n;
		cursor->wanted[cursor->rows.n++] = (uint16_t)c;
		sqlite3_str_appendf(sql, ", \"%w\"", table->columns[c]);
	}
}

/* Once a cursor, whose plan stays the same. */
static int module_prepare(struct module_cursor *cursor, int plan, const char *used)
{
	const struct module_table *table = module_of(cursor);
	struct packed_rows *rows = &cursor->rows;
	if (rows->rows)
		return SQLITE_OK;
	rows->newest_first = plan & PLAN_NEWEST_FIRST;
	rows->columns = cursor->wanted;
	sqlite3_str *sql = sqlite3_str_new(table->db);
	module_append_columns(cursor, sql, strtoull(used, NULL, 16));
	packed_append_range(sql, table->name, table->columns[0], rows->newest_first);
	int code = module_prepare_text(cursor, sql, &rows->rows);
	if (code != SQLITE_OK)
		return code;
	sql = sqlite3_str_new(table->db);
	packed_append_chunks(sql, table->name, rows->newest_first);
	code = module_prepare_text(cursor, sql, &rows->chunks);
	if (code != SQLITE_OK || plan & PLAN_SERIES)
		return code;
	sql = sqlite3_str_new(table->db);
	sqlite3_str_appendf(sql, "SELECT _series FROM \"%w_series\" ORDER BY _series", table->name);
	return module_prepare_text(cursor, sql, &cursor->all);
}

/* What a step returned, as the module's functions return it. */
static int module_stepped(struct module_cursor *cursor, int code)
{
	cursor->end = code != SQLITE_ROW;
	if (code == SQLITE_ROW || code == SQLITE_DONE)
		return SQLITE_OK;
	sqlite3_free(cursor->base.pVtab->zErrMsg);
	cursor->base.pVtab->zErrMsg =
		sqlite3_mprintf("table %s: %s", module_of(cursor)->name,
				code == PACKED_DAMAGED ? cursor->rows.error
						       : sqlite3_errmsg(module_of(cursor)->db));
	return code;
}

/* The next series that has a row in the range. */
static int module_next_series(struct module_cursor *cursor)
{
	int code;
	while ((code = sqlite3_step(cursor->all)) == SQLITE_ROW) {
		code = packed_rows_begin(&cursor->rows, sqlite3_column_int64(cursor->all, 0),
					 cursor->from, cursor->to);
		if (code != SQLITE_DONE)
			break;
	}
	return code;
}

/* What is no number bounds nothing: SQLite compares it itself. */
static int64_t module_bound(sqlite3_value *value, int64_t none)
{
	int type = sqlite3_value_numeric_type(value);
	return type == SQLITE_INTEGER || type == SQLITE_FLOAT ? sqlite3_value_int64(value) : none;
}

static int module_filter(sqlite3_vtab_cursor *base, int plan, const char *used, int argc,
			 sqlite3_value **argv)
{
	struct module_cursor *cursor = (struct module_cursor *)base;
	int at = plan & PLAN_SERIES ? 1 : 0;
	int code = module_prepare(cursor, plan, used);
	if (code != SQLITE_OK)
		return module_stepped(cursor, code);
	cursor->from =
		plan & PLAN_FROM && at < argc ? module_bound(argv[at++], INT64_MIN) : INT64_MIN;
	if (plan & PLAN_AT)
		at--;
	cursor->to = plan & PLAN_TO && at < argc ? module_bound(argv[at], INT64_MAX) : INT64_MAX;
	cursor->each = !(plan & PLAN_SERIES);
	if (cursor->each) {
		sqlite3_reset(cursor->all);
		return module_stepped(cursor, module_next_series(cursor));
	}
	return module_stepped(cursor,
			      packed_rows_begin(&cursor->rows, module_bound(argv[0], INT64_MIN),
						cursor->from, cursor->to));
}

static int module_next(sqlite3_vtab_cursor *base)
{
	struct module_cursor *cursor = (struct module_cursor *)base;
	int code = packed_rows_next(&cursor->rows);
	if (code == SQLITE_DONE && cursor->each)
		code = module_next_series(cursor);
	return module_stepped(cursor, code);
}

static int module_eof(sqlite3_vtab_cursor *base)
{
	return ((const struct module_cursor *)base)->end;
}

static void module_result(sqlite3_context *context, const struct chunk_value *value)
{
	switch (value->type) {
	case CHUNK_INT:
		sqlite3_result_int64(context, value->i);
		break;
	case CHUNK_REAL:
		sqlite3_result_double(context, value->f);
		break;
	case CHUNK_TEXT:
		sqlite3_result_text64(context, value->bytes ? value->bytes : "", value->len,
				      SQLITE_TRANSIENT, SQLITE_UTF8);
		break;
	case CHUNK_BLOB:
		sqlite3_result_blob64(context, value->bytes ? value->bytes : "", value->len,
				      SQLITE_TRANSIENT);
		break;
	default:
		sqlite3_result_null(context);
		break;
	}
}

static int module_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
	struct module_cursor *cursor = (struct module_cursor *)base;
	struct chunk_value value;
	if (column == 0) {
		sqlite3_result_int64(context, cursor->rows.series);
		return SQLITE_OK;
	}
	int code = packed_rows_value(&cursor->rows, cursor->place[column - 1], &value);
	if (code != SQLITE_OK)
		return module_stepped(cursor, code);
	module_result(context, &value);
	return SQLITE_OK;
}

/* WITHOUT ROWID: nobody asks. */
static int module_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret)
{
	(void)base;
	*ret = 0;
	return SQLITE_OK;
}

int packed_module_register(sqlite3 *db)
{
	/* Created and dropped as it is connected to and left: it has nothing of its own. */
	static const sqlite3_module module = {.xCreate = module_connect,
					      .xConnect = module_connect,
					      .xBestIndex = module_plan,
					      .xDisconnect = module_disconnect,
					      .xDestroy = module_disconnect,
					      .xOpen = module_open,
					      .xClose = module_close,
					      .xFilter = module_filter,
					      .xNext = module_next,
					      .xEof = module_eof,
					      .xColumn = module_column,
					      .xRowid = module_rowid};
	return sqlite3_create_module(db, PACKED_MODULE, &module, NULL);
}

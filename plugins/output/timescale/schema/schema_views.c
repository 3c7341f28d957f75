/*
 * What each view should have is laid beside what it has, by the server: what is there keeps its
 * place, since CREATE OR REPLACE can only append.  Each view is made behind a savepoint, so that
 * one that cannot be made costs nothing else.  Called where a table is made or repaired, in that
 * transaction, and at start and by the maintenance, in one of their own; rows are stored with or
 * without views, so what fails here is logged and counted as missing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pg/pg_value.h"
#include "schema/schema.h"

enum { VIEW_SUFFIX, VIEW_LIST, VIEW_LACKING, VIEW_FOREIGN, VIEW_NO_SCHEMA };

static int views_last(const struct stored_table *stored)
{
	return stored->n_numbers ? LEVEL_DAY : LEVEL_ROWS;
}

/* ---- What there should be ----------------------------------------------------- */

static void views_expect(struct strbuf *sql, const char *suffix, const char *source,
			 const char *name, const char *part)
{
	strbuf_add(sql, "%s('%s', %zu, '%s', '%s%s%s')", sql->len ? ", " : "", suffix, sql->len,
		   source, name, *part ? "_" : "", part);
}

static void views_expect_rollup(struct strbuf *sql, const struct stored_table *stored,
				enum schema_level level)
{
	static const char *const own[] = {"time", "newest", "rows"};
	const char *suffix = schema_levels[level].suffix;
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		views_expect(sql, suffix, "r", own[i], "");
	for (uint32_t i = 0; i < stored->n_tags; i++)
		views_expect(sql, suffix, "s", stored->table.columns[stored->tags[i]].name, "");
	for (uint32_t i = 0; i < stored->n_numbers; i++) {
		const struct tally_column *column = &stored->table.columns[stored->numbers[i]];
		for (uint32_t part = 0; part < schema_n_parts(column); part++)
			views_expect(sql, suffix, "r", column->name, schema_parts[part]);
	}
}

/* Per view: its suffix, the columns as they are to stand, how many of them it lacks, how many it
 * has besides, and whether there is no such schema. */
static int views_compare(struct pg_connection *pg, const struct schema_where *where,
			 const struct stored_table *stored, PGresult **ret)
{
	auto_strbuf struct strbuf sql = {0}, expected = {0};
	for (uint32_t c = 0; c < stored->table.n_columns; c++)
		views_expect(&expected, "", schema_in_rows(stored, c) ? "r" : "s",
			     stored->table.columns[c].name, "");
	/* Lines within a microsecond of each other are in order by this. */
	if (schema_has_nanos(stored))
		views_expect(&expected, "", "r", "_nanos", "");
	for (int level = LEVEL_MINUTE; level <= views_last(stored); level++)
		views_expect_rollup(&expected, stored, (enum schema_level)level);
	strbuf_add(
		&sql,
		"with e (suffix, n, source, name) as (values %s), v as (select s.suffix, "
		"a.attname::text as name, a.attnum from (select distinct suffix from e) s join "
		"pg_class c on c.relkind = 'v' and c.relname = '%s' || s.suffix and "
		"c.relnamespace = to_regnamespace('\"%s\"') join pg_attribute a on a.attrelid = "
		"c.oid and "
		"a.attnum > 0 and not a.attisdropped) select suffix, string_agg(format('%%s.%%I', "
		"source, name), ', ' order by attnum, n), count(*) filter (where attnum is "
		"null), (select count(*) from v where v.suffix = e.suffix and v.name not in "
		"(select name from e f where f.suffix = v.suffix)), to_regnamespace('\"%s\"') "
		"is null from e left join v using (suffix, name) group by suffix order by "
		"suffix",
		expected.failed ? "" : expected.data, stored->table.name, where->views,
		where->views);
	if (sql.failed || expected.failed)
		return tally_fail(pg->ctx, ENOMEM, "no memory");
	return pg_query(pg, sql.data, NULL, ret);
}

static bool views_lacks(const PGresult *views, int row)
{
	return pg_get_64(PQgetvalue(views, row, VIEW_LACKING)) > 0;
}

/* ---- Making ------------------------------------------------------------------- */

/* What is not ours in it can only go with the view. */
static void views_statement(struct strbuf *sql, const struct schema_where *where,
			    const struct stored_table *stored, const PGresult *views, int row)
{
	const char *name = stored->table.name, *suffix = PQgetvalue(views, row, VIEW_SUFFIX);
	strbuf_add(sql, "savepoint views;");
	if (*PQgetvalue(views, row, VIEW_NO_SCHEMA))
		strbuf_add(sql, "create schema if not exists \"%s\";", where->views);
	/* Without CASCADE: if somebody's view stands on it, it stays, and that is logged. */
	if (pg_get_64(PQgetvalue(views, row, VIEW_FOREIGN)) > 0)
		strbuf_add(sql, "drop view \"%s\".\"%s%s\";", where->views, name, suffix);
	strbuf_add(sql,
		   "create or replace view \"%s\".\"%s%s\" as select %s from tally.\"%s%s_rows\" r",
		   where->views, name, suffix, PQgetvalue(views, row, VIEW_LIST), name, suffix);
	if (stored->table.kind != TALLY_STATE)
		strbuf_add(sql, " join tally.\"%s_series\" s using (_series)", name);
	strbuf_add(sql, "; release views");
}

static int views_make_one(struct pg_connection *pg, const struct schema_where *where,
			  const struct stored_table *stored, const PGresult *views, int row)
{
	auto_strbuf struct strbuf sql = {0};
	views_statement(&sql, where, stored, views, row);
	if (sql.failed)
		return tally_fail(pg->ctx, ENOMEM, "no memory");
	int r = pg_exec(pg, sql.data);
	if (r == 0 || !pg_is_open(pg))
		return r;
	if (!where->views_reported || !*where->views_reported)
		tally_log(
			pg->ctx, TALLY_WARNING,
			"the view %s.%s%s cannot be created: %s.  Rows are stored nevertheless; "
			"drop what is in its way, and maintenance or tallyd db migrate creates it",
			where->views, stored->table.name, PQgetvalue(views, row, VIEW_SUFFIX),
			tally_reason(pg->ctx));
	if (where->views_reported)
		*where->views_reported = true;
	/* What is in the transaction besides, a new table perhaps, is to be committed. */
	r = pg_exec(pg, "rollback to views; release views");
	pg->fault = PG_FAULT_NONE;
	return r < 0 ? r : 1;
}

int schema_views_make(struct pg_connection *pg, const struct schema_where *where,
		      const struct stored_table *stored)
{
	auto_result PGresult *views = NULL;
	int r = views_compare(pg, where, stored, &views), lacks = 0;
	for (int row = 0; r >= 0 && row < PQntuples(views); row++) {
		r = views_lacks(views, row) ? views_make_one(pg, where, stored, views, row) : 0;
		lacks = lacks || r > 0;
	}
	return r < 0 ? r : lacks;
}

int schema_views_repair(struct pg_connection *pg, const struct schema_where *where,
			const struct stored_table *stored)
{
	auto_result PGresult *views = NULL;
	int r = views_compare(pg, where, stored, &views), lacks = 0;
	for (int row = 0; r == 0 && row < PQntuples(views); row++)
		lacks = lacks || views_lacks(views, row);
	if (r < 0 || !lacks || !where->make)
		return r < 0 ? r : lacks;
	r = pg_execf(pg,
		     "begin; set local lock_timeout = '5s'; select "
		     "pg_advisory_xact_lock(1952541804, hashtext('%s'))",
		     stored->table.name);
	lacks = r == 0 ? schema_views_make(pg, where, stored) : r;
	r = lacks < 0 ? lacks : pg_exec(pg, "commit");
	if (r < 0)
		pg_rollback(pg);
	return r < 0 ? r : lacks;
}

int schema_views_check(struct pg_connection *pg, const struct schema_where *where,
		       const struct stored_table *stored)
{
	auto_strbuf struct strbuf sql = {0};
	char there[16];
	strbuf_add(&sql,
		   "select count(*)::text from pg_class where relkind = 'v' and relnamespace = "
		   "to_regnamespace('\"%s\"') and relname in (''",
		   where->views);
	for (int level = LEVEL_ROWS; level <= views_last(stored); level++)
		strbuf_add(&sql, ", '%s%s'", stored->table.name, schema_levels[level].suffix);
	strbuf_add(&sql, ")");
	if (sql.failed)
		return tally_fail(pg->ctx, ENOMEM, "no memory");
	int r = pg_query_text(pg, sql.data, there, sizeof(there));
	return r < 0 ? r : strtol(there, NULL, 10) < views_last(stored) + 1;
}

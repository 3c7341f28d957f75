/*
 * What makes rollup_sql_minutes() dear is what hardly ever happens.  Here each counter goes on from
 * the row before its own, so one array of them is handed from row to row instead of each by itself,
 * nothing is looked up but the row before a series' first, and sums are of the type of their
 * column.  What the statement finds is unusual it leaves to the other, see rollup.c, which calls
 * this on the maintenance's thread; without memory sql->failed is set.
 *
 * Most of what a minute costs is planning, so the statement has few parts, whatever a table has.
 */
#include "maintenance/rollup_usual.h"

#include <inttypes.h>

#include "maintenance/rollup_sql.h"

static bool rollup_usual_is(const struct rollup *rollup, uint32_t i, enum tally_type type)
{
	return rollup_sql_is_counter(rollup, i) &&
	       (rollup_sql_column(rollup, i)->type == TALLY_REAL) == (type == TALLY_REAL);
}

static bool rollup_usual_has(const struct rollup *rollup, enum tally_type type)
{
	for (uint32_t i = 0; i < rollup->stored->n_numbers; i++)
		if (rollup_usual_is(rollup, i, type))
			return true;
	return false;
}

/* Of the row before a series' first, of table r. */
static void rollup_usual_before(const struct rollup *rollup, struct strbuf *sql, int64_t from)
{
	const char *name = rollup->stored->table.name;
	const char *time = rollup->stored->table.columns[0].name;
	strbuf_add(sql,
		   " from tally.\"%s_rows\" r where r._series = i._series and r.\"%s\" < "
		   "to_timestamp(%" PRId64 ") order by r.\"%s\" desc limit 1))",
		   name, time, from / CLOCK_SECOND, time);
}

/* The counters of a type in the row before, as one array. */
static void rollup_usual_array(const struct rollup *rollup, struct strbuf *sql,
			       enum tally_type type, int64_t from)
{
	const char *separator = "", *as = type == TALLY_REAL ? "reals_" : "ints_";
	if (!rollup_usual_has(rollup, type))
		return;
	strbuf_add(sql, ", coalesce(lag(array[");
	for (uint32_t i = 0; i < rollup->stored->n_numbers; i++)
		if (rollup_usual_is(rollup, i, type)) {
			strbuf_add(sql, "%sn%u", separator, i);
			separator = ", ";
		}
	strbuf_add(sql, "]) over w, (select array[");
	separator = "";
	for (uint32_t i = 0; i < rollup->stored->n_numbers; i++)
		if (rollup_usual_is(rollup, i, type)) {
			strbuf_add(sql, "%sr.\"%s\"", separator,
				   rollup_sql_column(rollup, i)->name);
			separator = ", ";
		}
	strbuf_add(sql, "]");
	rollup_usual_before(rollup, sql, from);
	strbuf_add(sql, " as %s", as);
}

/* How much a counter grew since the row before. */
static void rollup_usual_growth(const struct rollup *rollup, struct strbuf *sql)
{
	uint32_t ints = 0, reals = 0;
	for (uint32_t i = 0; i < rollup->stored->n_numbers; i++) {
		if (rollup_usual_is(rollup, i, TALLY_INT))
			strbuf_add(sql, ", n%u - ints_[%u] as d%u", i, ++ints, i);
		else if (rollup_usual_is(rollup, i, TALLY_REAL))
			strbuf_add(sql, ", n%u - reals_[%u] as d%u", i, ++reals, i);
	}
}

/* OFFSET 0: what is subtracted is subtracted once, and not wherever it is named. */
static void rollup_usual_rows(const struct rollup *rollup, struct strbuf *sql, int64_t from,
			      int64_t to)
{
	strbuf_add(sql,
		   "with v as (select *, lead(t) over w as t1, coalesce(lag(t) over w, "
		   "(select r.\"%s\"",
		   rollup->stored->table.columns[0].name);
	rollup_usual_before(rollup, sql, from);
	strbuf_add(sql, " as t0");
	rollup_usual_array(rollup, sql, TALLY_INT, from);
	rollup_usual_array(rollup, sql, TALLY_REAL, from);
	strbuf_add(sql, " from (");
	rollup_sql_row_columns(rollup, sql);
	rollup_sql_in_range(rollup, LEVEL_ROWS, sql, from, to);
	strbuf_add(sql, ") i window w as (partition by _series order by t)), x as (select *, "
			"date_bin('1 minute', t, 'epoch') as b, date_bin('1 minute', t1, 'epoch') "
			"is distinct from date_bin('1 minute', t, 'epoch') as newest_, "
			"date_part('epoch', t - t0) as s");
	rollup_usual_growth(rollup, sql);
	strbuf_add(sql, " from v offset 0)");
}

/* Where a counter fell neither the increase nor the time counts.  Named by their place: names of
 * columns could be those of others here.  Returns how many. */
static uint32_t rollup_usual_parts(const struct rollup *rollup, struct strbuf *sql)
{
	uint32_t part = 0;
	for (uint32_t i = 0; i < rollup->stored->n_numbers; i++) {
		strbuf_add(
			sql,
			", count(n%u) as a%u, tally.total(n%u) as a%u, min(n%u) as a%u, max(n%u) "
			"as a%u, max(n%u) filter (where newest_) as a%u",
			i, part, i, part + 1, i, part + 2, i, part + 3, i, part + 4);
		part += 5;
		if (!rollup_sql_is_counter(rollup, i))
			continue;
		strbuf_add(sql,
			   ", tally.total(d%u) filter (where d%u >= 0) as a%u, sum(s) filter "
			   "(where d%u >= 0) as a%u",
			   i, i, part, i, part + 1);
		part += 2;
	}
	return part;
}

/* A counter with a sample, in a row that has one before it, that grew by nobody knows what. */
static void rollup_usual_odd(const struct rollup *rollup, struct strbuf *sql)
{
	strbuf_add(sql, ", bool_or(t0 is not null and (false");
	for (uint32_t i = 0; i < rollup->stored->n_numbers; i++)
		if (rollup_sql_is_counter(rollup, i))
			strbuf_add(sql, " or n%u is not null and d%u is null", i, i);
	strbuf_add(sql, ")) as odd");
}

void rollup_usual_minutes(const struct rollup *rollup, struct strbuf *sql, int64_t from, int64_t to,
			  bool again)
{
	rollup_usual_rows(rollup, sql, from, to);
	strbuf_add(sql, ", m as (select _series, b, max(t) as newest, count(*) as rows");
	uint32_t n_parts = rollup_usual_parts(rollup, sql);
	rollup_usual_odd(rollup, sql);
	strbuf_add(sql, " from x group by _series, b), put as (");
	rollup_sql_head(rollup, LEVEL_MINUTE, sql);
	strbuf_add(sql, "select _series, b, newest, rows");
	for (uint32_t part = 0; part < n_parts; part++)
		strbuf_add(sql, ", a%u", part);
	strbuf_add(sql, " from m where not exists (select from m where odd)");
	if (again)
		rollup_sql_tail(rollup, LEVEL_MINUTE, sql);
	strbuf_add(sql, ") select coalesce(bool_or(odd), false)::int from m");
}

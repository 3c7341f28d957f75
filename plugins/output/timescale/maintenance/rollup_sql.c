/*
 * One INSERT … SELECT for all series.  A minute's rows are joined by those before them, from which
 * counters go on; a coarser bucket is the sum of the finer ones in it.  rollup.c appends these
 * statements on the maintenance's thread and sends them; without memory sql->failed is set.
 *
 * On the server, since no row then crosses the network; the sums are those of
 * plugins/common/store/aggregator.c, so that a query has the same answer from rows and from
 * rollups.
 */
#include "maintenance/rollup_sql.h"

#include <inttypes.h>
#include <stdio.h>
#include <tallyd/query.h>

#include "base/clock.h"

/* Rows back from a bucket to look for a counter's last sample.  Usually it is in the first; it is
 * NULL in some where an input had none, and behind so many the counter is taken to begin anew. */
enum { ROLLUP_BASELINE_ROWS = 16 };

static const char *rollup_name(const struct rollup *rollup)
{
	return rollup->stored->table.name;
}

const struct tally_column *rollup_sql_column(const struct rollup *rollup, uint32_t i)
{
	return &rollup->stored->table.columns[rollup->stored->numbers[i]];
}

bool rollup_sql_is_counter(const struct rollup *rollup, uint32_t i)
{
	return rollup_sql_column(rollup, i)->role == TALLY_COUNTER;
}

/*
 * sum() of what is no more than float8 can hold, which it would refuse, is Infinity, as it is
 * where these numbers are summed up in C.  Large ones are summed up as 2^-64 of them, which loses
 * nothing, and only they, since small ones would become 0, which is refused, too.
 */
static void rollup_sum_reals(struct strbuf *sql, const char *what)
{
	static const char scaled[] = "sum(%s / 18446744073709551616::float8) filter (where "
				     "abs(%s) >= '1e290'::float8)";
	char large[256];
	snprintf(large, sizeof(large), scaled, what, what);
	strbuf_add(sql,
		   ", case when abs(%s) < '4e288'::float8 then %s * 18446744073709551616::float8 "
		   "+ coalesce(sum(%s) filter (where abs(%s) < '1e290'::float8), 0) when abs(%s) "
		   "<= '9.7453e288'::float8 then %s * 18446744073709551616::float8 when %s is not "
		   "null then %s * 'Infinity'::float8 else sum(%s) filter (where abs(%s) < "
		   "'1e290'::float8) end",
		   large, large, what, what, large, large, large, large, what, what);
}

/* Of integers, what bigint can hold; greatest() would make a number of no value at all. */
static void rollup_sum(struct strbuf *sql, const struct tally_column *column, const char *what)
{
	if (column->type == TALLY_REAL)
		rollup_sum_reals(sql, what);
	else
		strbuf_add(sql,
			   ", case when count(%s) > 0 then least(greatest(sum(%s), "
			   "-9223372036854775808), 9223372036854775807)::bigint end",
			   what, what);
}

void rollup_sql_head(const struct rollup *rollup, enum schema_level level, struct strbuf *sql)
{
	strbuf_add(sql, "insert into tally.\"%s%s_rows\" (_series, time, newest, rows",
		   rollup_name(rollup), schema_levels[level].suffix);
	for (uint32_t i = 0; i < rollup->stored->n_numbers; i++)
		for (uint32_t part = 0; part < schema_n_parts(rollup_sql_column(rollup, i)); part++)
			strbuf_add(sql, ", \"%s_%s\"", rollup_sql_column(rollup, i)->name,
				   schema_parts[part]);
	strbuf_add(sql, ") ");
}

/* Never to fewer rows than there were: somebody else has deleted some since. */
void rollup_sql_tail(const struct rollup *rollup, enum schema_level level, struct strbuf *sql)
{
	strbuf_add(sql, " on conflict (_series, time) do update set newest = excluded.newest, "
			"rows = excluded.rows");
	for (uint32_t i = 0; i < rollup->stored->n_numbers; i++)
		for (uint32_t part = 0; part < schema_n_parts(rollup_sql_column(rollup, i)); part++)
			strbuf_add(sql, ", \"%s_%s\" = excluded.\"%s_%s\"",
				   rollup_sql_column(rollup, i)->name, schema_parts[part],
				   rollup_sql_column(rollup, i)->name, schema_parts[part]);
	strbuf_add(sql, " where excluded.rows >= \"%s%s_rows\".rows", rollup_name(rollup),
		   schema_levels[level].suffix);
}

void rollup_sql_row_columns(const struct rollup *rollup, struct strbuf *sql)
{
	strbuf_add(sql, "select r._series, r.\"%s\" as t", rollup->stored->table.columns[0].name);
	for (uint32_t i = 0; i < rollup->stored->n_numbers; i++)
		strbuf_add(sql, ", r.\"%s\"%s as n%u", rollup_sql_column(rollup, i)->name,
			   rollup_sql_column(rollup, i)->type == TALLY_BOOL ? "::int::bigint" : "",
			   i);
}

/* By way of their series, which the index begins with: without OFFSET
 * the server would rather read the table, and so all rows of a day for those of each minute. */
void rollup_sql_in_range(const struct rollup *rollup, enum schema_level level, struct strbuf *sql,
			 int64_t from, int64_t to)
{
	const char *name = rollup_name(rollup);
	const char *time = level == LEVEL_ROWS ? rollup->stored->table.columns[0].name : "time";
	strbuf_add(sql,
		   " from tally.\"%s_series\" s cross join lateral (select * from "
		   "tally.\"%s%s_rows\" r where r._series = s._series and r.\"%s\" >= "
		   "to_timestamp(%" PRId64 ") and r.\"%s\" < to_timestamp(%" PRId64 ") offset 0) r",
		   name, name, schema_levels[level].suffix, time, from / CLOCK_SECOND, time,
		   to / CLOCK_SECOND);
}

/* The rows of the range, and before them those that counters go on from. */
static void rollup_rows(const struct rollup *rollup, struct strbuf *sql, int64_t from, int64_t to)
{
	const char *name = rollup_name(rollup), *time = rollup->stored->table.columns[0].name;
	strbuf_add(sql, "with inside as (");
	rollup_sql_row_columns(rollup, sql);
	rollup_sql_in_range(rollup, LEVEL_ROWS, sql, from, to);
	strbuf_add(sql, "), both_ as (select * from inside union all select l.* from (select "
			"distinct _series from inside) s cross join lateral (");
	rollup_sql_row_columns(rollup, sql);
	strbuf_add(sql,
		   " from tally.\"%s_rows\" r where r._series = s._series and r.\"%s\" < "
		   "to_timestamp(%" PRId64 ") order by r.\"%s\" desc limit %d) l)",
		   name, time, from / CLOCK_SECOND, time, ROLLUP_BASELINE_ROWS);
}

/* One window for all: where a counter's sample before is NULL, an earlier one is looked for among
 * the rows that the window has of the series, those since f.  That is rare, and a window for each
 * counter would sort all rows once more for each. */
static void rollup_lookup(const struct rollup *rollup, struct strbuf *sql, uint32_t i, bool value)
{
	char usual[16] = "t0";
	if (value)
		snprintf(usual, sizeof(usual), "p%u", i);
	const char *name = rollup_name(rollup), *time = rollup->stored->table.columns[0].name;
	const char *column = rollup_sql_column(rollup, i)->name;
	strbuf_add(
		sql,
		"case when n%u is null or p%u is not null or t0 is null then %s else (select "
		"r.\"%s\" from tally.\"%s_rows\" r where r._series = v._series and r.\"%s\" < v.t "
		"and r.\"%s\" >= v.f and r.\"%s\" is not null order by r.\"%s\" desc limit 1) end",
		i, i, usual, value ? column : time, name, time, time, column, time);
}

/* Where a counter fell neither the increase nor the time counts. */
static void rollup_increase(const struct rollup *rollup, struct strbuf *sql, uint32_t i)
{
	bool real = rollup_sql_column(rollup, i)->type == TALLY_REAL;
	strbuf_add(sql,
		   ", case when n%u >= q%u then case when q%u >= 0 or n%u <= %s + q%u then n%u - "
		   "q%u else %s end end as i%u, case when n%u >= q%u then date_part('epoch', t - "
		   "u%u) end as s%u",
		   i, i, i, i, real ? "'1.797e308'::float8" : "9223372036854775807", i, i, i,
		   real ? "'Infinity'::float8" : "0", i, i, i, i, i);
}

static void rollup_each_counter(const struct rollup *rollup, struct strbuf *sql,
				void (*add)(const struct rollup *, struct strbuf *, uint32_t))
{
	for (uint32_t i = 0; i < rollup->stored->n_numbers; i++)
		if (rollup_sql_is_counter(rollup, i))
			add(rollup, sql, i);
}

static void rollup_lag(const struct rollup *rollup, struct strbuf *sql, uint32_t i)
{
	(void)rollup;
	strbuf_add(sql, ", lag(n%u) over w as p%u", i, i);
}

static void rollup_before(const struct rollup *rollup, struct strbuf *sql, uint32_t i)
{
	strbuf_add(sql, ", ");
	rollup_lookup(rollup, sql, i, true);
	strbuf_add(sql, " as q%u, ", i);
	rollup_lookup(rollup, sql, i, false);
	strbuf_add(sql, " as u%u", i);
}

/* date_bin() needs PostgreSQL 14; floor(extract(epoch …)) was measured to cost 1.7 times as much.
 * OFFSET 0: each lookup is planned once, and not wherever what it finds is named. */
static void rollup_windows(const struct rollup *rollup, struct strbuf *sql)
{
	strbuf_add(sql, ", v as (select *, date_bin('1 minute', t, 'epoch') as b, "
			"date_bin('1 minute', lead(t) over w, 'epoch') as b1, lag(t) over w as t0, "
			"first_value(t) over w as f");
	rollup_each_counter(rollup, sql, rollup_lag);
	strbuf_add(sql, " from both_ window w as (partition by _series order by t)), x as (select "
			"*, b1 is distinct from b as newest_");
	rollup_each_counter(rollup, sql, rollup_before);
	strbuf_add(sql, " from v offset 0), w as (select *");
	rollup_each_counter(rollup, sql, rollup_increase);
	strbuf_add(sql, " from x) ");
}

static void rollup_minute_parts(const struct rollup *rollup, struct strbuf *sql, uint32_t i)
{
	const struct tally_column *column = rollup_sql_column(rollup, i);
	char what[32];
	snprintf(what, sizeof(what), "n%u", i);
	strbuf_add(sql, ", count(n%u)", i);
	rollup_sum(sql, column, what);
	strbuf_add(sql, ", min(n%u), max(n%u), max(n%u) filter (where newest_)", i, i, i);
	if (column->role != TALLY_COUNTER)
		return;
	snprintf(what, sizeof(what), "i%u", i);
	rollup_sum(sql, column, what);
	strbuf_add(sql, ", sum(s%u)", i);
}

void rollup_sql_minutes(const struct rollup *rollup, struct strbuf *sql, int64_t from, int64_t to)
{
	rollup_sql_head(rollup, LEVEL_MINUTE, sql);
	rollup_rows(rollup, sql, from, to);
	rollup_windows(rollup, sql);
	strbuf_add(sql, "select _series, b, max(t), count(*)");
	for (uint32_t i = 0; i < rollup->stored->n_numbers; i++)
		rollup_minute_parts(rollup, sql, i);
	strbuf_add(sql, " from w where t >= to_timestamp(%" PRId64 ") group by _series, b",
		   from / CLOCK_SECOND);
	rollup_sql_tail(rollup, LEVEL_MINUTE, sql);
}

/* Whose statement a sum is in: one for what is usual, one for all there can be, or that of a
 * continuous aggregate, which has all. */
enum rollup_whose { ROLLUP_USUAL, ROLLUP_ANY, ROLLUP_AGGREGATE };

/* Of what is below a bucket.  The last value is that of the newest of it, be there one or not:
 * TimescaleDB's last() finds it by the time, and leaves a window out. */
static void rollup_coarser_part(const struct tally_column *column, enum schema_part part,
				enum rollup_whose whose, struct strbuf *sql)
{
	char what[64];
	snprintf(what, sizeof(what), "\"%s_%s\"", column->name, schema_parts[part]);
	switch (part) {
	case PART_SPAN:
		strbuf_add(sql, ", sum(%s)", what);
		break;
	case PART_MIN:
	case PART_MAX:
		strbuf_add(sql, ", %s(%s)", schema_parts[part], what);
		break;
	case PART_LAST:
		strbuf_add(sql,
			   whose == ROLLUP_AGGREGATE ? ", last(%s, newest)"
						     : ", max(%s) filter (where newest_)",
			   what);
		break;
	default: /* PART_COUNT, PART_SUM, PART_INCREASE */
		if (whose == ROLLUP_USUAL)
			strbuf_add(sql, ", tally.total(%s)", what);
		else if (part == PART_COUNT)
			strbuf_add(sql, ", sum(%s)::bigint", what);
		else
			rollup_sum(sql, column, what);
	}
}

void rollup_sql_coarser(const struct rollup *rollup, enum schema_level level, bool usual,
			struct strbuf *sql, int64_t from, int64_t to)
{
	const char *width = schema_levels[level].width;
	rollup_sql_head(rollup, level, sql);
	strbuf_add(sql, "select _series, b, max(newest), sum(rows)::bigint");
	for (uint32_t i = 0; i < rollup->stored->n_numbers; i++)
		for (uint32_t part = 0; part < schema_n_parts(rollup_sql_column(rollup, i)); part++)
			rollup_coarser_part(rollup_sql_column(rollup, i), (enum schema_part)part,
					    usual ? ROLLUP_USUAL : ROLLUP_ANY, sql);
	strbuf_add(sql,
		   " from (select r.*, date_bin('%s', r.time, 'epoch') as b, lead(r.time) over "
		   "(partition by r._series, date_bin('%s', r.time, 'epoch') order by r.time) is "
		   "null as newest_",
		   width, width);
	rollup_sql_in_range(rollup, (enum schema_level)(level - 1), sql, from, to);
	strbuf_add(sql, ") w group by _series, b");
	rollup_sql_tail(rollup, level, sql);
}

/* In the order of a rollup's table: what a mean or a rate is made of comes first. */
static void rollup_aggregate_parts(const struct stored_table *stored, bool usual,
				   struct strbuf *sql)
{
	for (uint32_t i = 0; i < stored->n_numbers; i++) {
		const struct tally_column *column = &stored->table.columns[stored->numbers[i]];
		uint8_t parts =
			schema_parts_of(column->role == TALLY_COUNTER ? TALLY_RATE : TALLY_AVG);
		for (uint32_t part = 0; part < schema_n_parts(column); part++) {
			if ((parts >> part & 1) != usual)
				continue;
			rollup_coarser_part(column, (enum schema_part)part, ROLLUP_AGGREGATE, sql);
			strbuf_add(sql, " as \"%s_%s\"", column->name, schema_parts[part]);
		}
	}
}

void rollup_sql_aggregate(const struct stored_table *stored, enum schema_level level,
			  struct strbuf *sql)
{
	strbuf_add(sql,
		   "select _series, time_bucket('%s', time) as time, max(newest) as newest, "
		   "sum(rows)::bigint as rows",
		   schema_levels[level].width);
	rollup_aggregate_parts(stored, true, sql);
	rollup_aggregate_parts(stored, false, sql);
	strbuf_add(sql, " from tally.\"%s%s_%s\" group by 1, 2", stored->table.name,
		   schema_levels[level - 1].suffix, level == LEVEL_FIVE ? "rows" : "next");
}

/* A bit for each counter: whether a row has it. */
static void rollup_sql_counters(const struct rollup *rollup, struct strbuf *sql)
{
	const char *before = "";
	for (uint32_t i = 0; i < rollup->stored->n_numbers; i++) {
		if (!rollup_sql_is_counter(rollup, i))
			continue;
		strbuf_add(sql, "%s(r.\"%s\" is not null)::int::bit", before,
			   rollup_sql_column(rollup, i)->name);
		before = " || ";
	}
}

/*
 * With each late row's minute its writer marks the one after.  So a counter that a row of the last
 * minute has needs no other minute; and the minute before counts, since the pair may have been
 * parted.  Other counters go on in the next row that has them, as far on as rollup_rows() looks
 * back.
 */
void rollup_sql_followers(const struct rollup *rollup, struct strbuf *sql, int64_t from, int64_t to,
			  int64_t until)
{
	const char *name = rollup_name(rollup), *time = rollup->stored->table.columns[0].name;
	int64_t minute = schema_levels[LEVEL_MINUTE].bucket;
	strbuf_add(sql,
		   "with rows_ as (select r._series, r.\"%s\" < to_timestamp(%" PRId64
		   ") as late, ",
		   time, (to - minute) / CLOCK_SECOND);
	rollup_sql_counters(rollup, sql);
	strbuf_add(sql, " as has");
	rollup_sql_in_range(rollup, LEVEL_ROWS, sql, from - minute, to);
	/* has & ~has is none of them, whatever their number. */
	strbuf_add(sql, "), open as (select _series, bit_or(has) filter (where late) & "
			"~coalesce(bit_or(has) filter (where not late), bit_and(has) & "
			"~bit_and(has)) as has from rows_ group by _series) select distinct "
			"date_bin('1 minute', n.t, 'epoch') from open cross join lateral (select "
			"l.t, l.has & ~coalesce(bit_or(l.has) over (order by l.t rows between "
			"unbounded preceding and 1 preceding), l.has & ~l.has) as first from "
			"(select ");
	strbuf_add(sql, "r.\"%s\" as t, ", time);
	rollup_sql_counters(rollup, sql);
	strbuf_add(
		sql,
		" as has from tally.\"%s_rows\" r where r._series = open._series and r.\"%s\" >= "
		"to_timestamp(%" PRId64 ") and r.\"%s\" < to_timestamp(%" PRId64
		") order by r.\"%s\" limit %d) l) n where position(B'1' in open.has) > 0 and "
		"position(B'1' in open.has & n.first) > 0 order by 1",
		name, time, to / CLOCK_SECOND, time, until / CLOCK_SECOND, time,
		ROLLUP_BASELINE_ROWS);
}

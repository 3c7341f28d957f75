/*
 * The text of statements, nothing is sent from here: schema_sql.c appends it where it makes a
 * table, upsert_path.c and rollup.c where a partition is missing, retention.c and compression.c for
 * those ahead and the old ones, each on its own thread.  tally.make_partitions() and
 * tally.drop_partitions() are functions that the migrations create; their caller here asks
 * pg_partitioned_table first, so on a hypertable the same statement does nothing.  Without memory
 * sql->failed is set.
 *
 * There is no DEFAULT partition: once it holds a row of a day, that day's own partition can no
 * longer be made without moving the row.  A missing one is SQLSTATE 23514 instead, and the writer
 * makes it.
 *
 * How wide one is follows from how long its rows are kept.  Each costs every question a little, and
 * from 41 on plans are not kept (readers.c); the wider they are, the longer rows outlive their
 * retention, since whole ones are dropped: by a fifth of it at most.  What there is keeps its
 * width, and the next one begins where it ends.
 */
#include "schema/partitioning.h"

#include <inttypes.h>

#include "base/clock.h"

const char *partitioning_time(const struct stored_table *stored, enum schema_level level)
{
	return level == LEVEL_ROWS ? stored->table.columns[0].name : "time";
}

void partitioning_clause(struct strbuf *sql, const struct server *server, const char *time)
{
	if (server->mode == SERVER_PLAIN)
		strbuf_add(sql, " partition by range (\"%s\")", time);
}

/* As it is looked up: by its key.  Segments hold one series, and within one the newest come first,
 * so a query decompresses what it asks for; neighbours in time compress best. */
void partitioning_compressed(struct strbuf *sql, const struct stored_table *stored,
			     enum schema_level level)
{
	const char *nanos = level == LEVEL_ROWS && schema_has_nanos(stored) ? ", _nanos desc" : "";
	strbuf_add(sql,
		   "alter table tally.\"%s%s_rows\" set (timescaledb.compress, "
		   "timescaledb.compress_segmentby = '_series', timescaledb.compress_orderby = "
		   "'\"%s\" desc%s",
		   stored->table.name, schema_levels[level].suffix,
		   partitioning_time(stored, level), nanos);
	if (level == LEVEL_ROWS && stored->order)
		strbuf_add(sql, ", \"%s\" desc", stored->table.columns[stored->order].name);
	strbuf_add(sql, "');");
}

/* Days, for rows that are kept for so many ns. */
static int partitioning_days(int64_t kept)
{
	static const int days[] = {1, 7, 30, 90, 365};
	size_t i = 0;
	while (i + 1 < sizeof(days) / sizeof(days[0]) &&
	       kept > PARTITIONING_MOST * days[i] * CLOCK_DAY)
		i++;
	return days[i];
}

void partitioning_width(struct strbuf *sql, const struct server *server,
			const struct retention_age *age, const struct stored_table *stored,
			enum schema_level level)
{
	bool few = level == LEVEL_ROWS && stored->table.flags & TALLY_KEPT_LONG;
	int days = partitioning_days(retention_age_of_level(age, &stored->table, level));
	/* A chunk is compressed when it is over: of many rows that must not take a month. */
	strbuf_add(sql, "select tally.partition_by_days('%s%s_rows', %d, %d);", stored->table.name,
		   schema_levels[level].suffix, days,
		   server->mode == SERVER_TSL && !few ? 1 : days);
}

/* create_default_indexes: it would add one on the time alone, which nothing here uses. */
void partitioning_create(struct strbuf *sql, const struct schema_where *where,
			 const struct stored_table *stored, enum schema_level level)
{
	const char *name = stored->table.name, *suffix = schema_levels[level].suffix;
	bool plain = where->server->mode == SERVER_PLAIN;
	if (!plain)
		strbuf_add(sql,
			   "select create_hypertable('tally.%s%s_rows', '%s', chunk_time_interval "
			   "=> interval '1 day', create_default_indexes => false);",
			   name, suffix, partitioning_time(stored, level));
	/* Of one that somebody dropped. */
	strbuf_add(sql, "delete from tally.partitioning where relation = '%s%s_rows';", name,
		   suffix);
	partitioning_width(sql, where->server, &where->age, stored, level);
	if (plain)
		partitioning_add(sql, name, level, where->now - CLOCK_DAY,
				 where->now + 2 * CLOCK_DAY);
	if (where->server->mode == SERVER_TSL)
		partitioning_compressed(sql, stored, level);
}

void partitioning_add(struct strbuf *sql, const char *table, enum schema_level level, int64_t from,
		      int64_t to)
{
	const char *suffix = schema_levels[level].suffix;
	strbuf_add(sql,
		   "select tally.make_partitions('%s%s_rows', to_timestamp(%" PRId64
		   "), to_timestamp(%" PRId64 ")) from pg_catalog.pg_partitioned_table where "
		   "partrelid = to_regclass('tally.%s%s_rows');",
		   table, suffix, from / CLOCK_SECOND, to / CLOCK_SECOND, table, suffix);
}

/* One of the statements does it, by what the relation is. */
void partitioning_drop(struct strbuf *sql, const struct server *server, const char *table,
		       enum schema_level level, int64_t before)
{
	const char *suffix = schema_levels[level].suffix;
	int64_t seconds = before / CLOCK_SECOND;
	strbuf_add(sql,
		   "select tally.drop_partitions('%s%s_rows', to_timestamp(%" PRId64
		   ")) from pg_catalog.pg_partitioned_table where partrelid = "
		   "to_regclass('tally.%s%s_rows');",
		   table, suffix, seconds, table, suffix);
	if (server->mode == SERVER_PLAIN)
		return;
	strbuf_add(sql,
		   "select drop_chunks('tally.%s%s_rows', older_than => to_timestamp(%" PRId64
		   ")) where exists (select from timescaledb_information.hypertables where "
		   "hypertable_schema = 'tally' and hypertable_name = '%s%s_rows');",
		   table, suffix, seconds, table, suffix);
}

/*
 * What is cut by time is either a hypertable or has native partitions, and that is a property of
 * the relation, not of the server: TimescaleDB may have come to a database that had tables already,
 * from a dump, too, and then it holds some of both kinds.  So the relation itself is asked, by the
 * statements that are appended here.
 */
#ifndef TALLYD_TIMESCALE_PARTITIONING_H
#define TALLYD_TIMESCALE_PARTITIONING_H

#include "schema/schema.h"

/* Partitions that rows are divided among, at the age at which they are deleted. */
enum { PARTITIONING_MOST = 35 };

/* The column of the time in the table of a level. */
const char *partitioning_time(const struct stored_table *stored, enum schema_level level);

/* What a new relation becomes: "partition by range (time)", or "" */
void partitioning_clause(struct strbuf *sql, const struct server *server, const char *time);
/* After it: its first partitions, or a hypertable of it, which is compressed where it can be. */
void partitioning_create(struct strbuf *sql, const struct schema_where *where,
			 const struct stored_table *stored, enum schema_level level);

/* How wide what is made from now on is to be; after the relation itself. */
void partitioning_width(struct strbuf *sql, const struct server *server,
			const struct retention_age *age, const struct stored_table *stored,
			enum schema_level level);

/* Its partitions of [from, to] in ns, if it has such. */
void partitioning_add(struct strbuf *sql, const char *table, enum schema_level level, int64_t from,
		      int64_t to);
/* What lies wholly before a time. */
void partitioning_drop(struct strbuf *sql, const struct server *server, const char *table,
		       enum schema_level level, int64_t before);

/* Of a hypertable: that it can be compressed. */
void partitioning_compressed(struct strbuf *sql, const struct stored_table *stored,
			     enum schema_level level);

#endif

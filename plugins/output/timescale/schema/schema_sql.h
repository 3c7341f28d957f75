/* SQL for schema_ensure(), appended; names were checked before. */
#ifndef TALLYD_TIMESCALE_SCHEMA_SQL_H
#define TALLYD_TIMESCALE_SCHEMA_SQL_H

#include "schema/schema.h"

void schema_sql_create(struct strbuf *sql, const struct schema_where *where,
		       const struct stored_table *stored);
void schema_sql_grow(struct strbuf *sql, const struct schema_where *where,
		     const struct stored_table *old, const struct stored_table *grown);
/* Of a relation by its suffix; of _series and _rows it is LEVEL_ROWS. */
enum schema_level schema_sql_level(const char *suffix);
/* One of its relations: _series, _rows, _1min_rows … */
void schema_sql_relation(struct strbuf *sql, const struct schema_where *where,
			 const struct stored_table *stored, const char *suffix);
/* A query for what is missing: suffix, column ("": the whole relation), type ("": it cannot be
 * added to an existing one). */
void schema_sql_lacks(struct strbuf *sql, const struct stored_table *stored);

#endif

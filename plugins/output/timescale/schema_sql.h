/* SQL for schema_ensure(), appended; names were checked before. */
#ifndef TALLYD_TIMESCALE_SCHEMA_SQL_H
#define TALLYD_TIMESCALE_SCHEMA_SQL_H

#include "schema.h"

void schema_sql_create(struct pg_text *sql, const struct schema_where *where,
		       const struct stored_table *stored);
void schema_sql_grow(struct pg_text *sql, const struct schema_where *where,
		     const struct stored_table *old, const struct stored_table *grown);
void schema_sql_views(struct pg_text *sql, const char *views, const struct stored_table *stored);

#endif

/*
 * clock_timestamp() and not now(): that is when the transaction began, so it would be behind by as
 * long as one runs.  In a file of its own because the unit tests replace this function at link time
 * (--wrap), which works across object files only.
 */
#include "schema/server_time.h"

#include "pg/pg_value.h"

int server_time_read(struct pg_connection *pg, int64_t *ret)
{
	auto_result PGresult *result = NULL;
	int r = pg_query(pg, "select clock_timestamp()", NULL, &result);
	if (r == 0)
		*ret = pg_time_to_ns(pg_get_64(PQgetvalue(result, 0, 0)));
	return r;
}

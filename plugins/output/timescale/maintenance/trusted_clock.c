/*
 * tally.clock: one row, replaced as a whole, so that two daemons cannot mix theirs.  store.c makes
 * it at start, the leader's maintenance loads and stores it in each round, tallyd db confirm-clock
 * replaces it.  What fails is the statement; deleting then does not go on.
 */
#include "maintenance/trusted_clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "pg/pg_value.h"
#include "schema/server_time.h"

#define CLOCK_MICROSECOND 1000

static int64_t clock_time(const PGresult *result, int column)
{
	return pg_time_to_ns(pg_get_64(PQgetvalue(result, 0, column)));
}

int trusted_clock_load(struct pg_connection *pg, struct store_clock *ret)
{
	auto_result PGresult *result = NULL;
	int r = pg_query(pg, "select trusted, seen, steady, boot, uptime from tally.clock", NULL,
			 &result);
	*ret = (struct store_clock){.trusted = INT64_MIN};
	if (r < 0 || PQntuples(result) == 0)
		return r;
	*ret = (struct store_clock){.trusted = clock_time(result, 0),
				    .seen = clock_time(result, 1),
				    .steady = pg_get_64(PQgetvalue(result, 0, 2)),
				    .uptime.ns = pg_get_64(PQgetvalue(result, 0, 4))};
	snprintf(ret->uptime.boot, sizeof(ret->uptime.boot), "%.*s", PQgetlength(result, 0, 3),
		 PQgetvalue(result, 0, 3));
	return 0;
}

/* What a boot is called is the kernel's, letters and digits. */
int trusted_clock_store(struct pg_connection *pg, const struct store_clock *clock)
{
	return pg_execf(pg,
			"insert into tally.clock values (true, 'epoch'::timestamptz + interval '1 "
			"microsecond' * %" PRId64 ", 'epoch'::timestamptz + interval '1 "
			"microsecond' * %" PRId64 ", %" PRId64 ", '%.*s', %" PRId64
			") on conflict (one) do update set trusted = excluded.trusted, seen = "
			"excluded.seen, steady = excluded.steady, boot = excluded.boot, uptime = "
			"excluded.uptime",
			clock->trusted / CLOCK_MICROSECOND, clock->seen / CLOCK_MICROSECOND,
			clock->steady, (int)strspn(clock->uptime.boot, "0123456789abcdef-"),
			clock->uptime.boot, clock->uptime.ns);
}

/* When maintenance was last done, or as far as it has rolled up; NULL: it never was. */
static int clock_evidence(struct pg_connection *pg, int64_t *ret)
{
	auto_result PGresult *result = NULL;
	int r = pg_query(pg,
			 "select coalesce((select max(succeeded) from tally.upkeep), (select "
			 "max(rolled_to) from tally.marks where level = 1))",
			 NULL, &result);
	if (r == 0 && !PQgetisnull(result, 0, 0))
		*ret = clock_time(result, 0);
	return r;
}

int trusted_clock_begin(struct pg_connection *pg)
{
	char lacks[8];
	struct store_clock clock = {.trusted = 0};
	int64_t known = INT64_MAX;
	int r = pg_query_text(pg,
			      "select (has_table_privilege('tally.clock', 'insert') and not exists "
			      "(select from tally.clock))::text",
			      lacks, sizeof(lacks));
	if (r < 0 || strcmp(lacks, "true") != 0)
		return r;
	r = server_time_read(pg, &clock.seen);
	if (r == 0)
		r = clock_evidence(pg, &known);
	clock.trusted = known < clock.seen ? known : clock.seen;
	if (known == INT64_MAX)
		store_uptime_read(&clock.uptime);
	return r == 0 ? trusted_clock_store(pg, &clock) : r;
}

int trusted_clock_confirm(struct pg_connection *pg)
{
	struct store_clock clock = {.steady = 0};
	int r = server_time_read(pg, &clock.seen);
	clock.trusted = clock.seen;
	return r == 0 ? trusted_clock_store(pg, &clock) : r;
}

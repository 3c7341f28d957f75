#include "server.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SERVER_OLDEST = 140000 };

const char *const server_modes[] = {"plain", "apache", "tsl"};

/* Many daemons at once would trip over each other here, IF NOT EXISTS or not; and where its library
 * is not preloaded the server would end the session. */
void server_offer_extension(struct pg_connection *pg)
{
	if (pg_exec(pg, "do $$ begin perform pg_advisory_xact_lock(1952541804, 1);"
			"if exists (select from pg_available_extensions where name = 'timescaledb' "
			"and installed_version is null) and current_setting("
			"'shared_preload_libraries') like '%timescaledb%' then create extension "
			"timescaledb; end if; "
			"end $$") < 0)
		tally_log(pg->ctx, TALLY_NOTICE, "the extension timescaledb is not used: %s",
			  tally_reason(pg->ctx));
}

int server_find_out(struct pg_connection *pg, struct server *ret)
{
	auto_result PGresult *result = NULL;
	struct server server = {.version = PQserverVersion(pg->conn)};
	if (server.version < SERVER_OLDEST)
		return tally_fail(pg->ctx, EPROTO, "PostgreSQL %d is too old: 14 is needed",
				  server.version / 10000);
	int r = pg_query(pg,
			 "select coalesce((select extversion from pg_extension where extname = "
			 "'timescaledb'), ''), coalesce(current_setting('timescaledb.license', "
			 "true), ''), current_setting('server_encoding')",
			 NULL, &result);
	if (r < 0)
		return r;
	snprintf(server.timescale, sizeof(server.timescale), "%s", PQgetvalue(result, 0, 0));
	if (strcmp(PQgetvalue(result, 0, 2), "UTF8") != 0)
		return tally_fail(pg->ctx, EPROTO, "the database's encoding is %s: UTF8 is needed",
				  PQgetvalue(result, 0, 2));
	if (server.timescale[0])
		server.mode = strcmp(PQgetvalue(result, 0, 1), "apache") == 0 ? SERVER_APACHE
									      : SERVER_TSL;
	*ret = server;
	return 0;
}

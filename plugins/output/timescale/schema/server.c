/*
 * What kind of server this is: plain PostgreSQL, TimescaleDB's Apache edition or the full one
 * (tsl), as pg_extension and the setting timescaledb.license say.  store_migrate() asks on the
 * instance's thread before anything is created, the maintenance at the start of each round (an
 * extension may come or go while a daemon runs for months), tallyd db status for its remarks.
 * Refused with -EPROTO: a server before 14, which has no date_bin(); an encoding other than UTF8;
 * an extension that the server does not load.
 */
#include "schema/server.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SERVER_OLDEST = 140000 };

const char *const server_modes[] = {"plain", "apache", "tsl"};

bool server_merges_chunks(const struct server *server)
{
	int major = 0, minor = 0;
	return sscanf(server->timescale, "%d.%d", &major, &minor) == 2 &&
	       (major > 2 || (major == 2 && minor >= 18));
}

/* ---- The extension ------------------------------------------------------------ */

/* Tables that are there stay what they are, so to create it then would only be in the way of
 * dumping the database.  Settings of a library that is not loaded are not in pg_settings, and where
 * it is not preloaded creating the extension would end the session. */
int server_offers_extension(struct pg_connection *pg, bool *ret)
{
	char offers[8], tables[8] = "false";
	int r = pg_query_text(pg,
			      "select (exists (select from pg_available_extensions where name = "
			      "'timescaledb' and installed_version is null) and exists (select "
			      "from pg_settings where name = 'timescaledb.disable_load'))::text",
			      offers, sizeof(offers));
	if (r == 0 && strcmp(offers, "true") == 0)
		r = pg_query_text(pg, "select (to_regclass('tally.tables') is not null)::text",
				  tables, sizeof(tables));
	if (r == 0 && strcmp(tables, "true") == 0)
		r = pg_query_text(pg, "select exists (select from tally.tables)::text", tables,
				  sizeof(tables));
	if (r == 0)
		*ret = strcmp(offers, "true") == 0 && strcmp(tables, "true") != 0;
	return r;
}

/* Many daemons at once would trip over each other here, IF NOT EXISTS or not: it looks first, and
 * the unique index on pg_extension then lets one through (23505 for the others). */
int server_offer_extension(struct pg_connection *pg, bool *reported)
{
	bool offers = false;
	int r = server_offers_extension(pg, &offers);
	if (r < 0 || !offers)
		return r;
	r = pg_exec(pg, "do $$ begin perform pg_advisory_xact_lock(1952541804, 1);"
			"create extension if not exists timescaledb; end $$");
	if (r == 0 || !pg_is_open(pg))
		return r;
	if (!*reported)
		tally_log(pg->ctx, TALLY_WARNING,
			  "the server has TimescaleDB, but this role may not create its extension: "
			  "%s.  Tables are made without it, and stay so: if they should be "
			  "compressed, have a superuser run CREATE EXTENSION timescaledb in this "
			  "database first",
			  tally_reason(pg->ctx));
	/* No reason not to start: plain partitions do the same, but for compression. */
	*reported = true;
	return 0;
}

/* ---- The server --------------------------------------------------------------- */

static int server_check(struct pg_connection *pg, const struct server *server,
			const PGresult *result)
{
	if (strcmp(PQgetvalue(result, 0, 2), "UTF8") != 0)
		return tally_fail(pg->ctx, EPROTO,
				  "the database's encoding is %s, but must be UTF8",
				  PQgetvalue(result, 0, 2));
	/* Answers would silently lack what is compressed. */
	if (server->timescale[0] && strcmp(PQgetvalue(result, 0, 3), "true") != 0)
		return tally_fail(
			pg->ctx, EPROTO,
			"the database has the extension timescaledb, but the server does "
			"not load it: add timescaledb to its shared_preload_libraries and "
			"restart it");
	return 0;
}

int server_find_out(struct pg_connection *pg, struct server *ret)
{
	auto_result PGresult *result = NULL;
	struct server server = {.version = PQserverVersion(pg->conn)};
	if (server.version < SERVER_OLDEST)
		return tally_fail(pg->ctx, EPROTO,
				  "PostgreSQL %d is too old: 14 or later is needed",
				  server.version / 10000);
	int r = pg_query(pg,
			 "select coalesce((select extversion from pg_extension where extname = "
			 "'timescaledb'), ''), coalesce(current_setting('timescaledb.license', "
			 "true), ''), current_setting('server_encoding'), exists (select from "
			 "pg_settings where name = 'timescaledb.disable_load')::text",
			 NULL, &result);
	if (r < 0)
		return r;
	snprintf(server.timescale, sizeof(server.timescale), "%s", PQgetvalue(result, 0, 0));
	r = server_check(pg, &server, result);
	if (r < 0)
		return r;
	if (server.timescale[0])
		server.mode = strcmp(PQgetvalue(result, 0, 1), "apache") == 0 ? SERVER_APACHE
									      : SERVER_TSL;
	*ret = server;
	return 0;
}

/* ---- Remarks ------------------------------------------------------------------ */

static int server_remark_partitions(struct pg_connection *pg, char *ret, size_t size)
{
	char names[400];
	int r = pg_query_text(
		pg,
		"select coalesce(string_agg(left(relname, -5), ', ' order by relname), '') from "
		"pg_class where relnamespace = to_regnamespace('tally') and relkind = 'p' and "
		"relname ~ '_rows$' and relname !~ '_1min_rows$'",
		names, sizeof(names));
	if (r == 0 && names[0])
		snprintf(ret, size,
			 "created before the database had TimescaleDB are still native partitions, "
			 "not compressed: %s (docs/timescale.md, Three modes, says how to move "
			 "them)",
			 names);
	return r;
}

static int server_remark_compressed(struct pg_connection *pg, char *ret, size_t size)
{
	char chunks[24];
	int r = pg_query_text(
		pg,
		"select count(*)::text from timescaledb_information.chunks where "
		"is_compressed and (hypertable_schema = 'tally' or hypertable_name in "
		"(select materialization_hypertable_name from "
		"timescaledb_information.continuous_aggregates where view_schema = "
		"'tally'))",
		chunks, sizeof(chunks));
	if (r == 0 && strcmp(chunks, "0") != 0)
		snprintf(ret, size,
			 "%s chunks are compressed, which TimescaleDB's Apache edition cannot "
			 "read: queries and writes fail until timescaledb.license is timescale "
			 "again (docs/timescale.md, Three modes, says how to leave it)",
			 chunks);
	return r;
}

int server_remark(struct pg_connection *pg, const struct server *server, struct server_remarks *ret)
{
	*ret = (struct server_remarks){0};
	int r = 0;
	if (server->mode != SERVER_PLAIN)
		r = server_remark_partitions(pg, ret->partitions, sizeof(ret->partitions));
	if (r == 0 && server->mode == SERVER_APACHE)
		r = server_remark_compressed(pg, ret->compressed, sizeof(ret->compressed));
	return r;
}

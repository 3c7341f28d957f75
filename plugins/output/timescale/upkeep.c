/*
 * A round: connect and become leader, or leave it at that; read the catalog anew, since other
 * daemons make tables too; then table by table.  What fails is said once a round, noted in
 * tally.upkeep, and left to whoever leads next: another daemon, or this one after a while.
 */
#include "upkeep.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "compression.h"
#include "kept_clock.h"
#include "retention.h"
#include "rollup.h"
#include "store.h"

/* Whoever fails stays away until every other has come by twice. */
enum { UPKEEP_EVERY_SECONDS = 15, UPKEEP_FAILED_SECONDS = 40, UPKEEP_WHY = 300 };
/* For one table in one round; what is left then is the next one's. */
#define UPKEEP_ROLL_TIME INT64_C(15000000000) /* ns */
#define UPKEEP_STATEMENT_TIMEOUT INT64_C(600000000000)

/* ---- The leader --------------------------------------------------------------- */

static int upkeep_lead(struct store *store)
{
	char leads[8];
	struct pg_connection *pg = &store->upkeep.pg;
	int r = 0;
	if (!pg_is_open(pg))
		r = pg_open_secret(
			pg, "conninfo", store->config->conninfo,
			PG_SETUP_VANISHED
			"set timezone = 'UTC'; set application_name = 'tallyd upkeep'; set "
			"statement_timeout = '10min'; set jit = off; set "
			"idle_in_transaction_session_timeout = '1min'; set "
			"default_transaction_isolation = 'read committed'");
	if (r == 0) /* once: what is taken again has to be given back as often */
		r = pg_query_text(pg,
				  "select (case when exists (select from pg_locks where locktype = "
				  "'advisory' and pid = pg_backend_pid() and classid = 1952541804 "
				  "and objid = 2 and objsubid = 2) then true else "
				  "pg_try_advisory_lock(1952541804, 2) end)::text",
				  leads, sizeof(leads));
	if (r < 0)
		return r;
	return strcmp(leads, "true") == 0 ? 0 : 1;
}

/* For another: what fails here, for want of a right or of a disk, may work there. */
static void upkeep_give_up(struct store *store)
{
	struct pg_connection *pg = &store->upkeep.pg;
	if (!pg_is_open(pg) || pg_exec(pg, "select pg_advisory_unlock(1952541804, 2)") < 0)
		pg_close(pg);
	tally_gauge(store->ctx, METRIC_LEADER, 0);
}

static void upkeep_note(struct store *store, int result, const char *error)
{
	struct pg_connection *pg = &store->upkeep.pg;
	if (!pg_is_open(pg))
		return;
	char *why = PQescapeLiteral(pg->conn, error, strlen(error));
	char *leader = PQescapeLiteral(pg->conn, store->ctx->machine, strlen(store->ctx->machine));
	if (why && leader)
		(void)pg_execf(
			pg,
			"insert into tally.upkeep as u values ('maintenance', %s, %s, %s, "
			"nullif(%s, '')) on conflict (job) do update set leader = "
			"excluded.leader, succeeded = coalesce(excluded.succeeded, "
			"u.succeeded), failed = coalesce(excluded.failed, u.failed), error = "
			"excluded.error",
			leader, result < 0 ? "null" : "now()", result < 0 ? "now()" : "null", why);
	PQfreemem(why);
	PQfreemem(leader);
}

/* ---- The clock ---------------------------------------------------------------- */

static int64_t upkeep_longest(const struct timescale_config *config)
{
	int64_t longest = config->retention_raw;
	longest = config->retention_rollup > longest ? config->retention_rollup : longest;
	return config->retention_daily > longest ? config->retention_daily : longest;
}

/* Once an hour, as long as it is so. */
static void upkeep_tell_held(struct store *store)
{
	struct upkeep *upkeep = &store->upkeep;
	int64_t held = store_clock_held(&upkeep->kept, store->config->retention_raw);
	int64_t now = tally_monotonic(store->ctx);
	tally_gauge(store->ctx, METRIC_RETENTION_HELD, held);
	if (held < STORE_CLOCK_BOUND)
		upkeep->told_held = 0;
	if (held < STORE_CLOCK_BOUND ||
	    (upkeep->told_held && now - upkeep->told_held < schema_levels[LEVEL_HOUR].bucket))
		return;
	upkeep->told_held = now;
	tally_log(store->ctx, TALLY_WARNING,
		  "the database's clock is %" PRId64
		  " s ahead of the time that went by since the last maintenance: until it has gone "
		  "evenly for as long as rows are kept, they are kept for so much longer; if it is "
		  "right, tallyd db confirm-clock",
		  held / INT64_C(1000000000));
}

/* Read anew in each round: whoever led before carried it on, and an operator may have confirmed
 * it. */
static int upkeep_carry_on(struct store *store)
{
	struct upkeep *upkeep = &store->upkeep;
	struct store_uptime uptime;
	int r = kept_clock_load(&upkeep->pg, &upkeep->kept);
	if (r < 0)
		return r;
	store_uptime_read(&uptime);
	store_clock_advance(&upkeep->kept, upkeep->now, &uptime, upkeep_longest(store->config));
	upkeep_tell_held(store);
	return kept_clock_store(&upkeep->pg, &upkeep->kept);
}

/* Also by who does not lead. */
static int upkeep_read_clock(struct store *store)
{
	struct upkeep *upkeep = &store->upkeep;
	int r = server_clock_read(&upkeep->clock, &upkeep->pg);
	upkeep->now = upkeep->clock.server;
	return r;
}

/* Whose clock is off has dated its rows wrong; what becomes of everybody's it leaves to others. */
static bool upkeep_may_lead(const struct store *store)
{
	return llabs(server_clock_offset(&store->upkeep.clock)) <= STORE_CLOCK_BOUND;
}

/* ---- One table ---------------------------------------------------------------- */

/* What was too much at once fails no round, or another daemon would lead and try as much again. */
static int upkeep_timed_out(struct store *store, struct pace *pace)
{
	if (!pg_is_open(&store->upkeep.pg) || pace->span <= schema_levels[LEVEL_MINUTE].bucket)
		return -ETIMEDOUT;
	tally_log(store->ctx, TALLY_NOTICE,
		  "table %s: rolling up %d minutes at once took too long, so there will be fewer",
		  pace->table, (int)(pace->span / schema_levels[LEVEL_MINUTE].bucket));
	pace_timed_out(pace);
	return 1;
}

/* Step by step until all is done, or it is time for other tables; one at least. */
static int upkeep_steps(struct store *store, struct rollup *rollup, struct pace *pace,
			int (*step)(struct rollup *), int64_t until)
{
	int64_t now = 0;
	int r = 1;
	while (r > 0 && now < until && !rounds_stopping(&store->upkeep.rounds)) {
		int64_t began = tally_monotonic(store->ctx);
		rollup->span = pace->span;
		r = step(rollup);
		now = tally_monotonic(store->ctx);
		if (r == -ETIMEDOUT)
			r = upkeep_timed_out(store, pace);
		else if (r >= 0)
			pace_took(pace, now - began, rollup->full);
	}
	return r < 0 ? r : 0;
}

/* What has closed comes first, since that has an end; of what comes late there may always be more.
 */
static int upkeep_roll(struct store *store, const struct stored_table *stored, struct pace *pace)
{
	struct rollup rollup = {.pg = &store->upkeep.pg,
				.server = &store->upkeep.server,
				.stored = stored,
				.now = store->upkeep.now};
	int64_t until = tally_monotonic(store->ctx) + UPKEEP_ROLL_TIME;
	int r = upkeep_steps(store, &rollup, pace, rollup_ahead, until);
	return r == 0 ? upkeep_steps(store, &rollup, pace, rollup_late, until) : r;
}

static int upkeep_keep(struct store *store, const struct stored_table *stored)
{
	const struct timescale_config *config = store->config;
	struct pace *pace = pace_find(&store->upkeep.paces, stored->table.name);
	if (!pace)
		return tally_fail(store->ctx, ENOMEM, "no memory");
	const struct retention retention = {.pg = &store->upkeep.pg,
					    .server = &store->upkeep.server,
					    .pace = pace,
					    .now = store->upkeep.now,
					    .clock = &store->upkeep.kept,
					    .raw = config->retention_raw,
					    .rollup = config->retention_rollup,
					    .daily = config->retention_daily};
	const struct compression compression = {
		.pg = &store->upkeep.pg,
		.server = &store->upkeep.server,
		.pace = pace,
		.before = store_clock_cut(&store->upkeep.kept, config->compress_after),
		.again = store->upkeep.compress_again};
	int r = rounds_stopping(&store->upkeep.rounds) ? 0
						       : retention_partitions(&retention, stored);
	if (r == 0)
		r = marks_draw_back(&store->upkeep.pg, stored, store->upkeep.now,
				    store->upkeep.now - ROLLUP_GRACE);
	if (r == 0)
		r = upkeep_roll(store, stored, pace);
	if (r == 0 && !rounds_stopping(&store->upkeep.rounds))
		r = retention_run(&retention, stored);
	if (r == 0 && !rounds_stopping(&store->upkeep.rounds))
		r = compression_run(&compression, stored);
	return r;
}

struct round {
	struct store *store;
	bool views; /* some lack */
	int result; /* of the first table that failed */
	char why[UPKEEP_WHY];
};

/* Of a table that is as it should be. */
static int upkeep_views(struct round *round, const struct schema_where *where,
			const struct stored_table *stored)
{
	struct pg_connection *pg = &round->store->upkeep.pg;
	if (!where->make)
		return 0;
	int r = schema_views_look(pg, where, stored);
	if (r > 0)
		r = schema_views_mend(pg, where, stored);
	round->views = round->views || r > 0;
	return r < 0 ? r : 0;
}

/* What somebody took out of tally.tables is not ours to keep, nor to make again. */
static int upkeep_is_there(struct store *store, const char *table)
{
	struct stored_table *there = NULL;
	int r = schema_load_table(&store->upkeep.pg, table, &there);
	bool found = there != NULL;
	if (r == 0)
		catalog_free(there);
	return r < 0 ? r : found;
}

/* What is wrong with one table holds up no other. */
static int upkeep_table(void *arg, const struct tally_table *table)
{
	struct round *round = arg;
	struct store *store = round->store;
	struct pg_connection *pg = &store->upkeep.pg;
	const struct stored_table *stored = catalog_find(&store->catalog, table->name);
	const struct schema_where where = {.server = &store->upkeep.server,
					   .views = store->config->schema,
					   .make = store->config->migrate == MIGRATE_AUTO,
					   .now = store->upkeep.now,
					   .told_views = &store->upkeep.told_views};
	pg->fault = PG_FAULT_NONE;
	int r = upkeep_is_there(store, table->name);
	if (r == 0)
		return 0;
	if (r > 0)
		r = upkeep_keep(store, stored);
	if (r < 0 && pg->fault == PG_FAULT_SCHEMA && schema_mend(pg, &where, stored) == 0)
		r = upkeep_keep(store, stored);
	if (r == 0)
		r = upkeep_views(round, &where, stored);
	if (r < 0 && round->result == 0) {
		round->result = r;
		snprintf(round->why, sizeof(round->why), "table %s: %s", table->name,
			 tally_reason(store->ctx));
	}
	return pg_is_open(pg) ? 0 : r;
}

static int upkeep_tables(struct store *store)
{
	struct round round = {.store = store};
	struct upkeep *upkeep = &store->upkeep;
	int64_t now = upkeep->now, passed = now - upkeep->compressed;
	upkeep->compress_again = passed < 0 || passed >= schema_levels[LEVEL_HOUR].bucket;
	if (upkeep->compress_again)
		upkeep->compressed = now;
	int r = catalog_each(&store->catalog, upkeep_table, &round);
	upkeep->told_views = upkeep->told_views && round.views;
	return round.result < 0 ? tally_fail(store->ctx, -round.result, "%s", round.why) : r;
}

/* ---- Telling ------------------------------------------------------------------ */

/* How far the minutes of the table that is most behind are. */
static void upkeep_read_mark(struct store *store)
{
	auto_result PGresult *result = NULL;
	if (pg_query(&store->upkeep.pg,
		     "select (date_part('epoch', min(rolled_to)) * 1e9)::bigint from tally.marks "
		     "where level = 1",
		     NULL, &result) < 0)
		return;
	bool none = PQgetisnull(result, 0, 0);
	store->upkeep.rolled_to = none ? 0 : pg_get_64(PQgetvalue(result, 0, 0));
}

/* Also after a round that failed, or that could not even ask: it is then that it matters.  Until
 * another is known to lead, what was read last is how far it is. */
static void upkeep_tell_lag(struct store *store)
{
	struct upkeep *upkeep = &store->upkeep;
	int64_t lag = upkeep->rolled_to ? server_clock_estimate(&upkeep->clock, store->ctx) -
						  upkeep->rolled_to
					: 0;
	tally_gauge(store->ctx, METRIC_ROLLUP_LAG, lag > 0 ? lag : 0);
}

/* What is the leader's to tell. */
static void upkeep_follow(struct store *store)
{
	store->upkeep.rolled_to = 0;
	store->upkeep.told_held = 0;
	tally_gauge(store->ctx, METRIC_RETENTION_HELD, 0);
	tally_gauge(store->ctx, METRIC_POLICIES, 0);
	tally_gauge(store->ctx, METRIC_POLICIES_FAILED, 0);
}

/* What the database itself does to the tables besides, if somebody told it to. */
static void upkeep_report_policies(struct store *store)
{
	auto_result PGresult *result = NULL;
	if (!store->upkeep.server.timescale[0] ||
	    pg_query(&store->upkeep.pg,
		     "select count(*), count(*) filter (where s.last_run_status = 'Failed') from "
		     "timescaledb_information.jobs j left join timescaledb_information.job_stats s "
		     "using (job_id) where j.hypertable_schema = 'tally'",
		     NULL, &result) < 0)
		return;
	tally_gauge(store->ctx, METRIC_POLICIES, pg_get_64(PQgetvalue(result, 0, 0)));
	tally_gauge(store->ctx, METRIC_POLICIES_FAILED, pg_get_64(PQgetvalue(result, 0, 1)));
}

static int upkeep_maintain(struct store *store)
{
	char why[UPKEEP_WHY] = "";
	int r = server_find_out(&store->upkeep.pg, &store->upkeep.server);
	if (r == 0)
		r = upkeep_carry_on(store);
	if (r == 0)
		r = schema_load_catalog(&store->upkeep.pg, &store->catalog);
	if (r == 0)
		r = upkeep_tables(store);
	if (r < 0)
		snprintf(why, sizeof(why), "%s", tally_reason(store->ctx));
	upkeep_note(store, r, why);
	upkeep_read_mark(store);
	upkeep_report_policies(store);
	if (r == 0) {
		tally_gauge(store->ctx, METRIC_UPKEEP_SUCCESS, tally_now(store->ctx));
		return 0;
	}
	upkeep_give_up(store);
	/* What was asked since may have failed for another reason. */
	return tally_fail(store->ctx, -r, "%s", why);
}

int upkeep_run(struct store *store)
{
	int r = upkeep_lead(store);
	int told = r < 0 ? r : upkeep_read_clock(store);
	if (told < 0) {
		r = told;
	} else if (r == 0 && !upkeep_may_lead(store)) {
		upkeep_give_up(store);
		r = 1;
	}
	tally_gauge(store->ctx, METRIC_LEADER, r == 0);
	if (r == 0)
		r = upkeep_maintain(store);
	else if (r > 0)
		upkeep_follow(store);
	upkeep_tell_lag(store);
	return r;
}

/* ---- The thread --------------------------------------------------------------- */

static int upkeep_round(void *store)
{
	return upkeep_run(store);
}

int upkeep_start(struct store *store)
{
	struct upkeep *upkeep = &store->upkeep;
	*upkeep = (struct upkeep){.pg = {.ctx = store->ctx,
					 .timeout = UPKEEP_STATEMENT_TIMEOUT,
					 .interrupt_fd = store->interrupt_fd},
				  .rounds = {.ctx = store->ctx,
					     .name = "timescale-up",
					     .seconds = UPKEEP_EVERY_SECONDS,
					     .failed_seconds = UPKEEP_FAILED_SECONDS,
					     .errors = METRIC_UPKEEP_ERRORS,
					     .run = upkeep_round,
					     .arg = store}};
	return store->config->maintenance ? rounds_start(&upkeep->rounds) : 0;
}

void upkeep_stop(struct store *store)
{
	rounds_stop(&store->upkeep.rounds);
	pace_free(&store->upkeep.paces);
	pg_close(&store->upkeep.pg);
	upkeep_follow(store);
	upkeep_tell_lag(store);
	tally_gauge(store->ctx, METRIC_LEADER, 0);
}

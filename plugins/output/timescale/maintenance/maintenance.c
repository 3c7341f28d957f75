/*
 * A round, every 15 s on the maintenance's own thread ("timescale-up") and connection: become
 * leader, or leave it at that; read the clock and the catalog again, since other daemons make
 * tables too; then table by table partitions, continuous aggregates,
 * roll-up, retention, compression, views.  Tests call
 * maintenance_run() on theirs.
 *
 * A failure of one table holds up no other.  It is logged once a round, noted in tally.upkeep, and
 * left to whoever leads next: another daemon, or this one after a while.  The leader's lock is one
 * of the session: it goes when the connection does, so a leader that hangs or dies needs no timeout
 * of ours.  There is one leader for all tables, since a roll-up by two at once would do the work
 * twice.
 */
#include "maintenance/maintenance.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "maintenance/compression.h"
#include "maintenance/log_lines.h"
#include "maintenance/trusted_clock.h"
#include "maintenance/retention.h"
#include "maintenance/rollup.h"
#include "maintenance/text_index.h"
#include "store.h"
#include "store/log_lines.h"
#include "store/log_text.h"

/* Whoever fails stays away until every other has come by twice. */
enum { MAINTENANCE_EVERY_SECONDS = 15, MAINTENANCE_FAILED_SECONDS = 40, MAINTENANCE_WHY = 300 };
/* For one table in one round; what is left then is the next one's. */
#define MAINTENANCE_ROLL_TIME (15 * CLOCK_SECOND)
#define MAINTENANCE_STATEMENT_TIMEOUT (10 * CLOCK_MINUTE)

/* ---- The leader --------------------------------------------------------------- */

static int maintenance_lead(struct store *store)
{
	char leads[8];
	struct pg_connection *pg = &store->maintenance.pg;
	int r = 0;
	if (!pg_is_open(pg)) {
		/* Another may have led meanwhile, and forgotten blocks. */
		store->maintenance.text_whole = (struct log_text_whole){.from = 0};
		r = pg_open_secret(
			pg, "conninfo", store->config->conninfo,
			PG_SETUP_VANISHED
			"set timezone = 'UTC'; set application_name = 'tallyd upkeep'; set "
			"statement_timeout = '10min'; set jit = off; set "
			/* A step is sorted in memory, once. */
			"work_mem = '32MB'; set "
			"idle_in_transaction_session_timeout = '1min'; set "
			"default_transaction_isolation = 'read committed'");
	}
	/* Session locks count: one that is taken again has to be given back as often. */
	if (r == 0)
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
static void maintenance_give_up(struct store *store)
{
	struct pg_connection *pg = &store->maintenance.pg;
	if (!pg_is_open(pg) || pg_exec(pg, "select pg_advisory_unlock(1952541804, 2)") < 0)
		pg_close(pg);
	store->maintenance.text_whole = (struct log_text_whole){.from = 0};
	tally_gauge(store->ctx, METRIC_LEADER, 0);
}

/* For tallyd db status on any host, which asks the database and not the leader. */
static void maintenance_note(struct store *store, int result, const char *error)
{
	struct pg_connection *pg = &store->maintenance.pg;
	if (!pg_is_open(pg))
		return;
	char *why = PQescapeLiteral(pg->conn, error, strlen(error));
	char *leader = PQescapeLiteral(pg->conn, tally_hostname(store->ctx),
				       strlen(tally_hostname(store->ctx)));
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

/* Read again in each round: whoever led before carried it on, and an operator may have confirmed
 * it. */
static int maintenance_advance_clock(struct store *store)
{
	struct maintenance *maintenance = &store->maintenance;
	int r = trusted_clock_load(&maintenance->pg, &maintenance->kept);
	if (r < 0)
		return r;
	retention_age_advance(&maintenance->age, &maintenance->kept, store->ctx, maintenance->now,
			      &maintenance->held);
	return trusted_clock_store(&maintenance->pg, &maintenance->kept);
}

/* ---- One table ---------------------------------------------------------------- */

/* What was too much at once fails no round, or another daemon would lead and try as much again. */
static int maintenance_timed_out(struct store *store, struct step_size *step_size)
{
	if (!pg_is_open(&store->maintenance.pg) ||
	    step_size->span <= schema_levels[LEVEL_MINUTE].bucket)
		return -ETIMEDOUT;
	tally_log(store->ctx, TALLY_NOTICE,
		  "table %s: rolling up %d minutes in one step took too long; the next steps are "
		  "smaller",
		  step_size->table, (int)(step_size->span / schema_levels[LEVEL_MINUTE].bucket));
	step_size_timed_out(step_size);
	return 1;
}

/* Step by step until all is done, or it is time for other tables; one at least. */
static int maintenance_steps(struct store *store, struct rollup *rollup,
			     struct step_size *step_size, int (*step)(struct rollup *),
			     int64_t until)
{
	int64_t now = 0;
	int r = 1;
	while (r > 0 && now < until && !task_stopping(&store->maintenance.task)) {
		int64_t began = tally_monotonic(store->ctx);
		rollup->span = step_size->span;
		r = step(rollup);
		now = tally_monotonic(store->ctx);
		if (r == -ETIMEDOUT)
			r = maintenance_timed_out(store, step_size);
		else if (r >= 0)
			step_size_took(step_size, now - began, rollup->full);
	}
	return r < 0 ? r : 0;
}

/* As much as fits in before the other tables' turn, and goes on in the next round.  A lock that is
 * not granted is no failure, see step_size.h. */
static int maintenance_move(struct store *store, const struct stored_table *stored,
			    struct step_size *step_size)
{
	struct pg_connection *pg = &store->maintenance.pg;
	int64_t now = tally_monotonic(store->ctx), until = now + MAINTENANCE_ROLL_TIME;
	int r = step_size_may_lock(step_size, now);
	while (r > 0 && now < until && !task_stopping(&store->maintenance.task)) {
		r = continuous_move(pg, &store->maintenance.server, stored,
				    step_size->lock_timeout);
		now = tally_monotonic(store->ctx);
	}
	if (r >= 0 || strcmp(pg->sqlstate, "55P03") != 0)
		return r < 0 ? r : 0;
	step_size_blocked(step_size, store->ctx, "rollups cannot become continuous aggregates");
	return 0;
}

/* What has closed comes first, since that has an end; of what comes late there may always be more.
 */
static int maintenance_roll(struct store *store, const struct stored_table *stored,
			    struct step_size *step_size)
{
	struct rollup rollup = {.pg = &store->maintenance.pg,
				.server = &store->maintenance.server,
				.stored = stored,
				.now = store->maintenance.now};
	int64_t until = tally_monotonic(store->ctx) + MAINTENANCE_ROLL_TIME;
	int r = maintenance_steps(store, &rollup, step_size, rollup_ahead, until);
	return r == 0 ? maintenance_steps(store, &rollup, step_size, rollup_late, until) : r;
}

/* Of a log: the counts of its lines.  Without the right to make their table there are none. */
static int maintenance_count(struct store *store, const struct stored_table *logs,
			     struct step_size *step_size)
{
	struct maintenance *maintenance = &store->maintenance;
	const struct schema_where where = {.server = &maintenance->server,
					   .views = store->config->schema,
					   .catalog = &store->catalog,
					   .make = store->config->migrate == MIGRATE_AUTO,
					   .now = maintenance->now,
					   .age = maintenance->age,
					   .views_reported = &maintenance->views_reported};
	struct log_counting counting = {.pg = &maintenance->pg,
					.server = &maintenance->server,
					.logs = logs,
					.whole = &maintenance->text_whole,
					.now = maintenance->now};
	struct log_lines declared;
	int64_t now = 0, until = tally_monotonic(store->ctx) + MAINTENANCE_ROLL_TIME;
	if (!log_lines_are_counted(logs))
		return 0;
	int r = 0;
	for (int kind = 0; kind < LOG_LINES_KINDS && r == 0; kind++) {
		if (!log_lines_has(logs, kind))
			continue;
		log_lines_declare(logs, kind, &declared);
		r = schema_ensure(&maintenance->pg, &where, &declared.table, &counting.lines[kind]);
		if (r == -ENOENT && kind == LOG_LINES_LEVELS)
			return 0;
		if (r == -ENOENT)
			r = 0;
	}
	if (r < 0)
		return r;
	for (r = 1; r > 0 && now < until && !task_stopping(&maintenance->task);) {
		int64_t began = tally_monotonic(store->ctx);
		counting.span = step_size->span;
		r = log_lines_step(&counting);
		now = tally_monotonic(store->ctx);
		if (r == -ETIMEDOUT)
			r = maintenance_timed_out(store, step_size);
		else if (r >= 0)
			step_size_took(step_size, now - began, counting.full);
	}
	return r < 0 ? r : 0;
}

/* Of a log: the index of its text.  Without the right to keep it there is none. */
static int maintenance_index(struct store *store, const struct stored_table *logs)
{
	struct maintenance *maintenance = &store->maintenance;
	struct text_index index = {
		.pg = &maintenance->pg, .logs = logs, .whole = &maintenance->text_whole};
	struct log_lines declared;
	int64_t until = tally_monotonic(store->ctx) + MAINTENANCE_ROLL_TIME;
	if (!log_lines_are_counted(logs) || !log_text_column(logs))
		return 0;
	log_lines_declare(logs, LOG_LINES_LEVELS, &declared);
	/* Their table is made when the first lines are counted. */
	index.lines = catalog_find(&store->catalog, declared.name);
	int r = index.lines ? text_index_begin(&index) : 0;
	while (r > 0 && tally_monotonic(store->ctx) < until && !task_stopping(&maintenance->task))
		r = text_index_step(&index);
	log_text_blocks_done(&index.next);
	if (r < 0 && strcmp(maintenance->pg.sqlstate, "42501") == 0) {
		if (!maintenance->text_reported)
			tally_log(store->ctx, TALLY_NOTICE,
				  "searches for text read all lines, since this user may not keep "
				  "tally.text: %s",
				  tally_reason(store->ctx));
		maintenance->text_reported = true;
		return 0;
	}
	return r < 0 ? r : 0;
}

/* The order matters.  Partitions first, since all else may write.  Rolled up before anything is
 * deleted, which what is not rolled up holds back.  Compressed last: a chunk that was compressed
 * before its late rows were rolled up has to be unpacked for them. */
static int maintenance_keep(struct store *store, const struct stored_table *stored)
{
	const struct timescale_config *config = store->config;
	struct step_size *step_size =
		step_size_find(&store->maintenance.step_sizes, stored->table.name);
	if (!step_size)
		return tally_fail(store->ctx, ENOMEM, "no memory");
	const struct retention retention = {.pg = &store->maintenance.pg,
					    .server = &store->maintenance.server,
					    .step_size = step_size,
					    .now = store->maintenance.now,
					    .clock = &store->maintenance.kept,
					    .age = &store->maintenance.age};
	const struct compression compression = {
		.pg = &store->maintenance.pg,
		.server = &store->maintenance.server,
		.step_size = step_size,
		.before = store_clock_cut(&store->maintenance.kept, config->compress_after),
		.again = store->maintenance.compress_again};
	int r = task_stopping(&store->maintenance.task) ? 0
							: retention_partitions(&retention, stored);
	if (r == 0)
		r = watermarks_rewind(&store->maintenance.pg, stored, store->maintenance.now,
				      store->maintenance.now - ROLLUP_GRACE);
	if (r == 0)
		r = maintenance_move(store, stored, step_size);
	if (r == 0)
		r = maintenance_count(store, stored, step_size);
	if (r == 0)
		r = maintenance_roll(store, stored, step_size);
	if (r == 0 && !task_stopping(&store->maintenance.task))
		r = retention_run(&retention, stored);
	if (r == 0 && !task_stopping(&store->maintenance.task))
		r = maintenance_index(store, stored);
	if (r == 0 && !task_stopping(&store->maintenance.task))
		r = compression_run(&compression, stored);
	return r;
}

struct round {
	struct store *store;
	bool views; /* some lack */
	int result; /* of the first table that failed */
	char why[MAINTENANCE_WHY];
};

/* Of a table that is as it should be. */
static int maintenance_views(struct round *round, const struct schema_where *where,
			     const struct stored_table *stored)
{
	struct pg_connection *pg = &round->store->maintenance.pg;
	if (!where->make)
		return 0;
	int r = schema_views_check(pg, where, stored);
	if (r > 0)
		r = schema_views_repair(pg, where, stored);
	round->views = round->views || r > 0;
	return r < 0 ? r : 0;
}

/* What somebody took out of tally.tables is not ours to keep, nor to make again. */
static int maintenance_is_there(struct store *store, const char *table)
{
	struct stored_table *there = NULL;
	int r = schema_load_table(&store->maintenance.pg, table, &there);
	bool found = there != NULL;
	if (r == 0)
		catalog_free(there);
	return r < 0 ? r : found;
}

/* A failure of one table holds up no other. */
static int maintenance_table(void *arg, const struct tally_table *table)
{
	struct round *round = arg;
	struct store *store = round->store;
	struct pg_connection *pg = &store->maintenance.pg;
	const struct stored_table *stored = catalog_find(&store->catalog, table->name);
	const struct schema_where where = {.server = &store->maintenance.server,
					   .views = store->config->schema,
					   .make = store->config->migrate == MIGRATE_AUTO,
					   .now = store->maintenance.now,
					   .age = store->maintenance.age,
					   .views_reported = &store->maintenance.views_reported};
	pg->fault = PG_FAULT_NONE;
	int r = maintenance_is_there(store, table->name);
	if (r == 0)
		return 0;
	if (r > 0)
		r = maintenance_keep(store, stored);
	if (r < 0 && pg->fault == PG_FAULT_SCHEMA && schema_repair(pg, &where, stored) == 0)
		r = maintenance_keep(store, stored);
	if (r == 0)
		r = maintenance_views(round, &where, stored);
	if (r < 0 && round->result == 0) {
		round->result = r;
		snprintf(round->why, sizeof(round->why), "table %s: %s", table->name,
			 tally_reason(store->ctx));
	}
	return pg_is_open(pg) ? 0 : r;
}

static int maintenance_tables(struct store *store)
{
	struct round round = {.store = store};
	struct maintenance *maintenance = &store->maintenance;
	int64_t now = maintenance->now, passed = now - maintenance->compressed;
	maintenance->compress_again = passed < 0 || passed >= schema_levels[LEVEL_HOUR].bucket;
	if (maintenance->compress_again)
		maintenance->compressed = now;
	int r = catalog_each(&store->catalog, maintenance_table, &round);
	maintenance->views_reported = maintenance->views_reported && round.views;
	return round.result < 0 ? tally_fail(store->ctx, -round.result, "%s", round.why) : r;
}

/* ---- Reporting ---------------------------------------------------------------- */

/* How far minutes are rolled up in the table that is furthest behind. */
static void maintenance_read_mark(struct store *store)
{
	auto_result PGresult *result = NULL;
	if (pg_query(&store->maintenance.pg,
		     "select (date_part('epoch', min(rolled_to)) * 1e9)::bigint from tally.marks "
		     "where level = 1",
		     NULL, &result) < 0)
		return;
	bool none = PQgetisnull(result, 0, 0);
	store->maintenance.rolled_to = none ? 0 : pg_get_64(PQgetvalue(result, 0, 0));
}

/* Also after a round that failed, or that could not even ask: it is then that it matters.  Until
 * another is known to lead, what was read last counts. */
static void maintenance_report_lag(struct store *store)
{
	struct maintenance *maintenance = &store->maintenance;
	int64_t lag = maintenance->rolled_to
			      ? server_clock_estimate(&maintenance->clock, store->ctx) -
					maintenance->rolled_to
			      : 0;
	tally_gauge(store->ctx, METRIC_ROLLUP_LAG, lag > 0 ? lag : 0);
}

/* Only the leader reports these. */
static void maintenance_follow(struct store *store)
{
	store->maintenance.rolled_to = 0;
	store->maintenance.held.logged = 0;
	store->maintenance.policies = (struct policies){0};
	tally_gauge(store->ctx, METRIC_RETENTION_HELD, 0);
	tally_gauge(store->ctx, METRIC_POLICIES, 0);
	tally_gauge(store->ctx, METRIC_POLICIES_FAILED, 0);
}

static int maintenance_maintain(struct store *store)
{
	char why[MAINTENANCE_WHY] = "";
	int r = server_find_out(&store->maintenance.pg, &store->maintenance.server);
	if (r == 0)
		r = maintenance_advance_clock(store);
	if (r == 0)
		r = schema_load_catalog(&store->maintenance.pg, &store->catalog);
	if (r == 0)
		r = maintenance_tables(store);
	if (r < 0)
		snprintf(why, sizeof(why), "%s", tally_reason(store->ctx));
	maintenance_note(store, r, why);
	maintenance_read_mark(store);
	policies_report(&store->maintenance.policies, &store->maintenance.pg,
			&store->maintenance.server);
	if (r == 0) {
		tally_gauge(store->ctx, METRIC_UPKEEP_SUCCESS, tally_now(store->ctx));
		return 0;
	}
	maintenance_give_up(store);
	/* What was asked since may have failed for another reason. */
	return tally_fail(store->ctx, -r, "%s", why);
}

int maintenance_run(void *self)
{
	struct store *store = self;
	int r = maintenance_lead(store);
	/* Read without leading, too: for the metric, and to know whether it may lead. */
	struct maintenance *maintenance = &store->maintenance;
	int clock = r < 0 ? r : server_clock_read(&maintenance->clock, &maintenance->pg);
	maintenance->now = maintenance->clock.server;
	if (clock < 0) {
		r = clock;
	} else if (r == 0 &&
		   llabs(server_clock_offset(&store->maintenance.clock)) > STORE_CLOCK_BOUND) {
		/* A host whose clock is off has dated its own rows wrong; it must not decide about
		 * everybody's. */
		maintenance_give_up(store);
		r = 1;
	}
	tally_gauge(store->ctx, METRIC_LEADER, r == 0);
	if (r == 0)
		r = maintenance_maintain(store);
	else if (r > 0)
		maintenance_follow(store);
	maintenance_report_lag(store);
	return r;
}

/* ---- The thread --------------------------------------------------------------- */

int maintenance_start(struct store *store)
{
	struct maintenance *maintenance = &store->maintenance;
	const struct timescale_config *config = store->config;
	*maintenance =
		(struct maintenance){.age = store_age(config),
				     .held = {"the database's clock", METRIC_RETENTION_HELD, 0},
				     .pg = {.ctx = store->ctx,
					    .timeout = MAINTENANCE_STATEMENT_TIMEOUT,
					    .interrupt_fd = store->interrupt_fd},
				     .task = {.ctx = store->ctx,
					      .name = "timescale-up",
					      .seconds = MAINTENANCE_EVERY_SECONDS,
					      .failed_seconds = MAINTENANCE_FAILED_SECONDS,
					      .errors = METRIC_UPKEEP_ERRORS,
					      .run = maintenance_run,
					      .arg = store}};
	return config->maintenance ? task_start(&maintenance->task) : 0;
}

/* A step may take ten seconds and compressing a chunk minutes, which nobody waits for who stops a
 * daemon: what is under way is cancelled and rolled back, and done again by whoever leads next.
 * The descriptor stays readable, see store_init(). */
void maintenance_stop(struct store *store)
{
	task_tell_to_stop(&store->maintenance.task);
	if (store->maintenance.task.running)
		eventfd_write(store->interrupt_fd, 1);
	task_stop(&store->maintenance.task);
	step_size_free(&store->maintenance.step_sizes);
	pg_close(&store->maintenance.pg);
	maintenance_follow(store);
	maintenance_report_lag(store);
	tally_gauge(store->ctx, METRIC_LEADER, 0);
}

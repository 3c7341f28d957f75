/*
 * What a policy's last run came to is in timescaledb_information.job_stats, why in job_errors.  A
 * run whose worker died, as all do with 2.28.3 on PostgreSQL 15.20, is only there: of job_stats it
 * looks as if it still went on.
 */
#include "maintenance/policies.h"

#include "pg/pg_value.h"
#include "store.h"

void policies_append(struct strbuf *sql, const struct server *server)
{
	/* job_errors is older than what this asks for; which versions have it, does not matter. */
	const char *error =
		server_merges_chunks(server)
			? "select err_message as message from "
			  "timescaledb_information.job_errors where job_id = j.job_id and "
			  "start_time > coalesce(s.last_successful_finish, '-infinity') "
			  "order by start_time desc limit 1"
			: "select null::text as message";
	strbuf_add(
		sql,
		"select coalesce(s.last_run_status = 'Failed', e.message is not null) as failed, "
		"'policy ' || j.job_id || ' of TimescaleDB itself, not needed: ' || j.proc_name "
		"|| ' of ' || j.hypertable_name || ', last run ' || case when e.message is null "
		"then coalesce(s.last_run_status, 'never') else 'Failed: ' || e.message end || "
		"coalesce(', ' || s.total_failures || ' of ' || s.total_runs || ' failed', '') "
		"as said from timescaledb_information.jobs j left join "
		"timescaledb_information.job_stats s using (job_id) left join lateral (%s) e on "
		"true where j.hypertable_schema = 'tally' order by j.job_id",
		error);
}

void policies_report(struct policies *policies, struct pg_connection *pg,
		     const struct server *server)
{
	auto_strbuf struct strbuf sql = {0};
	auto_result PGresult *result = NULL;
	if (!server->timescale[0])
		return;
	strbuf_add(&sql, "select count(*), count(*) filter (where failed), "
			 "string_agg(said, '; ') filter (where failed) from (");
	policies_append(&sql, server);
	strbuf_add(&sql, ") p");
	if (sql.failed || pg_query(pg, sql.data, NULL, &result) < 0)
		return;
	struct policies now = {pg_get_64(PQgetvalue(result, 0, 0)),
			       pg_get_64(PQgetvalue(result, 0, 1))};
	tally_gauge(pg->ctx, METRIC_POLICIES, now.n);
	tally_gauge(pg->ctx, METRIC_POLICIES_FAILED, now.failed);
	if (now.failed > policies->failed)
		tally_log(pg->ctx, TALLY_WARNING,
			  "jobs of TimescaleDB fail; rolling up, compressing and deleting are done "
			  "without them: %s",
			  PQgetvalue(result, 0, 2));
	else if (now.failed == 0 && policies->failed > 0)
		tally_log(pg->ctx, TALLY_NOTICE, "no job of TimescaleDB fails any more");
	*policies = now;
}

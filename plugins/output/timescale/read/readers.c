/*
 * store_query() and store_tables() take a connection on whichever thread asks, and give it back on
 * the same one.  Happy path: a free one that is connected → is it still alive → hand it out →
 * readers_ask().  What can fail: all are busy until the deadline (-ETIMEDOUT), the database cannot
 * be reached (-ENOTCONN, for a second without asking it again).
 *
 * Statements that are sent under one Sync are one transaction without BEGIN and COMMIT: that will
 * do for a single one, which sees one state in any case.  Nothing is set for the session that a
 * writer could not have, too: behind a pooler it may be somebody else's in a moment.
 * https://www.postgresql.org/docs/15/protocol-flow.html#PROTOCOL-FLOW-PIPELINING
 *
 * Blocking connections, 2 to 4 of them, were measured to be as fast as an asynchronous client or
 * pipelining: the server's CPU is the limit, not waiting here.
 */
#include "read/readers.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "pg/pg_value.h"

#define READERS_PAUSE CLOCK_SECOND
/* A login may take this long where much is going on, and a window of a search waits no longer. */
#define READERS_PATIENCE (400 * CLOCK_MS)
#define READERS_TIMEOUT CLOCK_MINUTE /* no query's deadline is this far */
#define READERS_MORE (100 * CLOCK_MS)

/*
 * A statement that stays prepared is planned once, and not for each question: over partitions that
 * takes several times as long as running it.  Such a plan leaves out partitions when it begins,
 * which takes a lock and up to 8 µs for each that there is, and 14 to 70 KiB of the server's
 * memory: so only for a month of days (docs/performance.md).  It does not know how long a range is,
 * takes it for short, and would sort what lies in order: so no sort where there is another way.
 */
#define READERS_PLANS "set plan_cache_mode = 'force_generic_plan'; set enable_sort = off; "
#define READERS_NEW_PLANS                                                                          \
	"set_config('plan_cache_mode', 'force_custom_plan', true), set_config('enable_sort', "     \
	"'on', true)"
/* Partitions come and go day by day. */
#define READERS_LOOK CLOCK_HOUR

const struct pg_statement readers_plan_anew = {"select " READERS_NEW_PLANS, NULL};

void readers_init(struct readers *readers, struct tally_ctx *ctx, const char *conninfo, uint32_t n,
		  int interrupt_fd)
{
	*readers = (struct readers){.ctx = ctx, .option = "conninfo", .conninfo = conninfo};
	connection_pool_init(&readers->pool, n);
	for (uint32_t i = 0; i < n; i++)
		readers->all[i] = (struct reader){.pg = {.ctx = ctx,
							 .timeout = READERS_TIMEOUT,
							 .interrupt_fd = interrupt_fd}};
}

void readers_close(struct readers *readers)
{
	for (uint32_t i = 0; i < readers->pool.n; i++)
		pg_close(&readers->all[i].pg);
}

void readers_done(struct readers *readers)
{
	readers_close(readers);
	for (uint32_t i = 0; i < readers->pool.n; i++) {
		PQclear(readers->all[i].wide);
		readers->all[i].wide = NULL;
	}
	connection_pool_done(&readers->pool);
}

static int64_t readers_refused_until(struct readers *readers, int64_t set)
{
	pthread_mutex_lock(&readers->pool.lock);
	if (set)
		readers->refused_until = set;
	int64_t until = readers->refused_until;
	pthread_mutex_unlock(&readers->pool.lock);
	return until;
}

/* Which tables have so many partitions that plans are not kept. */
static int readers_look(struct reader *reader)
{
	PGresult *wide = NULL;
	int r = pg_query(
		&reader->pg,
		"select 'tally.\"' || c.relname || '\"' from pg_inherits i join pg_class c "
		"on c.oid = i.inhparent join pg_namespace n on n.oid = c.relnamespace "
		"where n.nspname = 'tally' and c.relkind <> 'I' group by c.oid, c.relname "
		"having count(*) > " READERS_PARTITIONS,
		NULL, &wide);
	if (r < 0)
		return r;
	PQclear(reader->wide);
	reader->wide = wide;
	reader->looked = tally_monotonic(reader->pg.ctx);
	return 0;
}

/* For a second after a failure further queries fail at once, instead of each waiting for a server
 * that does not answer.  That a query had little time left to wait says nothing of the server: the
 * windows of a search may have a few milliseconds. */
static int readers_open(struct readers *readers, struct reader *reader)
{
	int64_t now = tally_monotonic(readers->ctx);
	if (now < readers_refused_until(readers, 0))
		return tally_fail(readers->ctx, ENOTCONN, "the database cannot be reached");
	int r = pg_open_secret(&reader->pg, readers->option, readers->conninfo,
			       PG_SETUP_VANISHED READERS_PLANS
			       "set default_transaction_isolation = 'read committed'; set timezone "
			       "= 'UTC'; set application_name = 'tallyd reader'; set jit = off; "
			       "set idle_in_transaction_session_timeout = '1min'");
	if (r == 0)
		r = readers_look(reader);
	int64_t ended = tally_monotonic(readers->ctx);
	if (r < 0 && (r != -ETIMEDOUT || ended - now >= READERS_PATIENCE))
		readers_refused_until(readers, ended + READERS_PAUSE);
	return r;
}

/* Nothing is on its way to an idle connection but its end. */
static bool readers_is_alive(const struct pg_connection *pg)
{
	struct pollfd fd = {.fd = pg->conn ? PQsocket(pg->conn) : -1, .events = POLLIN};
	return pg_is_open(pg) && poll(&fd, 1, 0) == 0;
}

int readers_take(struct readers *readers, int64_t deadline, struct reader **ret)
{
	uint32_t number = 0;
	int r = connection_pool_take(&readers->pool, readers->ctx, deadline, &number);
	if (r < 0)
		return r;
	struct reader *reader = &readers->all[number];
	/* A little more than the server is given, for its message to arrive. */
	reader->pg.deadline = deadline + READERS_MORE;
	if (!readers_is_alive(&reader->pg))
		r = readers_open(readers, reader);
	else if (tally_monotonic(readers->ctx) - reader->looked >= READERS_LOOK)
		r = readers_look(reader);
	if (r < 0) {
		readers_give_back(readers, reader);
		return r;
	}
	*ret = reader;
	return 0;
}

void readers_give_back(struct readers *readers, struct reader *reader)
{
	struct pg_connection *pg = &reader->pg;
	pg->deadline = tally_monotonic(readers->ctx) + READERS_PAUSE;
	pg->cancelled = NULL;
	if (pg->conn && PQtransactionStatus(pg->conn) == PQTRANS_ACTIVE)
		pg_cancel(pg); /* whoever asked had enough */
	/* Not rolled back: only what ends well is in the server's log of plans (auto_explain). */
	if (pg->conn && PQtransactionStatus(pg->conn) == PQTRANS_INTRANS)
		(void)pg_exec(pg, "commit");
	pg_rollback(pg);
	connection_pool_give_back(&readers->pool, (uint32_t)(reader - readers->all), pg->conn);
}

/* ---- Asking ------------------------------------------------------------------------ */

enum readers_plans reader_plans(const struct reader *reader, const struct pg_statement *statements,
				int n)
{
	for (int row = 0; reader->wide && row < PQntuples(reader->wide); row++)
		for (int i = 0; i < n; i++)
			if (strstr(statements[i].sql, PQgetvalue(reader->wide, row, 0)))
				return READERS_PLANS_NEW;
	return READERS_PLANS_KEPT;
}

/* The server's own timeout besides ours, so that it stops where a cancel does not arrive. */
static int readers_set_timeout(const struct reader *reader, enum readers_plans plans,
			       struct readers_timeout *room, struct pg_statement *ret)
{
	static const char *const settings[] = {
		[READERS_PLANS_KEPT] = "select set_config('statement_timeout', $1, true)",
		[READERS_PLANS_NEW] =
			"select set_config('statement_timeout', $1, true), " READERS_NEW_PLANS,
	};
	static const Oid type = PG_TEXT;
	const struct pg_connection *pg = &reader->pg;
	int64_t left = pg->deadline - READERS_MORE - tally_monotonic(pg->ctx);
	if (left <= 0)
		return tally_fail(pg->ctx, ETIMEDOUT, "the query ran into its deadline");
	room->length = snprintf(room->text, sizeof(room->text), "%" PRId64, left / CLOCK_MS + 1);
	room->value = room->text;
	room->params = (struct pg_params){1, &type, &room->value, &room->length};
	*ret = (struct pg_statement){settings[plans], &room->params};
	return 0;
}

int readers_begin(const struct reader *reader, enum readers_plans plans,
		  struct readers_timeout *room, struct pg_statement *ret)
{
	/* All statements of a query see one state: watermarks and rows have to agree. */
	ret[0] = (struct pg_statement){"begin isolation level repeatable read read only", NULL};
	return readers_set_timeout(reader, plans, room, &ret[1]);
}

int readers_ask(struct reader *reader, const struct pg_statement *statements, int n, PGresult **ret)
{
	struct pg_statement all[PG_ASK_MAX];
	PGresult *results[PG_ASK_MAX];
	struct readers_timeout room;
	int first = n > 1 ? READERS_BEGIN : 1, more = n > 1;
	if (n > READERS_ASK_MAX)
		return tally_fail(reader->pg.ctx, EINVAL, "too many statements at once");
	enum readers_plans plans = reader_plans(reader, statements, n);
	int r = n > 1 ? readers_begin(reader, plans, &room, all)
		      : readers_set_timeout(reader, plans, &room, all);
	if (r < 0)
		return r;
	memcpy(all + first, statements, (size_t)n * sizeof(*all));
	all[first + n] = (struct pg_statement){"commit", NULL};
	r = pg_ask(&reader->pg, all, first + n + more, results);
	if (r < 0)
		return r;
	memcpy(ret, results + first, (size_t)n * sizeof(*ret));
	for (int i = 0; i < first + n + more; i++)
		if (i < first || i >= first + n)
			PQclear(results[i]);
	return 0;
}

int readers_ask_rows(struct reader *reader, const struct pg_statement *statement, pg_row_fn *row,
		     void *arg)
{
	enum { TIMEOUT, ROWS, N };
	struct pg_statement all[N] = {[ROWS] = *statement};
	struct readers_timeout room;
	int r = readers_set_timeout(reader, reader_plans(reader, statement, 1), &room,
				    &all[TIMEOUT]);
	return r < 0 ? r : pg_ask_rows(&reader->pg, all, N, ROWS, row, arg);
}

int readers_begin_now(struct reader *reader)
{
	struct readers_timeout room;
	struct pg_statement statements[READERS_BEGIN];
	PGresult *results[READERS_BEGIN];
	int r = readers_begin(reader, READERS_PLANS_NEW, &room, statements);
	if (r == 0)
		r = pg_ask(&reader->pg, statements, READERS_BEGIN, results);
	for (int i = 0; r == 0 && i < READERS_BEGIN; i++)
		PQclear(results[i]);
	return r;
}

/* ---- What is known ------------------------------------------------------------------ */

const struct watermarks *reader_known(const struct reader *reader,
				      const struct stored_table *stored)
{
	for (int i = 0; i < READERS_KNOWN; i++)
		if (reader->known[i].stored == stored)
			return &reader->known[i].watermarks;
	return NULL;
}

void reader_know(struct reader *reader, const struct stored_table *stored,
		 const struct watermarks *watermarks)
{
	uint32_t at = 0;
	while (at < READERS_KNOWN && reader->known[at].stored != stored)
		at++;
	if (at == READERS_KNOWN)
		at = reader->oldest++ % READERS_KNOWN;
	reader->known[at] = (struct reader_known){stored, *watermarks};
}

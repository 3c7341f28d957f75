/*
 * Questions and what may come between: a server that stops them, a connection that is lost before
 * or meanwhile, statements that make room for others, answers that are had in pieces, rows that are
 * rolled up at the same time.
 */
#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "maintenance/rollup.h"
#include "pg/pg_prepared.h"
#include "timescale_fixture.h"
#include "base/clock.h"
#include "test.h"

enum { SAMPLES = 2160, EVERY = 10 };
static const struct tally_select counted = {.column = "value", .aggregate = TALLY_COUNT};
static const char backends[] =
	"select count(*) from pg_stat_activity where application_name = 'tallyd reader'";

static void write_samples(struct fixture *f)
{
	struct tally_batch *batch = fixture_batch(f, &series_table);
	for (int64_t i = 0; i < SAMPLES; i++)
		put_series(f, batch, T0 + i * EVERY * SECOND, "a", 1, i);
	fixture_write(f, batch);
}

/* All of them, by the minute; of one container, which has them all: then a reader that knows how
 * far they are rolled up asks for all at once. */
static int count_of(struct fixture *f, bool one, int64_t deadline, int64_t *ret)
{
	static const struct tally_filter a = {.column = "container_id",
					      .match = TALLY_EQUALS,
					      .value = {.text = "a", .len = 1, .set = 1}};
	struct tally_query query = query_of("samples", &counted, 1);
	struct rows rows = {0};
	query.filters = &a;
	query.n_filters = one;
	query.from = T0;
	query.to = T0 + DAY;
	query.bucket = MINUTE;
	query.deadline = clock_monotonic() + deadline;
	int r = ask(f, &query, &rows);
	*ret = 0;
	for (uint32_t i = 0; i < rows.n; i++)
		*ret += rows_at(&rows, i, 1)->i;
	rows_free(&rows);
	return r;
}

static int count(struct fixture *f, int64_t deadline, int64_t *ret)
{
	return count_of(f, false, deadline, ret);
}

static void assert_all_are_counted(struct fixture *f)
{
	int64_t n;
	for (int one = 0; one < 2; one++) {
		if (count_of(f, one, 60 * SECOND, &n) != 0)
			fail_msg("%s", fake_host_reason(f->host));
		assert_int_equal(n, SAMPLES);
	}
}

/* Until it is given back nobody reads samples. */
static PGconn *lock_samples(void)
{
	PGconn *conn = PQconnectdb(getenv("TALLYD_TEST_CONNINFO"));
	PGresult *result = PQexec(conn, "begin; lock table tally.samples_rows");
	assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
	PQclear(result);
	return conn;
}

static void a_statement_stopped_by_the_server_leaves_its_connection_usable(void **state)
{
	struct fixture *f = *state;
	int64_t n;
	write_samples(f);
	assert_all_are_counted(f);
	int64_t pid = fixture_sql(f, "select pid from pg_stat_activity where application_name = "
				     "'tallyd reader'");
	PGconn *lock = lock_samples();
	assert_int_equal(count(f, 300 * CLOCK_MS, &n), -ETIMEDOUT);
	assert_non_null(strstr(fake_host_reason(f->host), "deadline"));
	PQfinish(lock);
	assert_all_are_counted(f);
	assert_int_equal(fixture_sql(f, backends), 1);
	assert_int_equal(fixture_sql(f, "select pid from pg_stat_activity where application_name "
					"= 'tallyd reader'"),
			 pid);
}

/* What the session of the first reader gives a statement, in ms. */
static int64_t session_timeout(struct fixture *f)
{
	PGresult *result =
		PQexec(f->store->readers.all[0].pg.conn,
		       "select setting from pg_settings where name = 'statement_timeout'");
	int64_t ms = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	return ms;
}

static void the_time_of_a_query_is_not_that_of_the_session(void **state)
{
	struct fixture *f = *state;
	int64_t n, usual;
	write_samples(f);
	usual = fixture_sql(f, "select setting from pg_settings where name = 'statement_timeout'");
	for (int one = 0; one < 4; one++) {
		assert_int_equal(count_of(f, one % 2, 50 * SECOND, &n), 0);
		assert_int_equal(session_timeout(f), usual);
	}
}

static void terminate_readers(struct fixture *f)
{
	fixture_sql(f, "select pg_terminate_backend(pid, 30000) from pg_stat_activity where "
		       "application_name = 'tallyd reader'");
}

static void a_lost_reader_is_replaced_for_the_next_query(void **state)
{
	struct fixture *f = *state;
	write_samples(f);
	for (int i = 0; i < 3; i++) {
		assert_all_are_counted(f);
		assert_int_equal(fixture_sql(f, backends), 1);
		terminate_readers(f);
	}
}

static void *terminate_when_it_waits(void *arg)
{
	int64_t until = clock_monotonic() + 30 * CLOCK_SECOND;
	while (clock_monotonic() < until &&
	       fixture_sql(arg, "select count(*) from pg_stat_activity where application_name = "
				"'tallyd reader' and wait_event_type = 'Lock'") == 0)
		sched_yield();
	terminate_readers(arg);
	return NULL;
}

static void a_reader_lost_during_a_query_is_reported_and_the_next_query_answered(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;
	int64_t n;
	write_samples(f);
	assert_all_are_counted(f);
	PGconn *lock = lock_samples();
	assert_int_equal(pthread_create(&thread, NULL, terminate_when_it_waits, f), 0);
	assert_int_not_equal(count(f, 60 * SECOND, &n), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_non_null(strstr(fake_host_reason(f->host), "terminat"));
	PQfinish(lock);
	assert_all_are_counted(f);
}

/* Each limit on value is a condition more, and a statement of its own. */
static void the_most_recent_statements_stay_prepared(void **state)
{
	enum { KINDS = 40 };
	struct fixture *f = *state;
	struct tally_filter filters[KINDS];
	struct tally_query query = query_of("samples", &counted, 1);
	struct rows rows;
	write_samples(f);
	query.filters = filters;
	for (uint32_t i = 0; i < 2 * KINDS; i++) {
		query.n_filters = 1 + i % KINDS;
		filters[i % KINDS] = (struct tally_filter){
			.column = "value", .match = TALLY_GREATER, .value = {.f = 0, .set = 1}};
		assert_int_equal(ask(f, &query, &rows), 0);
		assert_int_equal(rows_at(&rows, 0, 1)->i, SAMPLES);
		rows_free(&rows);
	}
	assert_int_equal(fixture_sql(f, backends), 1);
	/* Of which the beginning of a transaction may not be one. */
	query.select = &(struct tally_select){.column = "value"};
	query.limit = 20;
	for (uint32_t i = 0; i < 2 * KINDS; i++) {
		query.n_filters = 1 + i % KINDS;
		assert_int_equal(ask(f, &query, &rows), 0);
		assert_int_equal(rows.n, 20);
		rows_free(&rows);
	}
	assert_all_are_counted(f);
	assert_int_equal(fixture_sql(f, backends), 1);
}

static void pages_of_any_time_are_one_statement(void **state)
{
	static const struct tally_select message = {.column = "message"};
	struct fixture *f = *state;
	struct tally_query query = query_of("lines", &message, 1);
	struct tally_batch *batch = fixture_batch(f, &log_table);
	struct rows rows;
	int statements = 0;
	put_log(f, batch, T0 + SECOND, "out", 1, "a");
	fixture_write(f, batch);
	query.limit = 20;
	for (query.from = T0; query.from < T0 + 10; query.from++) {
		assert_int_equal(ask(f, &query, &rows), 0);
		assert_int_equal(rows.n, 1);
		rows_free(&rows);
	}
	const struct pg_prepared *prepared = f->store->readers.all[0].pg.prepared;
	for (int i = 0; i < PG_PREPARED_MAX; i++)
		statements += prepared->all[i].sql && strstr(prepared->all[i].sql, "lines_rows");
	assert_int_equal(statements, 1);
}

enum { MINUTES = 9000, IDS = 5, STEP_SIZE = 7 }; /* more rows than an answer holds in one piece */

/* Those of the later half first. */
static void write_minutes(struct fixture *f)
{
	static const char *const ids[IDS] = {"a", "b", "c", "d", "e"};
	struct tally_batch *batch = fixture_batch(f, &series_table);
	for (int64_t i = 0; i < MINUTES; i++) {
		int64_t minute = (i + MINUTES / 2) % MINUTES;
		for (int id = 0; id < IDS; id++)
			put_series(f, batch, T0 + minute * MINUTE, ids[id], 1, minute * STEP_SIZE);
	}
	fixture_write(f, batch);
}

/* Every series grew at one pace from its first minute on. */
static void assert_minutes(struct fixture *f, int64_t minutes)
{
	static const char *const by[] = {"container_id"};
	static const struct tally_select select[] = {{"value", TALLY_COUNT, 0},
						     {"total", TALLY_RATE, 0}};
	struct tally_query query = query_of("samples", select, 2);
	struct rows rows;
	query.to = T0 + minutes * MINUTE;
	query.bucket = MINUTE;
	query.group_by = by;
	query.n_group_by = 1;
	query.limit = MINUTES * IDS;
	if (ask(f, &query, &rows) != 0)
		fail_msg("%s", fake_host_reason(f->host));
	assert_int_equal(rows.n, minutes * IDS);
	for (uint32_t i = 0; i < rows.n; i++) {
		const struct tally_cell *rate = rows_at(&rows, i, 3);
		assert_int_equal(rows_at(&rows, i, 2)->i, 1);
		assert_int_equal(rate->set, i >= IDS);
		if (rate->set)
			assert_float_equal(rate->f, STEP_SIZE / 60.0, 1e-9);
	}
	rows_free(&rows);
}

static void paged_answers_equal_whole_ones(void **state)
{
	struct fixture *f = *state;
	fake_host_set_now(f->host, T0 + MINUTES * MINUTE);
	write_minutes(f);
	assert_minutes(f, MINUTES / 2);
	assert_minutes(f, MINUTES);
	maintenance_at(f, T0 + (MINUTES + 10) * MINUTE);
	assert_minutes(f, MINUTES / 2);
	assert_minutes(f, MINUTES);
}

/* A server that says nothing, or nothing more once it has let somebody in. */
struct silent {
	int listener;
	bool lets_in;
	pthread_t thread;
	uint16_t port;
	char conninfo[120];
};

/* AuthenticationOk, ReadyForQuery. */
static const char welcome[] = "R\0\0\0\010\0\0\0\0Z\0\0\0\005I";

static void *silent_run(void *arg)
{
	struct silent *silent = arg;
	char startup[1000];
	int fds[100], n = 0;
	while (n < 100 && (fds[n] = accept(silent->listener, NULL, NULL)) >= 0) {
		if (silent->lets_in && read(fds[n], startup, sizeof(startup)) > 0)
			assert_int_equal(write(fds[n], welcome, sizeof(welcome) - 1),
					 sizeof(welcome) - 1);
		n++;
	}
	while (n > 0)
		close(fds[--n]);
	return NULL;
}

/* It is asked from now on, in vain. */
static void silent_start(struct fixture *f, struct silent *silent)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	silent->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(silent->listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(silent->listener, 10), 0);
	assert_int_equal(getsockname(silent->listener, (struct sockaddr *)&address, &len), 0);
	assert_int_equal(pthread_create(&silent->thread, NULL, silent_run, silent), 0);
	silent->port = ntohs(address.sin_port);
	snprintf(silent->conninfo, sizeof(silent->conninfo),
		 "host=127.0.0.1 port=%u user=x dbname=x sslmode=disable gssencmode=disable "
		 "connect_timeout=30",
		 silent->port);
	backend_config.reader_conninfo = silent->conninfo;
	fixture_restart(f);
}

static void silent_stop(struct silent *silent)
{
	assert_int_equal(shutdown(silent->listener, SHUT_RDWR), 0);
	assert_int_equal(pthread_join(silent->thread, NULL), 0);
	close(silent->listener);
}

/* What it is asked within half a second, and takes no ten. */
static void assert_in_vain(struct fixture *f, int error)
{
	int64_t began = clock_monotonic(), n;
	assert_int_equal(count(f, SECOND / 2, &n), error);
	assert_true(clock_monotonic() - began < 10 * SECOND);
}

static void a_silent_server_is_waited_for_until_the_deadline(void **state)
{
	struct fixture *f = *state;
	for (int lets_in = 0; lets_in < 2; lets_in++) {
		struct silent silent = {.lets_in = lets_in};
		silent_start(f, &silent);
		assert_in_vain(f, -ETIMEDOUT);
		assert_in_vain(f, -ENOTCONN); /* not so soon again */
		silent_stop(&silent);
	}
}

static void a_query_that_has_no_time_to_wait_keeps_no_other_from_asking(void **state)
{
	struct fixture *f = *state;
	struct silent silent = {.lets_in = false};
	int64_t n;
	silent_start(f, &silent);
	for (int i = 0; i < 3; i++)
		assert_int_equal(count(f, 20 * SECOND / 1000, &n), -ETIMEDOUT);
	silent_stop(&silent);
}

struct asking {
	struct fixture *f;
	atomic_int result; /* 1: none yet */
};

static void *ask_for_long(void *arg)
{
	struct asking *asking = arg;
	int64_t n;
	atomic_store(&asking->result, count(asking->f, 60 * SECOND, &n));
	return NULL;
}

static void waiting_for_a_silent_server_can_be_interrupted(void **state)
{
	struct fixture *f = *state;
	for (int lets_in = 0; lets_in < 2; lets_in++) {
		struct silent silent = {.lets_in = lets_in};
		struct asking asking = {.f = f, .result = 1};
		pthread_t thread;
		silent_start(f, &silent);
		int64_t began = clock_monotonic();
		assert_int_equal(pthread_create(&thread, NULL, ask_for_long, &asking), 0);
		while (atomic_load(&asking.result) == 1) {
			f->plugin->interrupt(f->store);
			sched_yield();
		}
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_int_equal(asking.result, -ECANCELED);
		assert_true(clock_monotonic() - began < 20 * SECOND);
		silent_stop(&silent);
	}
}

/* The first question gives up before the first host does; the attempt goes on to the second. */
static void a_silent_host_does_not_hide_the_others(void **state)
{
	struct fixture *f = *state;
	struct silent silent = {.lets_in = false};
	char both[1000];
	int64_t n = 0;
	write_samples(f);
	silent_start(f, &silent);
	PGconn *conn = PQconnectdb(backend_config.conninfo);
	snprintf(both, sizeof(both),
		 "host=127.0.0.1,%s port=%u,%s user=%s dbname=%s sslmode=disable "
		 "connect_timeout=2",
		 PQhost(conn), silent.port, PQport(conn), PQuser(conn), PQdb(conn));
	PQfinish(conn);
	backend_config.reader_conninfo = both;
	fixture_restart(f);
	assert_in_vain(f, -ETIMEDOUT);
	for (int64_t began = clock_monotonic(); count(f, SECOND / 2, &n) != 0;)
		assert_true(clock_monotonic() - began < 30 * SECOND);
	assert_int_equal(n, SAMPLES);
	silent_stop(&silent);
}

/* As retention leaves them: what a reader knew before is not there any more. */
static void watermarks_that_moved_are_noticed(void **state)
{
	struct fixture *f = *state;
	write_samples(f);
	assert_all_are_counted(f);
	maintenance_at(f, T0 + DAY);
	fixture_sql(f, "delete from tally.samples_rows");
	assert_all_are_counted(f);
	fixture_sql(f, "delete from tally.samples_1min_rows");
	int64_t n;
	assert_int_equal(count_of(f, true, 60 * SECOND, &n), 0);
	assert_int_equal(n, 0);
}

struct rolling {
	struct fixture *f;
	atomic_bool done;
};

static void *roll_step_by_step(void *arg)
{
	struct rolling *rolling = arg;
	struct store *store = rolling->f->store;
	struct rollup rollup = {.pg = &store->maintenance.pg,
				.server = &store->server,
				.stored = catalog_find(&store->catalog, "samples"),
				.now = T0 + DAY,
				.span = 10 * MINUTE};
	while (rollup_ahead(&rollup) > 0)
		;
	atomic_store(&rolling->done, true);
	return NULL;
}

static void rows_that_are_rolled_up_meanwhile_count_once(void **state)
{
	struct fixture *f = *state;
	struct rolling rolling = {.f = f};
	pthread_t thread;
	fake_host_set_now(f->host, T0 + MINUTE);
	maintenance_at(f, T0 + MINUTE); /* its connection */
	write_samples(f);
	assert_int_equal(pthread_create(&thread, NULL, roll_step_by_step, &rolling), 0);
	bool last;
	do {
		last = atomic_load(&rolling.done);
		assert_all_are_counted(f);
	} while (!last);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(fixture_sql(f, "select sum(rows) from samples_1h"), SAMPLES);
}

int main(void)
{
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_statement_stopped_by_the_server_leaves_its_connection_usable),
		STORE_TEST(the_time_of_a_query_is_not_that_of_the_session),
		STORE_TEST(a_lost_reader_is_replaced_for_the_next_query),
		STORE_TEST(a_reader_lost_during_a_query_is_reported_and_the_next_query_answered),
		STORE_TEST(the_most_recent_statements_stay_prepared),
		STORE_TEST(pages_of_any_time_are_one_statement),
		STORE_TEST(paged_answers_equal_whole_ones),
		STORE_TEST(a_silent_server_is_waited_for_until_the_deadline),
		STORE_TEST(a_query_that_has_no_time_to_wait_keeps_no_other_from_asking),
		STORE_TEST(waiting_for_a_silent_server_can_be_interrupted),
		STORE_TEST(a_silent_host_does_not_hide_the_others),
		STORE_TEST(watermarks_that_moved_are_noticed),
		STORE_TEST(rows_that_are_rolled_up_meanwhile_count_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

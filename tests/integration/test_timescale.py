"""The daemon and a PostgreSQL of the tests' own: down at the start, crashing in between, many
daemons at once, roles that may only do their part.  What needs no crash also runs at the server that
TALLYD_TEST_TIMESCALE names.

The input counter emits 1, 2, 3 …, so that each test can say to the row what is missing or doubled.
"""

import itertools
import os
import signal
import subprocess
from pathlib import Path

import pytest

from counting import into_timescale
from pg import Given, Postgres, as_user
from waiting import wait_for

MIGRATIONS = len(list((Path(__file__).resolve().parents[2] / "sql/timescale").glob("[0-9]*.sql")))
names = (f"db{n}" for n in itertools.count())

SERVERS = ["own", "given"] if "TALLYD_TEST_TIMESCALE" in os.environ else ["own"]
stops_it = pytest.mark.parametrize("server", ["own"], indirect=True, scope="session")


@pytest.fixture(scope="session", params=SERVERS)
def server(request):
    made = Given() if request.param == "given" else Postgres(fsync="on")
    made.start()
    yield made
    made.leave()


@pytest.fixture
def database(server):
    return server.create(next(names))


@pytest.fixture
def daemon(tallyd, server, database):
    def make(extra="", conninfo=None):
        return tallyd(into_timescale(conninfo or server.conninfo(database), extra))

    return make


def mode(server, database):
    """Which one the store runs in there."""
    row = server.sql("select count(*), coalesce(current_setting('timescaledb.license', true), '') "
                     "from pg_extension where extname = 'timescaledb'", database)[0]
    return "plain" if row[0] == "0" else "apache" if row[1] == "apache" else "tsl"


def stored(server, database):
    """(rows, distinct numbers, highest number)"""
    if server.sql("select to_regclass('public.counter')", database)[0] == [""]:
        return 0, 0, 0
    row = server.sql("select count(*), count(distinct n), coalesce(max(n), 0) from counter", database)
    return tuple(map(int, row[0]))


def finish(daemon, server, database):
    """Stops it; then all that it emitted is there, once."""
    daemon.stop()
    rows, distinct, highest = stored(server, database)
    assert rows == distinct == highest > 0


def test_rows_reach_the_database_and_come_back_over_http(daemon, server, database):
    d = daemon().start()
    d.wait(lambda: stored(server, database)[0] >= 50, "rows are stored")
    page = d.json("/api/v1/tables/counter?limit=5&order=asc")
    assert [row["n"] for row in page["data"]] == [1, 2, 3, 4, 5]
    assert not d.imbalances()
    finish(d, server, database)


@stops_it
def test_a_database_that_is_down_at_the_start_gets_every_row_later(daemon, server, database):
    server.stop()
    try:
        d = daemon().start(ready="cannot start")
        d.wait(lambda: d.metric("tallyd_rows_waiting") >= 100, "rows wait")
    finally:
        server.start()
    d.wait(lambda: stored(server, database)[0] >= 200, "rows are stored", 60)
    wait_for(lambda: not d.imbalances(), what="the balance")
    finish(d, server, database)


@stops_it
def test_a_server_that_crashes_and_comes_back_loses_and_doubles_nothing(daemon, server, database):
    d = daemon().start()
    d.wait(lambda: stored(server, database)[0] >= 30, "rows are stored")
    for how in (signal.SIGQUIT, signal.SIGINT):
        server.stop(how)
        d.wait(lambda: d.metric("tallyd_rows_waiting") >= 50, "rows wait")
        server.start()
        before = stored(server, database)[0]
        d.wait(lambda: stored(server, database)[0] > before + 50, "it goes on", 60)
    finish(d, server, database)


def test_sessions_that_are_ended_by_the_server_are_opened_again(daemon, server, database):
    d = daemon().start()
    for _ in range(5):
        before = stored(server, database)[0]
        server.sql("select pg_terminate_backend(pid) from pg_stat_activity where "
                   f"datname = '{database}' and pid <> pg_backend_pid()")
        d.wait(lambda: stored(server, database)[0] > before + 20, "it goes on", 60)
    finish(d, server, database)


def drop(server, database):
    """Drops the rows; the highest number among them."""
    text = "begin; lock table tally.counter_rows; select max(n) from tally.counter_rows; " \
           "drop table tally.counter_rows cascade; commit"
    return int(server.sql(text, database)[0][0])


def all_after(daemon, server, database, dropped):
    """Stops it; then all that had waited, and all that came, is there."""
    daemon.stop()
    rows, distinct, highest = stored(server, database)
    assert rows == distinct == highest - dropped > 0


def test_a_table_that_is_dropped_comes_back_with_all_that_waited(daemon, server, database):
    d = daemon().start()
    d.wait(lambda: stored(server, database)[0] >= 30, "rows are stored")
    dropped = drop(server, database)
    d.wait(lambda: stored(server, database)[0] >= 30, "rows are stored again", 60)
    assert "somebody dropped tally.counter_rows: made again" in d.log
    assert d.metric("tallyd_timescale_tables_mended_total") == 1
    wait_for(lambda: not d.imbalances(), what="the balance")
    all_after(d, server, database, dropped)


def test_a_daemon_that_may_not_make_tables_waits_for_one_that_is_dropped(daemon, server, database):
    assert daemon().call("db", "migrate").returncode == 0
    d = daemon("migrate = check\nmaintenance = no").start()
    d.wait(lambda: stored(server, database)[0] >= 30, "rows are stored")
    dropped = drop(server, database)
    d.says("somebody dropped tally.counter_rows, and migrate = check: run tallyd db migrate", 60)
    d.wait(lambda: d.metric("tallyd_rows_waiting") >= 30, "rows wait")
    assert "somebody dropped tally.counter_rows: tallyd db migrate" in d.call("db", "status").stdout
    assert d.get("/api/v1/tables/counter").status == 503
    assert daemon().call("db", "migrate").returncode == 0
    d.wait(lambda: stored(server, database)[0] >= 30, "rows are stored again", 60)
    all_after(d, server, database, dropped)


def test_a_daemon_that_is_started_again_goes_on(daemon, server, database):
    d = daemon()
    for rows in (30, 60, 90):
        d.start()
        d.wait(lambda rows=rows: stored(server, database)[0] >= rows, "rows are stored")
        finish(d, server, database)


def test_a_dump_is_restored_and_daemons_go_on_there(daemon, server, database, tmp_path):
    d = daemon().start()
    d.wait(lambda: stored(server, database)[0] >= 30, "rows are stored")
    d.stop()
    before = stored(server, database)
    restored = server.create(next(names))
    dump = tmp_path / "dump"
    subprocess.run(["pg_dump", "-Fc", "-f", dump, "-d", server.conninfo(database)], check=True)
    timescale = mode(server, database) != "plain"
    if timescale:
        server.sql("create extension timescaledb", restored)
        server.sql("select timescaledb_pre_restore()", restored)
    subprocess.run(["pg_restore", "-d", server.conninfo(restored), dump], check=True)
    if timescale:
        server.sql("select timescaledb_post_restore()", restored)
    assert stored(server, restored) == before
    d.configure(into_timescale(server.conninfo(restored)))
    d.start()
    d.wait(lambda: stored(server, restored)[0] > before[0] + 30, "it goes on")
    finish(d, server, restored)
    assert stored(server, database) == before


def test_many_at_once_migrate_a_new_database(daemon, server, database):
    daemons = [daemon() for _ in range(10)]
    running = [subprocess.Popen(d.command("db", "migrate"), stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True) for d in daemons]
    for process in running:
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0, out
        assert "up to date" in out
    assert stored(server, database) == (0, 0, 0)
    versions = server.sql("select version from tally.migrations order by version", database)
    assert versions == [[str(n + 1)] for n in range(MIGRATIONS)]


def test_many_daemons_at_once_make_one_table_and_all_write(daemon, server, database):
    daemons = [daemon().start(ready=None) for _ in range(4)]
    wait_for(lambda: stored(server, database)[2] >= 30, 60, "rows are stored")
    for d in daemons:
        d.wait(lambda d=d: d.metric("tallyd_rows_stored_total", output="output.timescale") >= 10,
               "each has stored some", 60)
        d.stop()
    ledger = server.sql("select count(*) from tally.ledger", database)
    assert ledger == [["4"]]


def test_status_says_mode_migrations_and_tables(daemon, server, database):
    d = daemon()
    answer = d.call("db", "status")
    assert answer.returncode == 0, answer.stderr
    assert f"mode {mode(server, database)}" in answer.stdout and f"{MIGRATIONS} migrations to apply" in answer.stdout
    d.call("db", "migrate")
    answer = d.call("db", "status")
    assert "all migrations applied" in answer.stdout and "table counter (log)" in answer.stdout
    assert d.call("db", "status", "sqlite").returncode == 1
    assert d.call("db", "drop").returncode == 2


def told(d):
    """All that a daemon with this configuration says, until it is known that it does not work."""
    answers = [d.call(*words) for words in (("check",), ("config", "dump"), ("config", "explain"),
                                            ("db", "status"), ("db", "migrate"))]
    return "".join(answer.stdout + answer.stderr for answer in answers)


@stops_it
def test_a_password_is_never_told(daemon, server, database):
    d = daemon(conninfo=f"host=127.0.0.1 port={server.port} user=nobody password=xyzzy42 "
                        f"dbname={database}_not")
    d.start(ready="cannot start")
    assert "xyzzy42" not in d.log + told(d)
    d.stop()


@stops_it
@pytest.mark.parametrize("option", ["conninfo", "reader_conninfo"])
@pytest.mark.parametrize("conninfo", [
    "postgresql://u:xyzzy%42zz%RET@127.0.0.1/x",
    "postgresql://u:xyzzy42/more@127.0.0.1/x",
    "postgresql://u:12/xyzzy42@127.0.0.1/x",
    "postgresql://u:more@xyzzy42@127.0.0.1/x",
    "postgresql://u:more@127.0.0.1/xyzzy42@127.0.0.1/x",
    "postgresql://u:more@xyzzy42?z@127.0.0.1/x",
    "host=127.0.0.1 password=more xyzzy42",
    "host=127.0.0.1 password='more'xyzzy42",
    "host=127.0.0.1 password=more xyzzy42=more",
    "host=u:xyzzy42@127.0.0.1 dbname=x",
    "host=127.0.0.1 dbname=postgresql://u:xyzzy42@127.0.0.1/x",
    "xyzzy42"])
def test_a_password_that_is_not_escaped_is_not_told(daemon, server, database, option, conninfo):
    given = {"conninfo": server.conninfo(database), option: conninfo}
    d = daemon(f"reader_conninfo = {given.get('reader_conninfo', given['conninfo'])}",
               given["conninfo"])
    d.start(ready=None)
    d.process.wait(30)
    d.process = None
    assert f"{option} is not valid" in d.log and "%25, %2F, %3F and %40" in d.log
    assert "xyzzy" not in d.log + told(d)


@pytest.fixture
def roles(server, database):
    """Those of docs/timescale.md: conninfos of one that writes and of one that reads."""
    made = [f"{database}_writer", f"{database}_reader"]
    for role in made:
        server.sql(f"create role {role} login password 'secret'")
    yield [as_user(server.conninfo(database), role, "secret") for role in made]
    server.sql(f"drop owned by {', '.join(made)}", database)
    server.sql(f"drop role {', '.join(made)}")


def test_each_role_can_do_its_part_and_no_more(daemon, server, database, roles):
    writer, reader = roles
    d = daemon()
    assert d.call("db", "migrate").returncode == 0
    server.sql(f"""
        grant usage on schema tally, public to {database}_writer, {database}_reader;
        grant select, insert, update, delete on all tables in schema tally to {database}_writer;
        grant usage on all sequences in schema tally to {database}_writer;
        grant execute on function tally.ledger_advance, tally.ledger_note, tally.hold_series,
            tally.make_partitions to {database}_writer;
        grant select on all tables in schema tally, public to {database}_reader;
        alter role {database}_reader set statement_timeout = '1s';
        """, database)
    d = daemon(f"migrate = check\nmaintenance = no\nreader_conninfo = {reader}", writer)
    d.start()
    d.wait(lambda: stored(server, database)[0] >= 30, "rows are stored")
    assert len(d.json("/api/v1/tables/counter?limit=5")["data"]) == 5
    finish(d, server, database)
    for conninfo, text, why in (
            (reader, "delete from tally.counter_rows", "permission denied"),
            (reader, "select tally.ledger_advance('x', 1, 1)", "permission denied"),
            (reader, "create table tally.mine (n int)", "permission denied"),
            (reader, "select pg_sleep(60)", "statement timeout"),
            (writer, "drop table tally.counter_rows", "must be owner"),
            (writer, "alter table tally.counter_rows add mine int", "must be owner"),
            (writer, "create table tally.mine (n int)", "permission denied")):
        answer = subprocess.run(["psql", "-X", "-d", conninfo, "-c", text], check=False,
                                capture_output=True, text=True)
        assert answer.returncode and why in answer.stderr, (text, answer.stderr)

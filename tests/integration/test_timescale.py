"""The daemon and a PostgreSQL of the tests' own: down at the start, crashing in between, many
daemons at once, roles that may only do their part.  What needs no crash also runs at the server that
TALLYD_TEST_TIMESCALE names.

The input counter emits 1, 2, 3 …, so that each test can say to the row what is missing or doubled.
"""

import itertools
import json
import os
import signal
import subprocess
import time

import pytest

from counting import into_timescale
from daemon import ROOT
from pg import Given, Postgres, as_user, run_script
from terminal import Terminal
from waiting import wait_for

VERSIONS = sorted(int(path.name[:4]) for path in (ROOT / "sql/timescale").glob("[0-9]*.sql"))
ROLES = ROOT / "sql/timescale/roles.sql"
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


def has_timescale(server):
    return server.sql("select count(*) from pg_settings where name = 'timescaledb.disable_load'") != [["0"]]


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
    assert "somebody dropped tally.counter_rows: recreated" in d.log
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
    assert "somebody dropped tally.counter_rows: run tallyd db migrate" in d.call("db", "status").stdout
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
    assert versions == [[str(version)] for version in VERSIONS]


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
    assert answer.returncode == 4, answer.stderr
    assert f"! {len(VERSIONS)} migrations to apply" in answer.stdout
    assert ("tallyd db migrate creates its extension" in answer.stdout) == has_timescale(server)
    d.call("db", "migrate")
    answer = d.call("db", "status")
    assert answer.returncode == 0, answer.stdout
    assert "all migrations applied" in answer.stdout and "table counter (log)" in answer.stdout
    assert f"mode {mode(server, database)}" in answer.stdout
    lines = json.loads(d.call("db", "status", "--json").stdout)[0]["lines"]
    table = next(line for line in lines if line.get("table") == "counter")
    assert table["kind"] == "log" and table["bytes"] > 0, table
    assert table["rows_estimated"] is None and table["behind_seconds"] is None and table["rolled_up_to"] is None
    assert next(line for line in lines if "database" in line)["bytes"] > 10**6
    assert next(line for line in lines if "server_version" in line)["server_version"] >= 130000
    server.sql("drop view counter", database)
    answer = d.call("db", "status")
    assert answer.returncode == 4 and "! table counter: views" in answer.stdout
    assert d.call("db", "status", "sqlite").returncode == 1
    assert d.call("db", "drop").returncode == 2


def test_migrations_that_take_long_show_how_far_they_are(daemon, server, database):
    d = daemon()
    server.sql("create schema tally; create table tally.migrations (version int primary key, name text not null, "
               "checksum text not null, applied timestamptz not null)", database)
    held = subprocess.Popen(["psql", "-X", "-q", "-A", "-t", "-d", server.conninfo(database)], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)
    held.stdin.write("begin; lock table tally.migrations in share mode; select 'held';\n")
    held.stdin.flush()
    assert held.stdout.readline() == "held\n"
    # The bar is drawn when half a second has gone by.
    with Terminal(d.command("db", "migrate")) as terminal:
        wait_for(lambda: server.sql("select 1 from pg_locks where not granted and relation = 'tally.migrations'::regclass "
                                    "and pid in (select pid from pg_stat_activity where now() - query_start > "
                                    "interval '0.6 s')", database), 30, "the first one waits")
        held.communicate(timeout=30)
        terminal.shows(f"applying migrations: {len(VERSIONS)} migrations in ", "up to date")


def test_a_dry_run_shows_what_would_be_done_and_does_nothing(daemon, server, database):
    def schemas():
        return server.sql("select nspname from pg_namespace where nspname !~ '^pg_' order by 1", database)

    d = daemon()
    before = schemas()
    first = d.call("db", "migrate", "--dry-run")
    assert first.returncode == 0, first.stderr
    files = sorted(path.stem for path in (ROOT / "sql/timescale").glob("[0-9]*.sql"))
    for name in files:
        assert f"  would apply migration {name}: " in first.stdout
    assert "      create table tally.clock\n" in first.stdout and "  would create table counter\n" in first.stdout
    assert f"  {len(files)} migrations to apply\n" in first.stdout and schemas() == before
    assert d.call("db", "migrate").returncode == 0
    again = d.call("db", "migrate", "--dry-run")
    assert again.stdout == "output.timescale\n  0 migrations to apply\n", again
    # A newer program at an older database.
    server.sql(f"delete from tally.migrations where version = {VERSIONS[-1]}", database)
    last = json.loads(d.call("db", "migrate", "--dry-run", "--json").stdout)[0]
    assert last["ok"] and last["lines"][0]["text"].startswith(f"would apply migration {files[-1]}: ")
    assert server.sql("select max(version) from tally.migrations", database) == [[str(VERSIONS[-2])]]


def test_refresh_has_minutes_rolled_up_again(daemon, server, database):
    d = daemon()
    assert d.call("db", "migrate").returncode == 0
    server.sql("update tally.marks set rolled_to = '2026-01-01T02:00:00Z' where level = 1", database)
    if server.sql("select count(*) from tally.marks where level = 1", database) == [["0"]]:
        server.sql("insert into tally.marks (\"table\", level, rolled_to) "
                   "values ('counter', 1, '2026-01-01T02:00:00Z')", database)
    asked = d.call("db", "refresh", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z", "timescale")
    assert asked.returncode == 0, asked.stderr
    for words, told in ((["2026-01-01T01:00:00Z", "2026-01-01T00:00:00Z"], "TO must be after FROM"),
                        (["yesterday", "2026-01-01T00:00:00Z"], "is not a time like")):
        wrong = d.call("db", "refresh", *words)
        assert wrong.returncode == 1 and told in wrong.stderr


def told(d):
    """All that a daemon with this configuration says, until it is known that it does not work."""
    answers = [d.call(*words) for words in (("check",), ("config", "dump"), ("config", "explain"),
                                            ("db", "status"), ("db", "migrate"))]
    return "".join(answer.stdout + answer.stderr for answer in answers)


@stops_it
def test_a_password_is_never_shown(daemon, server, database):
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
def test_a_password_that_is_not_escaped_is_not_shown(daemon, server, database, option, conninfo):
    given = {"conninfo": server.conninfo(database), option: conninfo}
    d = daemon(f"reader_conninfo = {given.get('reader_conninfo', given['conninfo'])}",
               given["conninfo"])
    d.start(ready=None)
    assert d.process.wait(30) == 3  # the configuration is wrong
    d.process = None
    assert f"[output.timescale] {option} is not valid" in d.log and "%25, %2F, %3F and %40" in d.log
    assert "xyzzy" not in d.log + told(d)


REPLAY = """
[input.replay]
file = {dir}/rows
interval = 100ms
"""


class Roles:
    """Those of docs/timescale.md, each database its own, by the script that it names."""

    def __init__(self, server, database):
        self.server, self.database = server, database
        self.names = {part: f"{database}_{part}" for part in ("migrator", "writer", "reader")}

    def make(self):
        """The passwords are the tests' own matter."""
        run_script(self.server.conninfo(self.database), ROLES, **self.names)
        for name in self.names.values():
            self.server.sql(f"alter role {name} password 'secret'")

    def drop(self):
        # One by one: PostgreSQL trips over defaults of one for another that goes, too.
        for name in reversed(self.names.values()):
            self.server.sql(f"drop owned by {name} cascade", self.database)
            self.server.sql(f"drop role {name}")

    def conninfo(self, part):
        return as_user(self.server.conninfo(self.database), self.names[part], "secret")

    def refuses(self, part, text):
        """What the server says to that; None: it does it."""
        answer = subprocess.run(["psql", "-X", "-d", self.conninfo(part), "-c", text], check=False,
                                capture_output=True, text=True)
        return answer.stderr if answer.returncode else None


@pytest.mark.parametrize("wrong", ["schema = Bad-Name", "reader_conninfo = host=x dbname=y zz"])
def test_a_wrong_configuration_leaves_the_store_running(daemon, server, database, wrong):
    d = daemon().start()
    d.wait(lambda: stored(server, database)[0] >= 10, "rows are stored")
    d.configure(into_timescale(server.conninfo(database), wrong))
    assert d.call("check").returncode == 3
    d.hup()
    d.says("not reloaded, 1 problems; the old configuration stays in effect")
    before = stored(server, database)[0]
    d.wait(lambda: stored(server, database)[0] >= before + 10, "it goes on")
    finish(d, server, database)


@pytest.fixture
def roles(server, database):
    made = Roles(server, database)
    if "timescaledb" in server.sql("show shared_preload_libraries")[0][0]:
        server.sql("create extension timescaledb", database)  # which is not the migrator's right
    made.make()
    yield made
    made.drop()


@pytest.fixture
def migrated(daemon, roles):
    """The roles, when there are tables."""
    d = daemon("maintenance = no", roles.conninfo("migrator"))
    answer = d.call("db", "migrate")
    assert answer.returncode == 0, answer.stderr
    roles.make()  # again, as after every migration
    return roles


@pytest.fixture
def writer(daemon, migrated):
    return daemon(f"migrate = check\nmaintenance = no\nreader_conninfo = {migrated.conninfo('reader')}",
                  migrated.conninfo("writer"))


def test_who_only_writes_and_who_only_reads_can_do_that(writer, server, database):
    d = writer.start()
    d.wait(lambda: stored(server, database)[0] >= 30, "rows are stored")
    assert len(d.json("/api/v1/tables/counter?limit=5")["data"]) == 5
    assert "all migrations applied" in d.call("db", "status").stdout
    finish(d, server, database)


def test_rows_of_a_table_that_comes_later_are_written(daemon, migrated, server, database):
    """Also of one that keeps the newest of a thing, and of old days: on plain PostgreSQL those need
    partitions."""
    config = into_timescale(migrated.conninfo("writer"), "migrate = check\nmaintenance = no") + REPLAY
    d = daemon()
    d.configure(into_timescale(migrated.conninfo("migrator")) + REPLAY)
    (d.dir / "rows").touch()
    assert d.call("db", "migrate").returncode == 0
    d.configure(config)
    now, day = time.time_ns() // 1000 * 1000, 86400 * 10**9

    def emit(table, *rows):
        with open(d.dir / "rows", "a", encoding="utf-8") as file:
            file.write(json.dumps({"table": table, "rows": rows}) + "\n")

    def place(n):
        return [["here", str(n)]] == server.sql(
            "select place, max(drops) from weather group by place", database)

    emit("weather", *([now - age * day, "here", 1.5, age, True, None] for age in range(6)))
    emit("container_info", [now, "alpha", "1" * 64, "web", "nginx", None, "running"])
    d.start()
    d.wait(lambda: place(5), "rows are stored")
    migrated.make()  # narrower, and still enough
    emit("weather", [now + 1000, "here", 1.5, 7, True, None])
    emit("container_info", [now + 1000, "alpha", "1" * 64, "web", "nginx", None, "exited"])
    d.wait(lambda: place(7), "rows are stored")
    d.wait(lambda: server.sql("select state from container_info", database) == [["exited"]],
           "the newest is stored")
    d.balanced()
    d.stop()


def by_day(server, database, table, days):
    """As a tallyd before partitions of 30 days left it: a row and a partition or chunk for each day."""
    rows = f"tally.{table}_rows"
    server.sql("drop function tally.partitions_of, tally.whole_before, tally.partition_by_days; "
               "drop table tally.partitioning; delete from tally.migrations where version >= 17", database)
    run_script(server.conninfo(database), ROOT / "sql/timescale/0007_partitions_bound.sql")
    if mode(server, database) == "plain":
        for (part,) in server.sql(f"select inhrelid::regclass from pg_inherits where inhparent = '{rows}'::regclass",
                                  database):
            server.sql(f"drop table {part}", database)
        server.sql(f"select tally.make_partitions('{table}_rows', now() - interval '{days} days', "
                   "now() + interval '2 days')", database)
    else:
        server.sql(f"select set_chunk_time_interval('{rows}', interval '1 day')", database)
    server.sql(f"insert into tally.{table}_series values (1, sha256('old'), 'ann'); insert into {rows} (_series, time, "
               f"number, text) select 1, now() - n * interval '1 day', n, 'old' from generate_series(0, {days}) n",
               database)


def test_partitions_of_a_day_are_gone_on_from_after_an_upgrade(daemon, server, database):
    """No row is lost, late ones find room between and before them, and what comes next is wider."""
    d = daemon()
    d.configure(into_timescale(server.conninfo(database)) + "max_query_range_days = 500\n" + REPLAY)
    (d.dir / "rows").touch()
    assert d.call("db", "migrate").returncode == 0
    by_day(server, database, "notes", 50)
    now, day = time.time_ns() // 1000 * 1000, 86400 * 10**9

    def come_late(total, *ages):
        with open(d.dir / "rows", "a", encoding="utf-8") as file:
            rows = [[now - age * day - day // 2, "ann", 1000 + age, "late"] for age in ages]
            file.write(json.dumps({"table": "notes", "rows": rows}) + "\n")
        d.wait(lambda: server.sql("select count(*) from notes", database) == [[str(total)]], "rows are stored")

    d.start()
    come_late(51 + 3, 0, 1, 51)
    d.wait(lambda: server.sql("select days from tally.partitioning where relation = 'notes_rows'", database) == [["30"]],
           "it is maintained", 60)
    come_late(51 + 8, 20, 60, 90, 250, 390)
    ranges = "tally.partitions_of('notes_rows')"
    if mode(server, database) != "plain":
        ranges = "(select range_start as lower, range_end as upper from timescaledb_information.chunks " \
                 "where hypertable_name = 'notes_rows')"
    else:
        server.sql("select tally.make_partitions('notes_rows', now(), now() + interval '90 days')", database)
        assert server.sql(f"select max(upper) - now() > interval '90 days' from {ranges} p", database) == [["t"]]
    overlap, widest, parts = server.sql(
        f"select coalesce(bool_or(before > lower), false), max(upper - lower), count(*) from (select *, max(upper) over "
        f"(order by lower rows between unbounded preceding and 1 preceding) as before from {ranges} p) p", database)[0]
    assert (overlap, widest) == ("f", "30 days") and int(parts) < 51 + 3 + 6 + 5
    assert len(d.json("/api/v1/tables/notes?from=now-400d&limit=1000")["data"]) == 51 + 8
    assert "all migrations applied" in d.call("db", "status").stdout
    d.balanced()
    d.stop()


def test_no_role_can_do_more_than_its_part(migrated, server, database):
    ours = server.sql("select format('tally.%I', relname) from pg_class where relnamespace = "
                      "'tally'::regnamespace and relkind in ('r', 'p')", database)
    may = {"tally.ledger": "insert update", "tally.ledger_ahead": "insert delete",
           "tally.late": "insert", "tally.counter_rows": "insert", "tally.counter_series": "insert"}
    for (table,) in ours:
        for part, granted in (("writer", may.get(table, "")), ("reader", "")):
            assert migrated.refuses(part, f"select from {table} limit 1") is None
            for what in ("insert", "update", "delete", "truncate", "references", "trigger"):
                has = server.sql(f"select has_table_privilege('{migrated.names[part]}', '{table}', "
                                 f"'{what}')", database)
                assert has == [["t" if what in granted.split() else "f"]], (part, table, what)
    for part, text, why in (
            ("reader", "select tally.ledger_advance('x', 1, 1)", "permission denied"),
            ("reader", "select tally.make_partitions('counter_rows', now(), now())", "permission denied"),
            ("reader", "create table tally.mine (n int)", "permission denied"),
            ("reader", "create view public.mine as select 1", "permission denied"),
            ("writer", "delete from tally.migrations", "permission denied"),
            ("writer", "update tally.generation set series = 1", "permission denied"),
            ("writer", "update tally.marks set rolled_to = null", "permission denied"),
            ("writer", "update tally.clock set trusted = 'infinity'", "permission denied"),
            ("writer", "delete from tally.counter_rows", "permission denied"),
            ("writer", "select tally.drop_partitions('counter_rows', now())", "permission denied"),
            ("writer", "select tally.make_partitions('counter_rows', '-infinity', now())", "no partitions"),
            ("writer", "insert into tally.partitioning values ('counter_rows', 300)", "permission denied"),
            ("writer", "select tally.partition_by_days('counter_rows', 300, 300)", "permission denied"),
            ("reader", "select tally.whole_before('counter_rows', now())", "permission denied"),
            ("writer", "drop table tally.counter_rows", "must be owner"),
            ("writer", "alter table tally.counter_rows add mine int", "must be owner"),
            ("writer", "create table tally.mine (n int)", "permission denied"),
            ("writer", "create view public.mine as select 1", "permission denied")):
        refused = migrated.refuses(part, text)
        assert refused and why in refused, (text, refused)
    shown = server.sql(f"select rolconfig from pg_roles where rolname = '{migrated.names['reader']}'")
    assert shown == [["{statement_timeout=30s}"]]


def test_a_daemon_that_may_not_maintain_leaves_it_to_one_that_may(daemon, migrated, server, database):
    wrong = daemon("migrate = check", migrated.conninfo("writer")).start()
    wrong.wait(lambda: wrong.metric("tallyd_timescale_upkeep_errors_total") >= 1, "it fails", 60)
    right = daemon("", migrated.conninfo("migrator")).start()
    right.wait(lambda: right.metric("tallyd_timescale_upkeep_success_time_seconds") > 0, "it maintains", 60)
    assert right.metric("tallyd_timescale_leader") == 1
    assert wrong.metric("tallyd_timescale_leader") == 0
    assert "permission denied for table clock" in wrong.log
    right.stop()
    wrong.stop()

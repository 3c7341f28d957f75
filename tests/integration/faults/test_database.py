"""What a PostgreSQL can do to a daemon that writes to it, through a spool: after each fault all that
the input emitted is in the database, once."""

import signal
import subprocess
import tempfile
from contextlib import contextmanager

import pytest

from pg import Postgres, programs
from proof import (API, SQLITE, all_routed, balanced, counter, emitted, in_postgres, in_sqlite, left,
                   rows, spool, timescale)
from proxy import Proxy
from waiting import wait_for

pytest_plugins = ("services",)


@pytest.fixture
def run(tallyd, server, database):
    """run(conninfo, more) starts a daemon that stores in both; .grows() waits for more in PostgreSQL;
    .proven() ends it, with the proof."""

    class Run:
        def __init__(self, conninfo=None, more="", where=None):
            self.server, self.database = where or server, "postgres" if where else database
            self.conninfo = conninfo or self.server.conninfo(self.database)
            self.d = tallyd(self.text(self.conninfo, more)).start()

        @staticmethod
        def text(conninfo, more=""):
            return counter() + spool() + SQLITE + timescale(conninfo, more) + API

        def stored(self):
            return rows(in_postgres(self.server, self.database))

        def waits(self, n=300):
            self.d.wait(lambda: self.d.metric("tallyd_rows_waiting", output="output.timescale") >= n,
                        "rows wait")

        def grows(self):
            before = self.stored()
            self.d.wait(lambda: self.stored() >= before + 100, "rows are stored", 90)

        def errors(self):
            return self.d.metric("tallyd_write_errors_total", output="output.timescale")

        def fails(self):
            before = self.errors()
            self.d.wait(lambda: self.errors() > before, "a write fails", 60)

        def proven(self):
            all_routed(self.d, "output.timescale", "output.sqlite")
            balanced(self.d)
            self.d.stop(60)
            assert left(self.d) == 0
            assert in_postgres(self.server, self.database) == in_sqlite(self.d) == emitted(self.d)

    return Run


def test_stopped_started_restarted_and_crashed(run, server):
    story = run()
    story.grows()
    for how in (signal.SIGINT, signal.SIGQUIT):
        server.stop(how)
        before = rows(in_sqlite(story.d))
        story.waits()
        # A dead output delays no other, although both read from one buffer.
        story.d.wait(lambda: rows(in_sqlite(story.d)) > before + 100, "SQLite goes on")
        balanced(story.d)
        server.start()
        story.grows()
    story.proven()


@pytest.fixture
def proxy(server):
    with tempfile.TemporaryDirectory(prefix="tallyd-") as folder:
        made = Proxy(folder, server)
        yield made
        made.close()


@pytest.mark.parametrize("mode", ["cut", "deaf"])
def test_connections_that_are_cut_in_the_middle_of_a_transaction(run, proxy, database, mode):
    story = run(proxy.conninfo(database))
    story.grows()
    for _ in range(5):
        before = proxy.cuts
        proxy.mode = mode
        story.d.wait(lambda: proxy.cuts > before, "a connection is cut", 60)
        balanced(story.d)
        proxy.mode = "pass"
        story.grows()
    story.proven()


def test_a_database_that_stops_responding_is_given_up_in_time(run, proxy, database):
    story = run(proxy.conninfo(database), "timeout = 1s")
    story.grows()
    proxy.mode = "silent"
    story.fails()
    balanced(story.d)
    proxy.mode = "pass"
    story.grows()
    story.proven()


def test_a_read_only_database_gets_it_all_when_it_may_write_again(run, server):
    story = run()
    story.grows()
    server.sql("alter system set default_transaction_read_only = on")
    server.sql("select pg_reload_conf()")
    story.fails()
    story.waits()
    balanced(story.d)
    server.sql("alter system reset default_transaction_read_only")
    server.sql("select pg_reload_conf()")
    story.grows()
    story.proven()


@contextmanager
def crowd(server, database, role):
    """Others who take every connection that the server has."""
    held = []
    try:
        while True:
            psql = subprocess.Popen(
                [str(programs() / "psql"), "-X", "-q", "-A", "-t", "-d",
                 server.conninfo(database).replace("user=tally", f"user={role}")],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            held.append(psql)
            psql.stdin.write("select 'in';\n")
            psql.stdin.flush()
            if psql.stdout.readline() != "in\n":
                break
        yield
    finally:
        for psql in held:
            psql.kill()
            psql.communicate()


def test_a_server_without_a_connection_to_spare(run):
    small = Postgres(max_connections="6", superuser_reserved_connections="2")
    small.start()
    try:
        small.sql("create role writer login; grant all on database postgres to writer;"
                  "grant all on schema public to writer")
        story = run(small.conninfo().replace("user=tally", "user=writer"), "readers = 1", small)
        story.grows()
        small.sql("alter role writer nologin; select pg_terminate_backend(pid) from pg_stat_activity "
                  "where usename = 'writer'")
        wait_for(lambda: small.sql("select count(*) from pg_stat_activity where usename = 'writer'")
                 == [["0"]], 30)
        small.sql("create role crowd login")
        with crowd(small, "postgres", "crowd"):
            small.sql("alter role writer login")
            story.d.says("too many clients", 60) if "too many clients" in small.log else None
            story.fails()
            story.waits()
            balanced(story.d)
        story.grows()
        story.proven()
    finally:
        small.leave()


@pytest.fixture
def passwords(server, database):
    """A role `clerk` whose password the server wants to have."""
    server.sql(f"create role clerk login password 'right'; grant all on database {database} to clerk")
    server.sql("grant all on schema public to clerk", database)
    hba = server.data / "pg_hba.conf"
    before = hba.read_text()
    hba.write_text("local all clerk scram-sha-256\n" + before)
    server.sql("select pg_reload_conf()")
    yield lambda password: server.conninfo(database).replace("user=tally", "user=clerk "
                                                             f"password={password}")
    hba.write_text(before)
    server.sql("select pg_reload_conf()")
    server.sql("drop owned by clerk cascade", database)
    server.sql(f"revoke all on database {database} from clerk; drop role clerk")


def test_a_wrong_password_and_then_the_right_one(run, passwords, server):
    story = run(passwords("wrong"))
    story.d.says("password authentication failed")
    story.waits()
    story.d.configure(story.text(passwords("right")))
    story.d.hup()
    story.grows()
    # It changes in the server: who is in stays in, who comes back must know it.
    server.sql("alter role clerk password 'other'; select pg_terminate_backend(pid) from "
               "pg_stat_activity where usename = 'clerk'")
    story.fails()
    balanced(story.d)
    server.sql("alter role clerk password 'right'")
    story.grows()
    all_routed(story.d, "output.timescale", "output.sqlite")
    balanced(story.d)
    story.d.stop(60)
    assert left(story.d) == 0
    found = rows(in_sqlite(story.d))
    assert int(server.sql("select count(distinct n) from counter", story.database)[0][0]) == found


def test_a_password_that_was_changed_in_its_file_is_used_without_a_reload(tallyd, passwords, server,
                                                                          database, tmp_path):
    secret = tmp_path / "conninfo"
    secret.write_text(passwords("right"))
    api = API.replace("store = sqlite", "store = timescale")
    section = timescale("").replace("conninfo = ", f"conninfo_file = {secret}")
    d = tallyd(counter() + spool() + SQLITE + section + api).start(ready="/readyz")

    def grows():
        before = rows(in_postgres(server, database))
        d.wait(lambda: rows(in_postgres(server, database)) > before + 100, "rows are stored", 90)

    def change(password):
        server.sql(f"alter role clerk password '{password}'; select pg_terminate_backend(pid) from "
                   "pg_stat_activity where usename = 'clerk'")

    grows()
    change("fresh")
    # Behind the lost connection, and not a minute later.
    d.says("password authentication failed")
    line = next(x for x in d.log.splitlines() if "output.timescale" in x and "cannot write" in x
                and "password authentication failed" in x)
    assert "fresh" not in line and "right" not in line
    d.wait(lambda: "cannot be reached" in d.get("/readyz").json.get("detail", ""), "/readyz says why")
    d.says("output.http_api: the store does not answer: ")
    secret.with_name("new").write_text(passwords("fresh"))
    secret.with_name("new").rename(secret)
    grows()
    d.wait(lambda: d.get("/readyz").status == 200
           and "output.http_api: the store answers again, after " in d.log, "ready again, and told")
    secret.rename(secret.with_name("away"))
    change("fresh")
    d.says("conninfo_file: ")
    d.says("using the value read before")
    secret.with_name("away").rename(secret)
    grows()
    assert "reload" not in d.log
    balanced(d)
    d.stop(60)

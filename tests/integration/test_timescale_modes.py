"""A database whose server gets TimescaleDB when it has tables already, or another edition of it; where
one is installed beside Debian's PostgreSQL.
"""

import itertools
import subprocess

import pytest

from counting import into_timescale
from pg import Postgres

names = (f"db{n}" for n in itertools.count())
LOADED = {"shared_preload_libraries": "timescaledb", "timescaledb.telemetry_level": "off"}


@pytest.fixture(scope="module")
def server():
    made = Postgres(shared_preload_libraries="")
    made.start()
    yield made
    made.leave()


@pytest.fixture
def serve(server):
    """serve(name=value …) starts the server anew with these settings."""
    before = dict(server.settings)

    def again(**settings):
        server.stop()
        server.settings = {**before, **settings}
        server.start()

    yield again
    again()


@pytest.fixture
def database(server):
    return server.create(next(names))


@pytest.fixture
def daemon(tallyd, server, database):
    def make(extra="", conninfo=None):
        return tallyd(into_timescale(conninfo or server.conninfo(database), extra))

    return make


def stored(server, database):
    return int(server.sql("select count(*) from counter", database)[0][0])


def extensions(server, database):
    return server.sql("select count(*) from pg_extension where extname = 'timescaledb'", database) != [["0"]]


def writes_on(d, server, database):
    """Started again, it stores more; then it is stopped."""
    before = stored(server, database)
    d.start()
    d.wait(lambda: stored(server, database) >= before + 30, "it goes on", 60)
    d.stop()


def test_a_database_with_tables_is_given_no_extension(daemon, server, database, serve):
    d = daemon()
    assert d.call("db", "migrate").returncode == 0
    serve(**LOADED)
    writes_on(d, server, database)
    assert not extensions(server, database)
    assert "mode plain" in d.call("db", "status").stdout


def test_an_extension_that_somebody_creates_later_changes_no_table(daemon, server, database, serve):
    d = daemon()
    assert d.call("db", "migrate").returncode == 0
    writes_on(d, server, database)
    serve(**LOADED)
    server.sql("create extension timescaledb", database)
    server.sql("select tally.drop_partitions('counter_rows', now() + interval '9 days')", database)
    writes_on(d, server, database)
    assert "still native partitions, not compressed: counter" in d.log


def test_a_new_database_gets_the_extension_or_the_log_says_who_may_create_it(daemon, server, database, serve):
    serve(**LOADED)
    other = server.create(next(names))
    server.sql("create role poor login")
    server.sql("grant create on schema public to poor; create schema tally authorization poor", other)
    assert daemon().call("db", "migrate").returncode == 0
    assert extensions(server, database)
    poor = daemon(conninfo=server.conninfo(other).replace("user=tally", "user=poor"))
    poor.start(ready=None)
    poor.says("have a superuser run CREATE EXTENSION timescaledb")
    poor.stop()
    assert not extensions(server, other)


def test_a_server_that_does_not_load_its_extension_is_not_written_to(daemon, server, database, serve):
    serve(**LOADED)
    d = daemon()
    assert d.call("db", "migrate").returncode == 0
    writes_on(d, server, database)
    before = stored(server, database)
    serve()
    d.start(ready="cannot start")
    d.says("add timescaledb to its shared_preload_libraries")
    d.wait(lambda: d.metric("tallyd_rows_waiting") >= 30, "rows wait")
    serve(**LOADED)
    d.wait(lambda: stored(server, database) >= before + 60, "rows are stored", 60)
    d.stop()


def test_partitions_are_moved_into_hypertables(daemon, server, database, serve, tmp_path):
    """As docs/timescale.md says."""
    d = daemon()
    assert d.call("db", "migrate").returncode == 0
    writes_on(d, server, database)
    serve(**LOADED)
    new = server.create(next(names))
    moved = daemon(conninfo=server.conninfo(new))
    assert moved.call("db", "migrate").returncode == 0
    server.sql("truncate tally.generation, tally.tables, tally.columns, tally.partitioning", new)
    for words in (["pg_dump", "-Fc", "--data-only", "--load-via-partition-root", "-n", "tally", "-T",
                   "tally.migrations", "-f", tmp_path / "dump", "-d", server.conninfo(database)],
                  ["pg_restore", "--single-transaction", "--exit-on-error", "-d", server.conninfo(new),
                   tmp_path / "dump"]):
        subprocess.run(words, check=True)
    assert stored(server, new) == stored(server, database)
    assert server.sql("select hypertable_name from timescaledb_information.hypertables", new) == [["counter_rows"]]
    d.configure(into_timescale(server.conninfo(new)))
    writes_on(d, server, new)


def test_another_licence_says_what_it_cannot_read(daemon, server, database, serve):
    serve(**LOADED)
    d = daemon()
    assert d.call("db", "migrate").returncode == 0
    writes_on(d, server, database)
    server.sql("select compress_chunk(c) from show_chunks('tally.counter_rows') c", database)
    serve(**LOADED, **{"timescaledb.license": "apache"})
    d.start(ready=None)
    d.says("chunks are compressed, which TimescaleDB's Apache edition cannot read")
    serve(**LOADED)
    before = stored(server, database)
    d.wait(lambda: stored(server, database) >= before + 60, "rows are stored", 60)
    d.stop()
    server.sql("select decompress_chunk(c, true) from show_chunks('tally.counter_rows') c", database)
    serve(**LOADED, **{"timescaledb.license": "apache"})
    writes_on(d, server, database)
    assert d.log.count("chunks are compressed") == 1

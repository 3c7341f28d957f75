"""Hosts whose clock is wrong, by libfaketime, beside a database whose clock is right: nothing is
deleted, and they say so.  How rollups and watermarks get over it takes minutes of the clock, so that is
in tests/unit/test_timescale_clock.c and test_sqlite_clock.c."""

import glob

import pytest

from daemon import build_dir
from proof import API, SQLITE, counter, in_sqlite, left, rows, spool, timescale

pytest_plugins = ("services",)
DAYS = 10
OFF = DAYS * 86400
LIBRARY = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")


@pytest.fixture
def host(tmp_path):
    """host(name) has a clock of its own: .binary runs a daemon there, .set("+10d") sets it."""

    class Host:
        def __init__(self, name):
            self.file = tmp_path / f"clock-{name}"
            self.binary = tmp_path / f"tallyd-{name}"
            self.set("+0")
            # A sanitizer wants to be the first library of all; it need not be.
            self.binary.write_text(
                f"""#!/bin/sh
export ASAN_OPTIONS="$ASAN_OPTIONS:verify_asan_link_order=0"
export FAKETIME_TIMESTAMP_FILE={self.file} FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1
export LD_PRELOAD={LIBRARY[0]}
exec {build_dir()}/bin/tallyd "$@"
""")
            self.binary.chmod(0o755)

        def set(self, to):
            new = self.file.with_suffix(".new")
            new.write_text(to)
            new.rename(self.file)

    return Host


def stored(server, database, where="true"):
    return int(server.sql(f"select count(*) from counter where {where}", database)[0][0])


# Written by the right clock.
BEFORE = "time < now() + interval '1 hour'"


def ahead(d):
    return d.metric("tallyd_timescale_clock_offset_seconds")


def test_a_host_that_is_ten_days_ahead_deletes_nothing_and_says_so(tallyd, server, database, host):
    """a collects, into a file and a database; b, without inputs, only looks after that database."""
    a_host, b_host = host("a"), host("b")
    conninfo = server.conninfo(database)
    a = tallyd(counter(rows=5) + spool() + SQLITE + timescale(conninfo) + API,
               binary=a_host.binary).start()
    a.wait(lambda: stored(server, database) > 50 and rows(in_sqlite(a)) > 50, "rows are stored")
    b_host.set(f"+{DAYS}d")
    b = tallyd(f"[output.timescale]\nconninfo = {conninfo}\ntables = !*\n" +
               API.replace("sqlite", "timescale"), binary=b_host.binary).start()
    a_host.set(f"+{DAYS}d")
    a.wait(lambda: "more than a day ahead of the database's clock" in a.log, "rows are refused")
    before = stored(server, database, BEFORE), rows(in_sqlite(a))

    # Both have come by as maintainers; then SQLite's maintenance was done as well.
    b.wait(lambda: int(server.sql("select count(*) from pg_stat_activity where application_name = "
                                  f"'tallyd upkeep' and datname = '{database}'")[0][0]) == 2,
           "both have looked", 60)
    a.wait(lambda: a.metric("tallyd_sqlite_retention_held_seconds") > OFF - 60, "it is held back",
           60)
    assert stored(server, database, BEFORE) == before[0]
    assert rows(in_sqlite(a)) >= before[1]
    assert a.metric("tallyd_rows_deleted_total", reason="retention") == 0
    for d in (a, b):
        assert abs(ahead(d) - OFF) < 5
        assert d.metric("tallyd_timescale_leader") == 0
        assert d.metric("tallyd_timescale_rollup_lag_seconds") == 0
        assert f"this host's clock is {OFF}" in d.log or f"this host's clock is {OFF - 1}" in d.log
        assert "ahead of the database's, so it does no maintenance" in d.json("/readyz")["clock"]
    assert "output.sqlite: the clock jumped ahead" in a.json("/readyz")["clock"]

    status = a.call("db", "status")
    assert status.returncode == 4, status.stdout + status.stderr
    assert "! this host's clock is 86" in status.stdout
    assert "deleted 86" in status.stdout and "db confirm-clock" in status.stdout

    a_host.set("+0")
    b.stop()
    a.wait(lambda: a.metric("tallyd_timescale_leader") == 1 and
           a.metric("tallyd_sqlite_retention_held_seconds") == 0, "all is well again", 60)
    assert a.json("/readyz")["clock"] == "ok"
    assert stored(server, database, BEFORE) > before[0]
    status = a.call("db", "status")
    assert status.returncode == 0, status.stdout + status.stderr
    a.stop()
    assert left(a) == 0

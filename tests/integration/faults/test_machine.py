"""What the machine does: the clock is set, there are no descriptors any more.  Full disks are in
test_garbage_and_disks.py and, under a spool, in test_spool.py."""

import os
import resource
import struct

import pytest

from conftest import sections
from daemon import build_dir
from proof import (API, SQLITE, all_routed, balanced, counter, emitted, in_postgres, in_sqlite, left,
                   rows, spool, timescale)
from test_daemon import collecting

pytest_plugins = ("services",)
HOUR = 3600 * 10**9


@pytest.fixture
def clock(tmp_path):
    """clock(ns) sets a daemon's clock so far from the true one; clock.binary is what runs that daemon."""
    file = tmp_path / "clock"
    file.write_bytes(bytes(8))

    def step(ns):
        with open(file, "r+b", buffering=0) as out:
            out.write(struct.pack("q", ns))

    step.binary = tmp_path / "tallyd"
    # A sanitizer wants to be the first library of all; it need not be.
    step.binary.write_text(
        f"""#!/bin/sh
export ASAN_OPTIONS="$ASAN_OPTIONS:verify_asan_link_order=0" TALLYD_TEST_CLOCK={file}
export LD_PRELOAD={build_dir()}/tests/plugins/clock_shim.so
exec {build_dir()}/bin/tallyd "$@"
""")
    step.binary.chmod(0o755)
    return step


# PostgreSQL's output refuses what lies more than a day ahead of the clock as it is then.
STEPS = [HOUR, -HOUR, 11 * HOUR, -11 * HOUR, 0]


def test_a_clock_that_is_set_changes_nothing_but_times(tallyd, server, database, clock):
    d = tallyd(counter() + spool() + SQLITE + timescale(server.conninfo(database)) + API,
               binary=clock.binary).start()
    for ns in STEPS:
        clock(ns)
        before = rows(in_sqlite(d)), rows(in_postgres(server, database))
        d.wait(lambda: rows(in_sqlite(d)) > before[0] + 100, "SQLite goes on")
        d.wait(lambda: rows(in_postgres(server, database)) > before[1] + 100, "PostgreSQL goes on", 60)
        balanced(d)
    # The steps were taken.
    assert d.sql("select max(time) - min(time) from counter")[0][0] > 20 * HOUR
    all_routed(d, "output.sqlite", "output.timescale")
    d.stop()
    assert left(d) == 0
    assert in_sqlite(d) == in_postgres(server, database) == emitted(d)


def test_a_clock_that_is_set_keeps_polls_and_answers_going(tallyd, fake_engine, clock):
    d = tallyd(sections(fake_engine.endpoint, "1s"), binary=clock.binary).start()
    for ns in STEPS:
        clock(ns)
        collecting(d)
        assert d.get("/readyz").status in (200, 503)  # by the age of what is newest
        assert d.get("/api/v1/containers").status == 200
        balanced(d)
    d.stop()


def limit(d, n):
    """Of descriptors; returns what it was."""
    return resource.prlimit(d.process.pid, resource.RLIMIT_NOFILE, n)


def test_without_descriptors_it_waits_and_goes_on_when_there_are_some(tallyd, server, database,
                                                                     fake_engine):
    d = tallyd(counter() + spool() + SQLITE + timescale(server.conninfo(database)) + API +
               f"[input.docker_stats]\ninterval = 1s\nendpoint = {fake_engine.endpoint}\n").start()
    d.wait(lambda: rows(in_postgres(server, database)) > 100, "rows are stored")
    collecting(d)
    mark = len(d.log)
    before = limit(d, (3, resource.prlimit(d.process.pid, resource.RLIMIT_NOFILE)[1]))
    # Whatever it opens anew now fails: a session, an engine's connection, a configuration, a client's.
    server.sql("select pg_terminate_backend(pid) from pg_stat_activity where "
               f"datname = '{database}' and pid <> pg_backend_pid()")
    d.hup()
    d.says("oo many open files", 60, mark)
    os.kill(d.process.pid, 0)
    limit(d, before)
    d.wait(lambda: d.get("/healthz").status == 200, "the API answers again", 60)
    stored = rows(in_postgres(server, database))
    d.wait(lambda: rows(in_postgres(server, database)) > stored + 100, "PostgreSQL goes on", 60)
    collecting(d)
    balanced(d)
    all_routed(d, "output.sqlite", "output.timescale")
    d.stop()
    assert left(d) == 0
    found = {"input.counter": in_sqlite(d)["input.counter"]}
    assert found == in_postgres(server, database) == emitted(d)

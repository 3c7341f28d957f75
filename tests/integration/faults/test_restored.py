"""Stores that are behind what they had confirmed: restored from a copy, failed over to a server that
had not got everything, a file put back.  And spools that are damaged or gone between two lives."""

import os
import shutil
import signal
import subprocess

import pytest

from pg import Postgres
from proof import (API, SQLITE, balanced, counter, emitted, in_postgres, in_sqlite, left, rows, spool,
                   timescale)
from waiting import wait_for

pytest_plugins = ("services",)
KEEP = "keep = 1h"


@pytest.fixture
def replica(server):
    replica = Postgres(server).start()
    yield replica
    replica.leave()


def stored(server, database):
    return rows(in_postgres(server, database))


def counted(d, name, output="output.timescale"):
    return d.metric(name, output=output)


def all_there(d, server, database):
    """Stops it; each number that was emitted is in the database, once."""
    d.wait(lambda: counted(d, "tallyd_rows_waiting") < 200, "it catches up", 60)
    balanced(d)
    d.stop(60)
    assert left(d) == 0
    assert in_postgres(server, database) == emitted(d)


def put_back(server, copy):
    server.stop(signal.SIGINT)
    shutil.rmtree(server.data)
    shutil.copytree(copy, server.data, symlinks=True)
    subprocess.run(["chown", "-R", str(server.user.pw_uid), str(server.data)], check=True)
    os.chmod(server.data, 0o700)
    server.start()


def copied(server):
    """A copy of its files, made while it is stopped."""
    copy = server.folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    server.stop(signal.SIGINT)
    shutil.copytree(server.data, copy, symlinks=True)
    server.start()
    return copy


@pytest.mark.parametrize("connections", [1, 4])
def test_a_database_restored_from_a_copy_gets_what_it_lost_again(tallyd, server, database,
                                                                  connections):
    d = tallyd(counter() + spool(KEEP) + SQLITE + API +
               timescale(server.conninfo(database), f"connections = {connections}")).start()
    d.wait(lambda: stored(server, database) > 200, "rows are stored", 60)
    copy = copied(server)
    before = stored(server, database)
    d.wait(lambda: stored(server, database) > before + 300, "more is stored", 60)
    server.stop(signal.SIGINT)
    put_back(server, copy)
    d.says("the store lacks rows that it had confirmed", 60)
    d.wait(lambda: counted(d, "tallyd_rows_offered_again_total") > 250, "it is offered again", 60)
    assert counted(d, "tallyd_rows_lost_total") == 0
    all_there(d, server, database)


def test_what_is_not_kept_is_logged_and_counted_to_the_row(tallyd, server, database):
    d = tallyd(counter() + spool("keep = 0s") + timescale(server.conninfo(database)) + SQLITE +
               API).start()
    d.wait(lambda: stored(server, database) > 200, "rows are stored", 60)
    copy = copied(server)
    before = stored(server, database)
    d.wait(lambda: stored(server, database) > before + 300, "more is stored", 60)
    (d.dir / "counter.control").write_text("fail")
    d.wait(lambda: counted(d, "tallyd_rows_waiting") == 0, "all is written", 60)
    put_back(server, copy)
    (d.dir / "counter.control").write_text("")
    d.says("the store lacks rows that it had confirmed", 60)
    lost = counted(d, "tallyd_rows_lost_total")
    assert lost > 300
    assert f"{int(lost)} are no longer in the buffer and are lost" in d.log
    d.wait(lambda: counted(d, "tallyd_rows_waiting") < 100, "it goes on", 60)
    balanced(d)
    d.stop(60)
    (everything,) = emitted(d).values()
    assert stored(server, database) == everything[0] - lost
    assert left(d) == 0


def test_a_failover_to_a_replica_that_is_behind_is_made_up_for(tallyd, server, database, replica):
    hosts = f"host={server.folder},{replica.folder} port={server.port},{replica.port}"
    d = tallyd(counter() + spool(KEEP)
               + timescale(f"{hosts} user=tally dbname={database} target_session_attrs=read-write")
               + SQLITE + API).start()
    d.wait(lambda: stored(replica, database) > 200, "rows are stored", 60)
    replica.stop(signal.SIGINT)
    before = stored(server, database)
    d.wait(lambda: stored(server, database) > before + 300, "more is stored", 60)
    server.stop(signal.SIGQUIT)
    replica.start()
    replica.sql("select pg_promote()")
    d.says("the store lacks rows that it had confirmed", 60)
    d.wait(lambda: counted(d, "tallyd_rows_offered_again_total") > 250, "it is offered again", 60)
    all_there(d, replica, database)


def test_a_file_put_back_while_it_was_stopped_gets_what_it_lost_again(tallyd):
    d = tallyd(counter() + spool(KEEP) + SQLITE + API).start()
    d.wait(lambda: rows(in_sqlite(d)) > 200, "rows are stored")
    d.stop()
    shutil.copy(d.db_path, d.dir / "backup")
    d.start()
    before = rows(in_sqlite(d))
    d.wait(lambda: rows(in_sqlite(d)) > before + 200, "more is stored")
    d.stop()
    shutil.copy(d.dir / "backup", d.db_path)
    d.start()
    d.says("the store lacks rows that it had confirmed")
    d.wait(lambda: counted(d, "tallyd_rows_offered_again_total", "output.sqlite") > 150,
           "it is offered again")
    balanced(d)
    d.stop()
    assert in_sqlite(d) == emitted(d)


# ---- The spool itself

def damage(d, how):
    path = d.state_dir / "spool-spool"
    log = d.state_dir / "spool-spool-wal"
    if log.exists():
        log.write_bytes(b"garbage" * 1000)
    if how == "truncated":
        os.truncate(path, path.stat().st_size // 2)
    elif how == "header":
        with open(path, "r+b") as file:
            file.write(bytes(100))
    else:
        path.unlink()


@pytest.mark.parametrize("how, end", [("truncated", "stopped"), ("header", "stopped"),
                                      ("gone", "stopped"), ("header", "killed")])
def test_inputs_read_again_what_a_damaged_spool_lost(tallyd, server, database, how, end):
    """Some of it is in the database; the rest waited when the spool was damaged."""
    d = tallyd(counter(rows=100) + spool() + timescale(server.conninfo(database)) + API.replace(
        "store = sqlite", "store = timescale"), globals="drain_timeout = 200ms").start()
    d.wait(lambda: stored(server, database) > 500, "rows are stored", 60)
    server.stop(signal.SIGINT)
    d.wait(lambda: counted(d, "tallyd_rows_waiting") > 1500, "rows wait", 60)
    if end == "killed":
        d.kill9()
    else:
        d.stop()
    damage(d, how)
    mark = len(d.log)
    server.start()
    d.start()
    d.says("and rebuilt", after=mark)
    assert "read again by their inputs, 0 rows in 0 batches are lost" in d.log[mark:]
    d.wait(lambda: stored(server, database) > 2500, "all of it comes", 60)
    all_there(d, server, database)


def test_a_kill_between_a_write_and_its_cursor_is_known_from_the_ledger(tallyd, server, database):
    """Killed while it writes, so that the database may have more than the spool knows."""
    d = tallyd(counter(rows=20) + spool() + timescale(server.conninfo(database)) + API.replace(
        "store = sqlite", "store = timescale"))
    for _ in range(4):
        d.start()
        before = stored(server, database)
        wait_for(lambda b=before: stored(server, database) > b + 200, 60, "rows are stored")
        d.kill9()
        damage(d, "header")
    d.start()
    before = stored(server, database)
    d.wait(lambda: stored(server, database) > before + 200, "rows are stored", 60)
    all_there(d, server, database)

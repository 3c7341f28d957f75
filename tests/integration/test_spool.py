"""What is promised with a spool, to the row: the table in docs/delivery.md.

counter emits 1, 2, 3 … and resumes after the number that it is told is safe.  So a number that is
missing in the store was lost, and one that is there twice was doubled.
"""

import os
import random
import re
import signal
import sqlite3
import subprocess
import time
from contextlib import closing

import pytest

from counting import daemon, numbers, tell, unbroken  # noqa: F401 (a fixture)

API = """
[output.http_api]
listen = 127.0.0.1:{port}
store = sqlite
"""


def sections(buffer="spool", output="sqlite", rows=200, interval="100ms", more=""):
    """counter → buffer → output."""
    return f"""
[input.counter]
interval = {interval}
rows = {rows}
control = {{dir}}/counter.control
[buffer.{buffer}]
batch_timeout = 50ms
{more}
""" + (f"[output.sqlite]\nbuffer = {buffer}\npath = {{db}}\n{API}" if output == "sqlite" else
       f"[output.recorder]\nbuffer = {buffer}\npath = {{dir}}/recorded\n"
       "control = {dir}/recorder.control\n")


def start(daemon):
    return daemon.start(ready="started")


def stored(daemon):
    """Rows, different numbers and the largest one, in SQLite."""
    try:
        return daemon.sql("select count(*), count(distinct n), coalesce(max(n), 0) from counter")[0]
    except sqlite3.OperationalError:
        return 0, 0, 0  # not yet made


def recorded(daemon):
    """As numbers(), of a file in which a kill may have torn lines."""
    path = daemon.dir / "recorded"
    return [int(n) for n in re.findall(r'"n":(\d+),', path.read_text() if path.exists() else "")]


def spool(daemon, query, name="spool-spool"):
    with closing(sqlite3.connect(daemon.state_dir / name)) as db:
        return db.execute(query).fetchall()


def emitted(daemon):
    """What the input has been told is safe; of a daemon that is stopped."""
    return int(spool(daemon, "select position from position")[0][0])


def exact(daemon):
    """Each number that was emitted is stored once, and nothing is left over."""
    assert stored(daemon) == (emitted(daemon),) * 3
    assert spool(daemon, "select count(*) from entry") == [(0,)]


def kill_at_random(daemon, times, ready="started"):
    for _ in range(times):
        daemon.start(ready=ready)
        time.sleep(random.uniform(0, 0.5))  # the instant is the test
        daemon.kill9()


OTHERS = """
[buffer.batch]
[output.recorder]
buffer = batch
tables = container_*
path = {dir}/recorded
"""


@pytest.mark.parametrize("sync", ["normal", "full"])
def test_kill_9_at_any_instant_neither_loses_nor_doubles_a_row(daemon, sync):
    # Another buffer, for other tables, changes nothing.
    d = daemon(sections(more=f"sync = {sync}") + OTHERS)
    kill_at_random(d, 20)
    start(d)
    before = stored(d)[0]
    d.wait(lambda: stored(d)[0] > before + 100, "rows are stored")
    d.balanced()
    d.stop()
    assert stored(d)[0] > 1000
    exact(d)


def test_kill_9_loses_nothing_of_an_output_without_a_ledger(daemon):
    d = daemon(sections(output="recorder"))
    kill_at_random(d, 10)
    start(d)
    before = len(recorded(d))
    d.wait(lambda: len(recorded(d)) > before + 500, "rows are recorded")
    d.stop()
    found = recorded(d)
    assert sorted(set(found)) == list(range(1, emitted(d) + 1))
    # What was written and not yet settled when it was killed comes again: one write a life.
    assert len(found) - len(set(found)) <= 10 * 700


def test_sigterm_keeps_what_a_dead_output_left_and_says_where(daemon):
    d = daemon(sections(output="recorder"), globals="drain_timeout = 500ms")
    tell(d, "recorder", "fail")
    start(d)
    d.wait(lambda: spool_grows(d), "rows wait")
    d.stop()
    assert "they are kept in buffer.spool" in d.log
    assert f"are kept in {d.state_dir}/spool-spool" in d.log
    kept = spool(d, "select sum(rows) from entry")[0][0]
    assert kept == emitted(d) > 0
    tell(d, "recorder", "")
    start(d)
    d.wait(lambda: len(numbers(d)) > kept, "more than was kept is recorded")
    d.stop()
    assert unbroken(numbers(d))
    assert len(numbers(d)) == emitted(d)


def spool_grows(daemon, after=0):
    """Rows wait, by the status: the file is locked, and large from the start."""
    daemon.process.send_signal(signal.SIGUSR1)
    held = re.findall(r"buffer.spool: status: holds (\d+) of", daemon.log[after:])
    return held and int(held[-1]) > 50_000


def test_a_second_sigterm_is_faster_and_loses_nothing(daemon):
    d = daemon(sections(output="recorder"), globals="drain_timeout = 1min")
    tell(d, "recorder", "fail")
    start(d)
    d.wait(lambda: spool_grows(d), "rows wait")
    d.process.terminate()
    d.says("stopping")
    before = time.monotonic()
    d.stop()
    assert time.monotonic() - before < 15
    assert spool(d, "select sum(rows) from entry")[0][0] == emitted(d)


def test_reloading_under_load_neither_loses_nor_doubles_a_row(daemon):
    d = start(daemon(sections()))
    for i in range(6):
        before = stored(d)[0]
        sync = ["full", "normal"][i % 2]
        d.configure(sections(rows=40 + i, more=f"capacity = {64 + 4 * i}Mi\nsync = {sync}"))
        d.hup()
        d.wait(lambda: d.metric("tallyd_buffer_capacity_bytes") == 3 * (64 + 4 * i) << 18,
               "the new capacity")
        d.wait(lambda: stored(d)[0] > before, "rows are stored")
    mark = len(d.log)
    d.configure(sections() + "[output.sqlite:b]\npaht = x\n")
    d.hup()
    d.says("paht", after=mark)
    d.balanced()
    d.stop()
    exact(d)


def test_an_output_that_is_away_costs_nothing(daemon):
    d = daemon(sections(output="recorder"))
    start(d)
    for word in ("fail", "retry", "block"):
        tell(d, "recorder", word)
        before, mark = len(numbers(d)), len(d.log)
        d.wait(lambda m=mark: spool_grows(d, m), f"rows wait while it says {word}")
        tell(d, "recorder", "")
        d.wait(lambda: len(numbers(d)) > before + 100, f"rows come after {word}", 60)
    d.stop()
    found = numbers(d)
    assert unbroken(found)
    assert len(found) == emitted(d)


def test_when_it_is_full_the_inputs_wait_and_nothing_is_lost(daemon):
    d = daemon(sections(output="recorder", rows=1000, more="capacity = 1Mi\nbatch_size = 5000"))
    tell(d, "recorder", "fail")
    start(d)
    d.wait(lambda: (d.state_dir / "spool-spool").stat().st_size > 500_000, "it fills up")
    on_disk = sum(p.stat().st_size for p in d.state_dir.glob("spool-spool*"))
    assert on_disk <= 1 << 20
    tell(d, "recorder", "")
    d.wait(lambda: len(numbers(d)) > 20_000, "rows come", 60)
    d.stop()
    assert unbroken(numbers(d))
    assert len(numbers(d)) == emitted(d)


def test_when_it_is_full_and_on_full_says_so_it_drops_and_counts(daemon):
    text = sections(output="recorder", rows=1000, more="capacity = 1Mi\non_full = drop_oldest")
    d = daemon(text + "[output.sqlite]\nbuffer = batch\ntables = none\npath = {db}\n[buffer.batch]\n"
               + API)
    tell(d, "recorder", "fail")
    start(d)
    d.wait(lambda: d.metric("tallyd_rows_dropped_total", reason="buffer_full") > 3000, "drops")
    d.balanced()
    tell(d, "recorder", "")
    d.wait(lambda: d.metric("tallyd_rows_stored_total", output="output.recorder") > 5000, "stored", 60)
    d.balanced()
    tell(d, "counter", "fail")
    d.wait(lambda: d.metric("tallyd_rows_waiting", output="output.recorder") == 0, "all is written")
    collected = d.metric("tallyd_rows_collected_total", table="counter")
    dropped = d.metric("tallyd_rows_dropped_total", output="output.recorder")
    assert len(set(numbers(d))) == collected - dropped
    d.stop()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 3 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tallyd-test", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_loses_nothing_and_it_goes_on_by_itself(daemon, small_disk):
    d = daemon(sections(more=f"path = {small_disk}/spool"))
    start(d)
    d.wait(lambda: stored(d)[0] > 100, "rows are stored")
    ballast = small_disk / "ballast"
    with open(ballast, "wb", buffering=0) as file:
        with pytest.raises(OSError):
            while True:
                file.write(b"\0" * 4096)
    with closing(sqlite3.connect(d.db_path)) as db:  # else they pass through the room it has
        db.execute("begin immediate")
        d.says("no room in the file system", 90)
        db.rollback()
    d.balanced()
    ballast.unlink()
    before = stored(d)[0]
    d.wait(lambda: stored(d)[0] > before + 200, "rows are stored again", 60)
    d.balanced()
    assert d.metric("tallyd_rows_dropped_total", output="output.sqlite") == 0
    d.stop()
    with closing(sqlite3.connect(small_disk / "spool")) as db:
        position = int(db.execute("select position from position").fetchone()[0])
    assert stored(d) == (position,) * 3


@pytest.mark.parametrize("damage", ["truncated", "garbage"])
def test_a_damaged_spool_is_set_aside_and_the_daemon_runs(daemon, damage):
    d = daemon(sections())
    tell(d, "counter", "")
    start(d)
    d.wait(lambda: stored(d)[0] > 100, "rows are stored")
    d.stop()
    path = d.state_dir / "spool-spool"
    if damage == "truncated":
        os.truncate(path, path.stat().st_size // 2)
    else:
        path.write_bytes(b"garbage" * 1000)
    mark = len(d.log)
    start(d)
    d.says("set aside as", after=mark)
    before = stored(d)[0]
    d.wait(lambda: stored(d)[0] > before, "rows are stored")
    assert len(list(d.state_dir.glob("spool-spool.corrupt-*"))) == 1
    d.stop()


def test_a_second_daemon_logs_why_and_waits(daemon):
    first = start(daemon(sections()))
    second = daemon(sections(more=f"path = {first.state_dir}/spool-spool"))
    second.start(ready="in use by another process")
    first.wait(lambda: stored(first)[0] > 100, "rows are stored")
    first.stop()
    second.says("buffer.spool")
    second.wait(lambda: stored(second)[0] > 0, "the second one goes on")
    second.stop()


def test_an_output_that_left_the_configuration_holds_nothing_back(daemon):
    both = sections() + ("[output.recorder]\nbuffer = spool\npath = {dir}/recorded\n"
                         "control = {dir}/recorder.control\n")
    d = daemon(both, globals="drain_timeout = 300ms")
    tell(d, "recorder", "fail")
    start(d)
    d.wait(lambda: stored(d)[0] > 100, "rows are stored")
    d.stop()
    assert spool(d, "select count(*) from entry")[0][0] > 0
    d.configure(sections())
    mark = len(d.log)
    start(d)
    d.says("output.recorder no longer reads from here", after=mark)
    d.stop()
    exact(d)


def overwrite(path, at):
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(bytes(4096))


def test_db_check_says_whether_the_files_are_whole(daemon):
    d = daemon(sections())
    start(d)
    d.wait(lambda: stored(d)[0] > 1000, "rows are stored")
    tell(d, "counter", "fail")
    busy = d.call("db", "check", "buffer.spool")
    assert busy.returncode == 1 and "is in use" in busy.stderr
    assert d.call("db", "check", "output.sqlite").returncode == 0
    d.stop()
    whole = d.call("db", "check")
    assert whole.returncode == 0, whole.stdout + whole.stderr
    assert "spool-spool: whole; 0 rows in 0 batches wait" in whole.stdout
    assert "tallyd.db: whole" in whole.stdout
    overwrite(d.db_path, d.db_path.stat().st_size // 8192 * 4096)
    overwrite(d.state_dir / "spool-spool", 4096)
    damaged = d.call("db", "check")
    assert damaged.returncode == 4
    assert damaged.stdout.count("\n! ") == 2, damaged.stdout
    mark = len(d.log)
    start(d)
    d.says("tallyd.db is damaged", after=mark)
    assert "spool-spool: " in d.log[mark:] and "and rebuilt" in d.log[mark:]
    assert d.metric("tallyd_sqlite_damaged") == 1
    d.stop()


def test_a_page_zeroed_while_it_runs_makes_up_no_rows_for_an_output_without_a_ledger(daemon):
    """The stand-in of what cannot be read used to be written as rows of NULLs."""
    d = daemon(sections(output="recorder", rows=2000, more="batch_size = 2000") +
               "[output.sqlite]\nbuffer = batch\ntables = none\npath = {db}\n[buffer.batch]\n" + API)
    tell(d, "recorder", "fail")
    start(d)
    path = d.state_dir / "spool-spool"
    d.wait(lambda: path.stat().st_size > 8 << 20, "more waits than memory holds", 60)
    tell(d, "counter", "fail")
    for at in range(40, 1600, 160):
        overwrite(path, at * 4096)
    tell(d, "recorder", "")
    d.wait(lambda: d.metric("tallyd_rows_waiting", output="output.recorder") == 0, "all is written", 60)
    d.balanced()
    found, lost = numbers(d), d.metric("tallyd_rows_dropped_total", reason="damaged")
    assert lost > 0
    assert len(found) == len(set(found)) == d.metric("tallyd_rows_routed_total",
                                                      output="output.recorder") - lost
    assert None not in found
    assert d.log.count("and rebuilt") == 1
    d.stop()

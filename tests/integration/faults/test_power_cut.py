"""The power goes at hundreds of instants: what was let go of must be in the store, to the row.

A daemon works under disk_shim.c, with a kill, a stop and further starts in between.  power_cut.py makes
of its log what a disk may hold at an instant; most are looked at with sqlite3, and in some the daemon
goes on.
"""

import random
import shutil
import sqlite3
from contextlib import closing

import pytest

from daemon import build_dir
from power_cut import Disk
from proof import (API, BATCH, SQLITE, counter, drained, emitted, in_sqlite, left, rows, spool, timescale)

pytest_plugins = ("services",)
CUTS = 160
ROWS = 20  # of a gather
INTO_SQLITE = SQLITE.replace("buffer = spool\n", "")


@pytest.fixture
def recorded(tallyd, tmp_path):
    """recorded(sections): a daemon that has worked; the folder it worked in and what it did there."""
    def run(sections):
        disk, log = tmp_path / "disk", tmp_path / "disk.log"
        disk.mkdir()
        binary = tmp_path / "tallyd"
        # A sanitizer wants to be the first library of all; it need not be.
        binary.write_text(
            f"""#!/bin/sh
export ASAN_OPTIONS="$ASAN_OPTIONS:verify_asan_link_order=0"
export TALLYD_TEST_DISK={disk} TALLYD_TEST_DISK_LOG={log}
export LD_PRELOAD={build_dir()}/tests/plugins/disk_shim.so
exec {build_dir()}/bin/tallyd "$@"
""")
        binary.chmod(0o755)
        d = tallyd(counter(rows=ROWS, interval="100ms") + sections, binary=binary, state_dir=disk)
        stored = 0
        for end in (d.kill9, d.kill9, d.stop, d.kill9):
            d.start(ready="output.sqlite: started")
            stored += 200
            noted = positions(disk)
            d.wait(lambda: rows(in_sqlite(d)) > stored, "rows are stored")
            if "spool" not in sections:
                d.wait(lambda: positions(disk) > noted + ROWS, "where to resume is saved")
            stored = rows(in_sqlite(d))
            end()
        return d, log.read_bytes()

    return run


def cuts(d, log, folder):
    """At random instants, with none, some and all of what was not flushed."""
    disk, total = Disk(d.state_dir, log), 0
    while disk.step():
        total += 1
    generator = random.Random(total)
    instants = sorted(generator.sample(range(total), CUTS))
    disk, at = Disk(d.state_dir, log), 0
    for n, instant in enumerate(instants):
        while at < instant:
            disk.step()
            at += 1
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        disk.cut(folder, (0, 0.5, 1)[n % 3], generator)
        yield n, f"cut {n}, after {instant} of {total} calls"


def ask(folder, name, sql, *values):
    """An answer of one row; None: there is no such file or table."""
    if not (folder / name).exists():
        return None
    with closing(sqlite3.connect(folder / name)) as db:
        try:
            return db.execute(sql, values).fetchone()
        except sqlite3.OperationalError as error:
            assert "no such table" in str(error), error
            return None


def positions(folder):
    """What the file in the state directory says, which the daemon writes each second."""
    file = folder / "positions"
    lines = file.read_text().splitlines() if file.exists() else []
    return max([int(line.split("\t")[1]) for line in lines if "\t" in line], default=0)


def whole(folder, name):
    return ask(folder, name, "pragma integrity_check") in (None, ("ok",))


def stored(folder):
    """Rows, and the highest number: of rows that are all there and there once it is the same."""
    found = ask(folder, "tallyd.db", "select count(*), count(distinct n), coalesce(max(n), 0) from counter")
    count, distinct, highest = found or (0, 0, 0)
    assert count == distinct
    return count, highest


def stored_at_least_once(folder):
    found = ask(folder, "tallyd.db", "select count(distinct n), coalesce(max(n), 0) from counter")
    distinct, highest = found or (0, 0)
    assert distinct == highest
    return distinct, highest


def in_spool(folder):
    """What its input was told is safe, and the rows that the store does not have."""
    written = ask(folder, "tallyd.db", "select max(sequence) from tally_ledger")
    safe = ask(folder, "spool-spool", "select cast(position as integer) from position")
    waiting = ask(folder, "spool-spool", "select coalesce(sum(rows), 0) from entry where sequence > ?",
                  written[0] or 0 if written else 0)
    return safe[0] if safe else 0, waiting[0] if waiting else 0


def goes_on(tallyd, folder, sections, name):
    """The daemon, in what the power left: then all that was ever safe is stored, once."""
    copy = folder.parent / name
    shutil.copytree(folder, copy)
    if (copy / "spool-spool").exists():  # the machine has booted
        ask(copy, "spool-spool", "select 1 from spool")
        with closing(sqlite3.connect(copy / "spool-spool")) as db:
            try:
                db.execute("update spool set boot = 'another' where boot <> ''")
            except sqlite3.OperationalError:
                pass  # it had not yet been made
            db.commit()
    d = tallyd(counter(rows=ROWS, interval="100ms") + sections + API, state_dir=copy)
    d.start()
    before = rows(in_sqlite(d))
    d.wait(lambda: rows(in_sqlite(d)) > before + 5 * ROWS, "it goes on")
    (d.dir / "counter.control").write_text("fail")
    drained(d, "output.sqlite")
    d.stop()
    return d


def test_a_power_cut_at_any_instant_loses_and_doubles_nothing_that_a_spool_has_let_go_of(
        tallyd, recorded, tmp_path):
    sections = spool() + SQLITE
    folder = tmp_path / "cut"
    safe_before = 0
    for n, what in cuts(*recorded(sections), folder):
        count, highest = stored(folder)
        safe, waiting = in_spool(folder)
        assert highest == count, what  # 1, 2, 3 … without a gap
        assert count + waiting == safe, f"{what}: {count} stored, {waiting} wait, {safe} were safe"
        assert safe >= safe_before, f"{what}: what was safe once is so no more"
        safe_before = safe if n % 3 == 0 else max(safe_before, safe - ROWS)
        assert whole(folder, "tallyd.db") and whole(folder, "spool-spool"), what
        if n % (CUTS // 4) == 1:
            d = goes_on(tallyd, folder, sections, f"on{n}")
            assert left(d) == 0, what
            assert in_sqlite(d) == emitted(d), what
            assert rows(emitted(d)) > safe, what


def test_a_power_cut_loses_nothing_of_an_input_with_a_position_behind_a_buffer_in_memory(
        recorded, tmp_path):
    folder = tmp_path / "cut"
    seen = set()
    for _, what in cuts(*recorded(BATCH + INTO_SQLITE), folder):
        safe, (_, highest) = positions(folder), stored_at_least_once(folder)
        assert highest >= safe, f"{what}: {highest} stored, {safe} were safe"
        seen.add(safe)
    assert len(seen) > 3


def test_what_a_spool_loses_in_a_power_cut_with_sync_normal_its_input_reads_again(recorded, tmp_path):
    folder = tmp_path / "cut"
    for _, what in cuts(*recorded(spool("sync = normal") + SQLITE), folder):
        _, highest = stored_at_least_once(folder)
        safe, waiting = in_spool(folder)
        assert highest + waiting >= safe, f"{what}: {highest} stored, {waiting} wait, {safe} were safe"


def test_postgresql_flushes_what_a_spool_lets_go_of_also_where_its_settings_do_not(
        tallyd, server, database):
    server.sql(f"alter database {database} set synchronous_commit = off", "postgres")
    d = tallyd(counter() + spool() + timescale(server.conninfo(database)))
    d.start(ready="output.timescale: started")
    server.sql("""
        create table public.noted (setting text);
        create function public.note() returns trigger language plpgsql as $$
        begin insert into public.noted values (current_setting('synchronous_commit')); return new; end $$;
        create trigger note before insert or update on tally.ledger for each row
        execute function public.note()""", database)
    d.wait(lambda: server.sql("select 1 from public.noted", database), "it writes")
    assert {tuple(row) for row in server.sql("select setting from public.noted", database)} == {("on",)}

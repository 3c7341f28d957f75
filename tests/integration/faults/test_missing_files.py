"""Files that somebody removes, moves or replaces under a running daemon: logged, counted, put back or created
again, and no row counts as stored that is nowhere."""

import os
import shutil
import sqlite3
from contextlib import closing

import pytest

from proof import API, BATCH, SQLITE, balanced, counter, drained, emitted, in_sqlite, left, rows, spool

IN_MEMORY = BATCH + SQLITE.replace("buffer = spool\n", "")


def settled(d):
    """Waits until the input emits no more and all is stored; stops the daemon."""
    (d.dir / "counter.control").write_text("fail")
    drained(d, "output.sqlite")
    balanced(d)
    assert d.get("/readyz").status == 200
    d.stop()


def stored(d):
    """Numbers from, to, and how many."""
    return d.sql("select min(n), max(n), count(*) from counter")[0]


def goes_on(d, n=200):
    before = rows(in_sqlite(d))
    d.wait(lambda: rows(in_sqlite(d)) > before + n, "rows are stored")


@pytest.mark.parametrize("name", ["tallyd.db", "tallyd.db*"])
def test_a_removed_database_is_created_again_and_has_each_row_stored_since(tallyd, name):
    d = tallyd(counter() + spool() + SQLITE + API).start()
    goes_on(d)
    removed_at = rows(in_sqlite(d))
    for file in d.state_dir.glob(name):
        file.unlink()
    d.says("tallyd.db was removed while it was in use")
    d.wait(lambda: d.db_path.exists() and rows(in_sqlite(d)) > 100, "rows are stored")
    assert d.metric("tallyd_sqlite_file_taken_away_total") == 1
    settled(d)
    first, last, count = stored(d)
    assert first <= removed_at + 100  # what was on its way came into the new one
    assert count == last - first + 1
    assert emitted(d)["input.counter"][0] == last and left(d) == 0


def test_another_database_in_its_place_is_used(tallyd):
    d = tallyd(counter() + spool() + SQLITE + API).start()
    goes_on(d)
    other = d.dir / "other.db"
    with closing(sqlite3.connect(d.db_path)) as db:
        db.execute(f"vacuum into '{other}'")
    with closing(sqlite3.connect(other)) as db:
        kept = db.execute("select count(*) from counter").fetchone()[0]
    goes_on(d, 50)
    os.rename(other, d.db_path)
    d.says("tallyd.db was replaced while it was in use")
    d.wait(lambda: rows(in_sqlite(d)) > kept + 50, "rows follow those that were there")
    settled(d)
    assert d.sql("pragma integrity_check") == [("ok",)]
    numbers = [n for n, in d.sql("select n from counter order by n")]
    assert numbers[:kept] == list(range(1, kept + 1))
    new = numbers[kept:]
    assert new == list(range(new[0], new[-1] + 1)) and new[-1] == emitted(d)["input.counter"][0]


def test_a_spool_that_is_removed_is_put_back_with_all_that_waits(tallyd):
    d = tallyd(counter() + spool().replace("50ms", "1s") + SQLITE + API).start()
    for _ in range(3):
        goes_on(d, 100)
        for file in d.state_dir.glob("spool-spool*"):
            file.unlink()
        d.wait(lambda: (d.state_dir / "spool-spool").exists(), "it is put back")
    assert d.metric("tallyd_spool_file_taken_away_total") == 3
    goes_on(d)
    d.kill9()
    d.start()
    goes_on(d)
    settled(d)
    assert left(d) == 0
    assert in_sqlite(d) == emitted(d)


def test_a_state_dir_that_is_removed_is_made_again_and_nothing_that_waits_is_lost(tallyd):
    d = tallyd(counter() + spool() + SQLITE + API).start()
    goes_on(d)
    writer = (d.state_dir / "writer").read_text()
    os.rename(d.state_dir, d.dir / "removed")  # at once: what is removed file by file is made again between
    shutil.rmtree(d.dir / "removed")
    d.says("was removed or replaced while in use")
    d.wait(lambda: d.db_path.exists() and rows(in_sqlite(d)) > 100, "rows are stored")
    d.wait(lambda: d.get("/readyz").status == 200, "it is ready")
    assert d.metric("tallyd_state_taken_away_total") == 1
    assert (d.state_dir / "writer").read_text() == writer
    second = tallyd(counter() + spool() + SQLITE, state_dir=d.state_dir)
    assert "in use by another tallyd" in second.call("run").stderr
    settled(d)
    first, last, count = stored(d)
    assert count == last - first + 1
    assert emitted(d)["input.counter"][0] == last and left(d) == 0


def test_while_a_state_dir_cannot_be_made_it_is_not_ready_and_nothing_counts_as_stored(tallyd):
    d = tallyd(counter() + spool() + SQLITE + API).start()
    goes_on(d)
    os.rename(d.state_dir, d.dir / "moved")
    d.state_dir.write_text("in the way")
    d.wait(lambda: d.metric("tallyd_state_dir_missing") == 1, "it is reported")
    answer = d.get("/readyz")
    assert answer.status == 503, answer.body
    stored_then = d.metric("tallyd_rows_stored_total", output="output.sqlite")
    d.wait(lambda: d.metric("tallyd_input_blocked") == 1, "the input waits")
    assert d.metric("tallyd_rows_stored_total", output="output.sqlite") == stored_then
    d.state_dir.unlink()
    os.rename(d.dir / "moved", d.state_dir)
    d.wait(lambda: d.get("/readyz").status == 200, "it is ready again", 60)
    goes_on(d)
    settled(d)
    assert left(d) == 0
    assert in_sqlite(d) == emitted(d)


def test_positions_that_are_removed_are_written_again(tallyd):
    d = tallyd(counter() + IN_MEMORY + API).start()
    positions = d.state_dir / "positions"
    d.wait(positions.exists, "they are saved")
    positions.unlink()
    d.says("positions was removed or replaced while in use")
    d.wait(positions.exists, "they are saved again")
    (d.dir / "counter.control").write_text("fail")
    drained(d, "output.sqlite")
    positions.unlink()
    d.wait(positions.exists, "also when nothing changes")
    assert d.metric("tallyd_state_taken_away_total") == 2
    d.stop()
    last = stored(d)[1]
    assert f"input.counter\t{last}\n" in positions.read_text()


def test_a_database_that_comes_back_empty_is_logged_at_the_start(tallyd):
    d = tallyd(counter() + spool() + SQLITE + API).start()
    goes_on(d)
    d.stop()
    os.truncate(d.db_path, 0)
    d.start()
    assert "tallyd.db is empty although it was in use" in d.log
    assert d.metric("tallyd_sqlite_file_taken_away_total") == 1

"""`tallyd backup` and `tallyd restore`: what comes back is what there was, to the cell; under load, killed in
the middle, damaged, on a full disk; and no row is lost or comes twice because the store is older."""

import json
import random
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from counting import BATCH, COUNTER, daemon, tell  # noqa: F401 (a fixture)
from daemon import Tallyd
from waiting import wait_for

SQLITE = "[output.sqlite]\npath = {db}\n"
API = "[output.http_api]\nlisten = 127.0.0.1:{port}\nstore = sqlite\n"
SPOOL = "[buffer.spool]\npath = {dir}/spool\nkeep = 1h\nbatch_timeout = 100ms\n"
FAST = COUNTER.replace("rows = 10", "rows = 1000\ncolumns = 4")


def rows(path):
    """count, distinct and largest of the numbers."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as db:
        return db.execute("select count(*), count(distinct n), ifnull(max(n), 0) from counter").fetchone()


def stored(d):
    try:
        return rows(d.db_path)[0]
    except sqlite3.OperationalError:
        return 0


def dump(path):
    with closing(sqlite3.connect(path)) as db:
        names = [name for name, in db.execute("select name from sqlite_master where type = 'table'")
                 if not name.startswith(("tally_backup", "sqlite_"))]
        return {name: sorted(db.execute(f'select * from "{name}"').fetchall(), key=repr) for name in names}


def backup(d, file, *words, code=0):
    done = d.call("backup", str(file), *words)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def restore(d, file, *words, code=0):
    done = d.call("restore", str(file), *words)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def begins(d, file, *words):
    """A backup that has begun to write its file, stopped there."""
    fresh = file.with_name(file.name + ".new")
    fresh.unlink(missing_ok=True)  # of the one that was killed before
    process = subprocess.Popen(d.command("backup", str(file), *words), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: fresh.exists() and fresh.stat().st_size > 0 or process.poll() is not None, 60, "it writes",
             every=0.0005)
    process.send_signal(signal.SIGSTOP)
    wait_for(lambda: process.poll() is not None or
             Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T", 60, "it is stopped")
    return process, fresh.exists()


def test_under_load_a_backup_is_of_one_moment_and_a_kill_leaves_the_older_one(daemon):
    d = daemon(FAST + BATCH + SQLITE)
    d.start(ready="ready:")
    file = d.dir / "copy.db"
    d.wait(lambda: stored(d) > 5000, "rows are stored", 60)
    told = json.loads(backup(d, file, "--json").stdout)
    [line] = told[0]["lines"]
    assert told[0]["ok"] and line["bytes"] == file.stat().st_size and line["file"] == str(file), told
    assert line["state_files"] >= 0 and line["problem"] is False
    first = rows(file)
    assert first[0] == first[1] == first[2] > 5000
    assert file.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("pragma integrity_check").fetchone() == ("ok",)

    killed = 0
    for _ in range(60):  # some are done before they can be stopped
        before = file.read_bytes()
        process, writes = begins(d, file, "--force")
        if writes:
            assert "another process is writing it" in backup(d, file, "--force", code=1).stderr
        process.kill()
        process.wait()
        if writes:
            assert file.read_bytes() == before
            killed += 1
        if killed == 3:
            break
    assert killed == 3
    assert file.with_name("copy.db.new").exists()
    backup(d, file, "--force")
    assert not list(d.dir.glob("copy.db?*"))
    later = rows(file)
    assert later[0] == later[1] == later[2] > first[0]
    d.stop()


def test_what_is_restored_is_what_was_there(daemon):
    d = daemon(FAST + BATCH + SQLITE)
    d.start(ready="ready:")
    file = d.dir / "copy.db"
    d.wait(lambda: stored(d) > 5000, "rows are stored", 60)
    running = restore(d, file, code=1)
    assert "stop the daemon first" in running.stderr
    d.stop()
    backup(d, file)
    want, positions = dump(d.db_path), (d.state_dir / "positions").read_bytes()
    assert "exists: --force replaces it" in backup(d, file, code=1).stderr
    assert "exists: --force replaces it" in restore(d, file, code=1).stderr
    assert "is the database itself" in backup(d, d.db_path, "--force", code=1).stderr

    with closing(sqlite3.connect(d.db_path)) as db:
        db.execute("delete from counter_rows")
        db.commit()
    (d.state_dir / "positions").write_bytes(b"later")
    (d.state_dir / "input.counter.rows").write_bytes(b"came later")
    writer = (d.state_dir / "writer").read_text()
    restore(d, file, "--force", "--store-only")
    assert (d.state_dir / "positions").read_bytes() == b"later"
    told = json.loads(restore(d, file, "--force", "--json").stdout)[0]
    assert told["ok"] and told["lines"][0]["state_files"] == 1, told
    assert dump(d.db_path) == want and (d.state_dir / "positions").read_bytes() == positions
    assert not (d.state_dir / "input.counter.rows").exists() and (d.state_dir / "writer").read_text() == writer
    assert sorted(path.name for path in d.state_dir.glob("tallyd.db*")) == ["tallyd.db", "tallyd.db.lock"]

    # On a machine that has nothing yet.
    other = daemon(COUNTER + BATCH + SQLITE)
    restore(other, file)
    assert dump(other.db_path) == want
    other.start(ready="ready:")
    before = len(want["counter_rows"])
    other.wait(lambda: stored(other) > before + 20, "it goes on")
    other.stop()
    found = rows(other.db_path)
    assert found[0] == found[1] == found[2]


def test_an_older_store_loses_no_row_that_a_source_or_a_spool_still_has_and_doubles_none(daemon):
    # From the source: where the input resumes is restored with the rows.
    d = daemon(COUNTER + BATCH + SQLITE + API)
    d.start()
    d.wait(lambda: stored(d) > 100, "rows are stored")
    tell(d, "counter", "fail")
    d.wait(lambda: d.metric("tallyd_rows_waiting", output="output.sqlite") == 0, "all is written")
    at = stored(d)
    wait_for(lambda: f"\t{at}\n" in (d.state_dir / "positions").read_text(), 30, "and the position of it")
    backup(d, d.dir / "copy.db")
    tell(d, "counter", "")
    d.wait(lambda: stored(d) > at + 100, "more is stored")
    d.stop()
    restore(d, d.dir / "copy.db", "--force")
    assert rows(d.db_path) == (at, at, at)
    d.start()
    d.wait(lambda: stored(d) > at + 100, "what came after it is read again")
    d.stop()
    found = rows(d.db_path)
    assert found[0] == found[1] == found[2]

    # From a spool that keeps what it has delivered.
    d = daemon(COUNTER + SPOOL + SQLITE.replace("path", "buffer = spool\npath") + API)
    d.start()
    d.wait(lambda: stored(d) > 100, "rows are stored")
    backup(d, d.dir / "copy.db")
    at = rows(d.dir / "copy.db")[0]
    d.wait(lambda: stored(d) > at + 200, "more is stored")
    d.stop()
    restore(d, d.dir / "copy.db", "--force")
    d.start()
    d.says("the store lacks rows that it had confirmed")
    d.wait(lambda: d.metric("tallyd_rows_offered_again_total", output="output.sqlite") >= 200, "they are offered again")
    assert d.metric("tallyd_rows_lost_total", output="output.sqlite") == 0
    d.stop()
    found = rows(d.db_path)
    assert found[0] == found[1] == found[2] > at + 200


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A daemon that is stopped, with a backup."""
    d = Tallyd(tmp_path_factory.mktemp("small"), COUNTER + BATCH + SQLITE)
    (d.dir / "counter.control").touch()
    d.start(ready="ready:")
    d.wait(lambda: stored(d) > 100, "rows are stored")
    d.stop()
    backup(d, d.dir / "copy.db")
    return d


def flipped(bytes_, at):
    return bytes_[:at] + bytes([bytes_[at] ^ 1]) + bytes_[at + 1:]


def test_a_damaged_backup_is_refused_and_nothing_is_changed(small):
    good, bad = (small.dir / "copy.db").read_bytes(), small.dir / "bad.db"
    before = small.db_path.read_bytes()
    chance = random.Random(1)
    broken = [flipped(good, chance.randrange(100, len(good))) for _ in range(6)]
    broken += [good[:len(good) // 2], good + bytes(4096), flipped(good, 60)]
    for text in broken:
        bad.write_bytes(text)
        told = restore(small, bad, "--force", code=4)
        assert f"! {bad}: damaged, or changed since it was made" in told.stdout, told
    # Without a checksum, as another program copies it: its pages are looked at.
    plain = bytearray(small.db_path.read_bytes())
    page = int.from_bytes(plain[16:18], "big")
    plain[-page:] = b"\xff" * page
    bad.write_bytes(plain)
    assert f"! {bad}: damaged: " in restore(small, bad, "--force", code=4).stdout
    for text, says in ((b"no database " * 1000, "not a SQLite database"), (b"", "is no backup of tallyd")):
        bad.write_bytes(text)
        assert says in restore(small, bad, "--force", code=1).stderr
    bad.unlink()
    assert "No such file" in restore(small, bad, "--force", code=1).stderr
    with closing(sqlite3.connect(bad)) as db:
        db.execute("create table other (x)")
        db.commit()
    assert "is no backup of tallyd" in restore(small, bad, "--force", code=1).stderr
    newer = small.dir / "newer.db"
    with closing(sqlite3.connect(small.db_path)) as db, closing(sqlite3.connect(newer)) as copy:
        db.backup(copy)
        copy.execute("insert into tally_migrations values (9999, 'later', '', '')")
        copy.commit()
    assert "a newer tallyd wrote the database" in restore(small, newer, "--force", code=1).stderr
    assert small.db_path.read_bytes() == before
    assert not (small.state_dir / "tallyd.db.new").exists()


def test_where_inputs_resume_is_kept_until_the_backup_s_is_there(small, tmp_path):
    file = tmp_path / "copy.db"
    file.write_bytes((small.dir / "copy.db").read_bytes())
    with closing(sqlite3.connect(file)) as db:
        db.execute("pragma application_id = 0")  # as if another program had made it: no checksum
        db.execute("delete from tally_backup_files")
        db.execute("insert into tally_backup_files values ('../positions', 'later')")
        db.commit()
    before = small.db_path.read_bytes(), (small.state_dir / "positions").read_bytes()
    assert '"../positions" is no name of a state file' in restore(small, file, "--force", code=1).stderr
    assert (small.db_path.read_bytes(), (small.state_dir / "positions").read_bytes()) == before


def test_a_damaged_database_is_not_taken_for_a_backup(small, tmp_path):
    file = tmp_path / "kept.db"
    backup(small, file)
    before = file.read_bytes()
    whole = small.db_path.read_bytes()
    page = int.from_bytes(whole[16:18], "big")
    small.db_path.write_bytes(whole[:-page] + b"\xff" * page)
    try:
        told = backup(small, file, "--force", code=4)
    finally:
        small.db_path.write_bytes(whole)
    assert f"! {small.db_path}: damaged: " in told.stdout and "no backup was made" in told.stdout
    assert file.read_bytes() == before and list(tmp_path.iterdir()) == [file]


def test_a_full_disk_leaves_nothing_half(small, tmp_path):
    folder = tmp_path / "full"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32k", "tallyd-test", folder], check=True)
    try:
        told = backup(small, folder / "copy.db", code=1)
        assert f"{folder}/copy.db.new: disk full" in told.stderr and list(folder.iterdir()) == []
        other = Tallyd(tmp_path / "other", COUNTER + BATCH + SQLITE, db=folder / "tallyd.db")
        told = restore(other, small.dir / "copy.db", code=1)
        assert f"{folder}/tallyd.db.new: disk full" in told.stderr
        assert [path.name for path in folder.iterdir()] == ["tallyd.db.lock"]
        assert not (other.state_dir / "positions").exists()
    finally:
        subprocess.run(["umount", folder], check=True)


def test_which_one_is_said(small, tmp_path):
    two = Tallyd(tmp_path, f"{COUNTER}{BATCH}[output.sqlite:a]\npath = {small.db_path}\n"
                           "[output.sqlite:b]\npath = {dir}/b.db\n[output.timescale]\nconninfo = host=/nowhere\n")
    told = backup(two, tmp_path / "copy", code=2)
    assert "which one, output.sqlite:a or output.sqlite:b?" in told.stderr
    backup(two, tmp_path / "copy", "sqlite:a")
    assert f"{tmp_path}/b.db: No such file" in backup(two, tmp_path / "copy2", "sqlite:b", code=1).stderr
    assert "output.timescale: a database of PostgreSQL is saved by pg_dump" in backup(
        two, tmp_path / "copy2", "timescale", code=1).stderr
    assert "no output.nobody with a database" in backup(two, tmp_path / "copy2", "output.nobody", code=1).stderr
    assert backup(two, "", code=2) and two.call("backup").returncode == 2

"""`tallyd db copy`: everything a store holds into another one and back, the same to the cell; killed in
the middle and resumed; and what it refuses."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from types import SimpleNamespace

import pytest

from counting import BATCH, COUNTER
from daemon import Tallyd, build_dir
from pg import Given, Postgres, psql
from waiting import wait_for

SECOND, MINUTE, HOUR, DAY = (n * 10**9 for n in (1, 60, 3600, 86400))
CONTAINER = "1" * 64
LEVELS = ("_1min", "_5min", "_1h", "_1d")


# Plain PostgreSQL; and a TimescaleDB, where there is one.
SERVERS = ["own", "given"] if "TALLYD_TEST_TIMESCALE" in os.environ else ["own"]


@pytest.fixture(scope="module", params=SERVERS)
def server(request):
    made = Postgres() if request.param == "own" else Given()
    made.start()
    yield made
    made.leave()


def rows(now):
    """Of each kind of table, and of each type what is hard about it."""
    day = now - now % DAY
    weather = [[day - 3 * DAY + n * 20 * MINUTE + n * 1000, ("here", "th'er\\e", None)[n % 3],
                [1e-7, -1.5e300, 0.1, None][n % 4], 2**57 + n // 3 * 1_000_003,
                (True, False, None)[n % 3],
                [None, '{"z": [1, 2.50],  "a": null}', '"\\u0000"'][n % 3]]
               for n in range(int((now - day + 3 * DAY) // (20 * MINUTE)))]
    notes = [[now - HOUR + n // 3 * 1001, ("ann", "bob \u00e9\U0001f433")[n % 2], n, f"note\t{n}\r\x1b"]
             for n in range(300)]
    notes += [[now - age * DAY, "ann", 1000 + age, "old"] for age in range(10, 390, 5)]
    logs = [[now - 5 * HOUR + n * MINUTE + 123456789 + n, "alpha", CONTAINER, "web",
             ("stdout", "stderr")[n % 2], "" if n % 7 == 0 else f"line {n} \x7f\\x00", (None, "error")[n % 3 == 0],
             n] for n in range(250)]
    info = [[now - HOUR, "alpha", CONTAINER, "web", "web:1", None, "running", "up", None, None, False, 2,
             now - DAY, None, None, "run 'it' \"now\" \u2028", "[]",
             json.dumps({"a.b/c": "x=y", "quo\"te": "\\", "empty": "", "bytes": "\x01\x7f\u0080\ufffd"}), None]]
    versions = [[now - 2 * HOUR + n * 1000, "alpha", "web:latest", f"sha256:{n}", None, None, "moved"]
                for n in range(5)]
    return {"weather": weather, "notes": notes, "container_logs": logs, "container_info": info,
            "image_versions": versions}


def stores(server, database, **paths):
    text = "".join(f"[output.sqlite:{name}]\npath = {path}\ntables = !*\nretention_raw = 1d\n"
                   for name, path in paths.items())
    return BATCH + text + f"[output.timescale]\nconninfo = {server.conninfo(database)}\ntables = !*\n"


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A file that a daemon has filled and rolled up; of the rows only the last day is left.  Beside it one with the
    same rows, packed."""
    folder = tmp_path_factory.mktemp("source")
    now = time.time_ns() // 1000 * 1000
    with open(folder / "rows", "w", encoding="utf-8") as file:
        for table, found in rows(now).items():
            for first in range(0, len(found), 100):
                file.write(json.dumps({"table": table, "rows": found[first:first + 100]}) + "\n")
    daemon = Tallyd(folder, f"[input.replay]\nfile = {folder}/rows\ninterval = 100ms\n{BATCH}"
                            "[output.sqlite]\npath = {db}\nretention_raw = 1d\n"
                            "[output.sqlite:packed]\npath = {dir}/packed.db\nretention_raw = 1d\n"
                            "pack_after = 1h\n")
    daemon.start(ready="ready:")
    count = lambda table: one(daemon.db_path, f"select count(*) from {table}")
    # The first round of maintenance comes after half a minute, and rolls up all that there is.
    daemon.wait(lambda: stored(daemon.db_path, "weather_1d") >= 9 and count("weather_rows") < 250
                and stored(daemon.db_path, "container_logs_lines") > 100
                and stored(packed_of(daemon.db_path), "weather", "_chunks") > 50,
                "it is rolled up, and the oldest deleted or packed", 90)
    daemon.stop()
    return daemon.db_path


def packed_of(source):
    return source.parents[1] / "packed.db"


def one(path, text):
    with closing(sqlite3.connect(path, timeout=30)) as db:
        return db.execute(text).fetchone()[0]


def dump(path):
    """All that is in a file, but its clock, its migrations and what is only there to find text faster.  PostgreSQL
    keeps since when rows are all there in whole seconds."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("update tally_rollups set kept_from = (kept_from + 999999999) / 1000000000 * 1000000000")
        names = [name for name, in db.execute("select name from sqlite_master where type = 'table'")]
        return {name: sorted(db.execute(f'select * from "{name}"').fetchall(), key=repr) for name in names
                if name not in ("tally_clock", "tally_migrations", "tally_text")}


def relations(path):
    with closing(sqlite3.connect(path)) as db:
        return [name for name, in db.execute("select name from sqlite_master where type = 'table' and "
                                             "(name like '%_rows' or name like '%_series')")]


@pytest.fixture
def place(tmp_path, server, source):
    """A database, a file, and how to copy between them."""
    database = server.create("m" + re.sub(r"\W", "", tmp_path.name)[-30:].lower())
    daemon = Tallyd(tmp_path, stores(server, database, old=source, new=tmp_path / "new.db",
                                      packed=packed_of(source)))
    copy = lambda a, b, **more: daemon.call("db", "copy", "--from", a, "--to", b, timeout=120, **more)
    yield SimpleNamespace(daemon=daemon, database=database, new=tmp_path / "new.db", copy=copy, folder=tmp_path,
                          sql=lambda text: psql(server.conninfo(database), text),
                          conninfo=server.conninfo(database))
    server.sql(f"drop database {database} with (force)")


def test_there_and_back_again_it_is_the_same(place, source, server):
    there = place.copy("sqlite:old", "timescale")
    assert there.returncode == 0, there.stdout + there.stderr
    assert "the copy is complete" in there.stdout
    assert ["notes"] in place.sql("select name from tally.tables where flags = 1")  # kept long
    if isinstance(server, Given):
        assert place.sql("select count(*) > 5 from timescaledb_information.hypertables where hypertable_schema = "
                         "'tally'") == [["t"]]
    assert int(place.sql("select count(*) from pg_inherits where inhparent = 'tally.notes_rows'::regclass")[0][0]) <= 15
    for name in relations(source):
        assert int(place.sql(f"select count(*) from tally.{name}")[0][0]) == \
            one(source, f"select count(*) from {name}"), name
    # As people see it, where the two keep it differently.
    for text in ("select count(*), min(celsius_min), min(drops_min), max(drops_max), sum(sunny_sum) from weather_1h",
                 "select count(*), min(drops_last), max(drops_increase) from weather_1d",
                 "select count(*), sum(lines) from container_logs_lines"):
        with closing(sqlite3.connect(source)) as db:
            want = db.execute(text).fetchone()
        assert [type(cell)(text) for cell, text in zip(want, place.sql(text)[0])] == list(want), text
    assert place.sql("select n from (select (extract(epoch from time) * 1000000)::bigint % 1000000 * 1000 + _nanos "
                     "as n from tally.container_logs_rows order by sequence limit 1) l") == \
        [[str(one(source, "select time % 1000000000 from container_logs_rows order by sequence limit 1"))]]
    again = place.copy("sqlite:old", "timescale")
    assert again.returncode == 1 and "has rows in table" in again.stderr
    back = place.copy("timescale", "sqlite:new")
    assert back.returncode == 0, back.stdout + back.stderr
    assert dump(place.new) == dump(source)


def test_packed_rows_are_copied_and_other_programs_read_them_with_the_extension(place, source):
    """Chunks go whole, so up to an hour more than a day is left in them."""
    packed, hours = packed_of(source), 23
    newest = f"from weather where time > {one(source, 'select max(time) from weather')} - {hours * HOUR} order by time"
    told = json.loads(place.daemon.call("db", "status", "--json").stdout)
    line = next(line for store in told if store["instance"] == "output.sqlite:packed"
                for line in store["lines"] if line.get("table") == "weather")
    assert line["packed_rows"] == one(packed, "select sum(rows) from weather_chunks")
    assert f"{line['packed_rows']} rows packed" in line["text"]
    with pytest.raises(sqlite3.OperationalError, match="no such module: tallyd_packed"):
        one(packed, f"select count(*) {newest}")
    shell = lambda path, *words, **more: subprocess.run(["sqlite3", *words, path, f"select * {newest}"], check=True,
                                                        capture_output=True, text=True, timeout=60, **more).stdout
    asan = subprocess.check_output(["gcc", "-print-file-name=libasan.so"], text=True).strip()
    sanitized = {"LD_PRELOAD": asan, "ASAN_OPTIONS": "detect_leaks=0"} if "asan" in build_dir().name else {}
    shown = shell(packed, "-cmd", f".load {build_dir().resolve() / 'lib/tallyd/sqlite_packed'}",
                  env=os.environ | sanitized)
    assert len(shown.splitlines()) > 3 * hours - 3 and shown == shell(source)
    copied = place.copy("sqlite:packed", "sqlite:new")
    assert copied.returncode == 0, copied.stdout + copied.stderr
    assert shell(place.new) == shown


def test_a_backup_of_packed_rows_is_restored_as_it_was(place, source):
    packed = packed_of(source)
    file = place.folder / "packed.backup"
    for command, *words in (("backup", file, "sqlite:packed"), ("restore", file, "sqlite:new", "--force", "--store-only")):
        done = place.daemon.call(command, *map(str, words))
        assert done.returncode == 0, done.stdout + done.stderr
    chunks = "select count(*), sum(rows), sum(length(data)) from weather_chunks"
    with closing(sqlite3.connect(place.new)) as new, closing(sqlite3.connect(packed)) as old:
        assert new.execute(chunks).fetchone() == old.execute(chunks).fetchone()
    copied = place.copy("sqlite:new", "timescale")
    assert copied.returncode == 0, copied.stdout + copied.stderr
    newest = one(source, "select max(time) from weather")
    rows = "from weather where time > {}".format
    assert int(place.sql("select count(*) " + rows(f"to_timestamp({newest} / 1000000000.0) - interval '23h'"))[0][0]) == \
        one(source, "select count(*) " + rows(newest - 23 * HOUR))


def test_a_copy_that_was_killed_is_resumed_and_not_begun_again(place, source, server):
    with held(place.conninfo, "select pg_advisory_lock(1952541804, hashtext('weather'))"):
        killed_when(place, ["sqlite:old", "timescale"],
                    lambda: waits_for_weather(place))
    other = place.copy("sqlite:new", "timescale")
    assert other.returncode == 1 and "does not exist" in other.stderr
    done = place.copy("sqlite:old", "timescale")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "goes on with a copy" in done.stdout and "were there from" in done.stdout
    # And back, killed as well, while the source's last table is locked.
    with held(place.conninfo, "begin; lock table tally.weather_rows in access exclusive mode"):
        killed_when(place, ["timescale", "sqlite:new"], lambda: place.new.exists() and noted(place.new, "notes"))
    done = place.copy("timescale", "sqlite:new")
    assert done.returncode == 0 and "goes on with a copy" in done.stdout, done.stdout + done.stderr
    assert dump(place.new) == dump(source)
    assert place.sql("select to_regclass('tally.copying')") == [[""]]


def waits_for_weather(place):
    """What comes before it is copied."""
    return place.sql("select to_regclass('tally.copying')")[0] != [""] and place.sql(
        "select exists (select from tally.copying where \"table\" = 'notes' and part = 0) and exists (select from "
        "pg_stat_activity where application_name = 'tallyd db copy' and datname = current_database() and "
        "wait_event_type = 'Lock')") == [["t"]]


def noted(path, table):
    try:
        return one(path, f"select count(*) from tally_copying where \"table\" = '{table}' and part = 0")
    except sqlite3.OperationalError:
        return 0


class held:
    """A session that has done something and stays open."""

    def __init__(self, conninfo, text):
        self.psql = subprocess.Popen(["psql", "-X", "-q", "-A", "-t", "-d", conninfo], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, text=True)
        self.psql.stdin.write(text + ";\nselect 'held';\n")
        self.psql.stdin.flush()

    def __enter__(self):
        while self.psql.stdout.readline().strip() != "held":
            assert self.psql.poll() is None
        return self

    def __exit__(self, *_):
        self.psql.stdin.close()
        self.psql.wait(30)


def killed_when(place, way, condition):
    with open(place.folder / "killed", "w") as log:
        process = subprocess.Popen(place.daemon.command("db", "copy", "--from", way[0], "--to", way[1]),
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    wait_for(condition, 60, f"the middle of the copy\n{(place.folder / 'killed').read_text()}")
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    # The end that it has forked off sees that and ends; what it holds in PostgreSQL goes with it.
    wait_for(lambda: place.sql("select count(*) from pg_stat_activity where application_name = 'tallyd db copy' "
                               "and datname = current_database() and wait_event_type is distinct from 'Lock'")
             == [["0"]], 60, "its sessions end")
    place.sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tallyd db copy' "
              "and datname = current_database()")


def test_what_has_changed_since_is_copied_again(place, source, server):
    path = place.folder / "changing.db"
    with closing(sqlite3.connect(source)) as db, closing(sqlite3.connect(path)) as copy:
        db.backup(copy)
    place.daemon.configure(stores(server, place.database, old=path, new=place.new))
    with held(place.conninfo, "select pg_advisory_lock(1952541804, hashtext('weather'))"):
        killed_when(place, ["sqlite:old", "timescale"],
                    lambda: waits_for_weather(place))
    with closing(sqlite3.connect(path)) as db:
        db.execute("delete from container_logs_rows where time < (select min(time) + 7200000000000 from "
                   "container_logs_rows)")
        db.execute("update notes_rows set text = 'another' where number = 7")
        db.execute("delete from image_versions_rows")
        db.commit()
    done = place.copy("sqlite:old", "timescale")
    assert done.returncode == 0, done.stdout + done.stderr
    back = place.copy("timescale", "sqlite:new")
    assert back.returncode == 0, back.stdout + back.stderr
    assert dump(place.new) == dump(path)


def test_what_is_in_use_or_cannot_be_kept_is_said(place, source, server, tallyd):
    path = place.folder / "odd.db"
    with closing(sqlite3.connect(source)) as db, closing(sqlite3.connect(path)) as copy:
        db.backup(copy)
        copy.execute("update notes_rows set text = 'a' || char(0) || 'b' where number = 8")
        copy.execute("update notes_rows set text = cast(x'ff41' as text) where number = 9")
        copy.commit()
    place.daemon.configure(stores(server, place.database, old=path, new=place.new))
    with held(place.conninfo, "select pg_advisory_lock(1952541804, 2)"):
        busy = place.copy("sqlite:old", "timescale")
    assert busy.returncode == 1 and "a daemon maintains this database" in busy.stderr
    done = place.copy("sqlite:old", "timescale")
    assert done.returncode == 4, done.stdout + done.stderr
    assert "! 2 rows cannot be stored there" in done.stdout and "a NUL" in done.stdout
    running = tallyd(f"{COUNTER}{BATCH}[output.sqlite]\npath = {place.new}\n")
    (running.dir / "counter.control").touch()
    running.start(ready="ready:")
    in_use = place.copy("timescale", "sqlite:new")
    assert in_use.returncode == 1 and "is in use by another tallyd" in in_use.stderr
    running.stop()


def test_extreme_numbers_survive_and_what_sqlite_has_no_number_for_is_counted(place, source, server):
    path = place.folder / "extreme.db"
    extremes = ["9e999", "-9e999", "5e-324", "1.7976931348623157e308", "-2.2250738585072014e-308"]
    with closing(sqlite3.connect(source)) as db, closing(sqlite3.connect(path)) as copy:
        db.backup(copy)
        for i, number in enumerate(extremes):
            copy.execute(f"update weather_rows set celsius = {number} where time in "
                         f"(select time from weather_rows order by time limit 1 offset {i})")
        copy.commit()
        want = copy.execute("select time, celsius from weather_rows order by time").fetchall()
    place.daemon.configure(stores(server, place.database, old=path, new=place.new))
    done = place.copy("sqlite:old", "timescale")
    assert done.returncode == 0, done.stdout + done.stderr
    there = place.sql("select celsius::text from tally.weather_rows order by time limit 5")
    assert [float(cell) for cell, in there] == [celsius for _, celsius in want[:5]]
    place.sql("update tally.weather_rows set celsius = 'NaN' where time in "
              "(select time from tally.weather_rows order by time limit 2 offset 5)")
    back = place.copy("timescale", "sqlite:new")
    assert back.returncode == 4, back.stdout + back.stderr
    assert "! 2 values that the store there does not have, as NaN, are NULL in it; the first in weather_rows" \
        in back.stdout
    with closing(sqlite3.connect(place.new)) as db:
        found = db.execute("select time, celsius from weather_rows order by time").fetchall()
    assert found[:5] + found[7:] == want[:5] + want[7:]
    assert [celsius for _, celsius in found[5:7]] == [None, None]


def test_the_daemon_goes_on_in_the_copy_without_losing_or_doubling_a_row(tallyd, place, server):
    spool = "[buffer.spool]\npath = {dir}/spool\nkeep = 1h\nbatch_timeout = 100ms\n"
    daemon = tallyd(f"{COUNTER}{spool}[output.sqlite]\nbuffer = spool\npath = {{db}}\n")
    (daemon.dir / "counter.control").touch()
    daemon.start(ready="ready:")
    wait_for(lambda: stored(daemon.db_path, "counter") > 30, 30, "rows are stored")
    daemon.stop()
    before = stored(daemon.db_path, "counter")
    daemon.configure(f"{COUNTER}{spool}[output.sqlite]\nbuffer = spool\npath = {{db}}\ntables = !*\n"
                     f"[output.timescale]\nbuffer = spool\nconninfo = {place.conninfo}\n")
    done = daemon.call("db", "copy", "--from", "sqlite", "--to", "timescale")
    assert done.returncode == 0, done.stdout + done.stderr
    there = lambda: tuple(map(int, place.sql("select count(*), count(distinct n), max(n) from counter")[0]))
    assert there() == (before, before, before)
    daemon.start(ready="ready:")
    wait_for(lambda: there()[0] > before + 30, 30, "it goes on")
    daemon.stop()
    found = there()
    assert found[0] == found[1] == found[2]


def stored(path, table, part="_rows"):
    if not path.exists():
        return 0
    try:
        return one(path, f"select count(*) from {table}{part}")
    except sqlite3.OperationalError:
        return 0

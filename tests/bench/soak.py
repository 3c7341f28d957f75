#!/usr/bin/python3
"""The whole of it for a long time, and through a long outage of the database.

    soak.py soak MINUTES     is it flat?  Containers that print, come and go; stats, status, images and
                             logs; one spool; SQLite and PostgreSQL; the API polled all the time
    soak.py outage MINUTES   PostgreSQL is stopped for so long, under 100 containers and 1000 lines/s:
                             is all there afterwards, how soon, and how much memory did it take?

Both end by counting every printed line in every store.  Exit code 1: not flat, or not all there.
"""

import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from daemon import Tallyd, build_dir  # noqa: E402
from engine import Engine  # noqa: E402
from pg import Postgres  # noqa: E402
from waiting import wait_for  # noqa: E402

PRINTERS, RATE = 100, 10  # lines a second of each printer
WARM_UP = 30
CAUGHT_UP = 5  # seconds behind
PEAK_RSS, CATCH_UP = 40 << 20, 60
PRINTER = build_dir() / "bin" / "bench_logs_floor"
FOREVER = 2_000_000_000

INPUTS = """
[input.docker_stats]
endpoint = %(endpoint)s
[input.docker_status]
endpoint = %(endpoint)s
[input.docker_images]
endpoint = %(endpoint)s
[input.docker_logs]
endpoint = %(endpoint)s
[buffer.spool]
[output.timescale]
conninfo = %(conninfo)s
buffer = spool
[output.http_api]
listen = 127.0.0.1:{port}
store = %(store)s
"""
SQLITE = """
[output.sqlite]
buffer = spool
path = {db}
"""
PATHS = ("/api/v1/containers?limit=1000", "/api/v1/logs?limit=100", "/api/v1/pipeline", "/metrics",
         "/api/v1/stats/latest", "/api/v1/tables/container_stats?limit=100")


class House:
    """Engine, database and daemon, removed at the end."""

    def __init__(self, store):
        self.store = store

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="tallyd-soak-", dir=build_dir())
        self.engine = Engine().enter()
        self.server = Postgres(fsync="on")
        self.server.start()
        text = INPUTS % {"endpoint": self.engine.endpoint, "store": self.store,
                         "conninfo": self.server.conninfo()}
        self.daemon = Tallyd(self.folder.name, text + (SQLITE if self.store == "sqlite" else ""),
                             build=build_dir()).start()
        return self

    def __exit__(self, *_):
        if self.daemon.running:
            self.daemon.stop()
        self.engine.remove_all()
        self.engine.leave()
        self.server.leave()
        self.folder.cleanup()

    def print_lines(self):
        return self.engine.run_many(
            "printer", PRINTERS, command=["/print", "print", str(RATE), str(FOREVER)],
            NetworkMode="host", Binds=[f"{PRINTER}:/print:ro"])

    # ---- what was printed, and what is stored

    def numbers(self, query):
        """Of PostgreSQL, and of SQLite if that is a store here."""
        found = [tuple(map(float, self.server.sql(query)[0]))]
        if self.store == "sqlite":
            found.append(tuple(map(float, self.daemon.sql(query)[0])))
        return found

    def behind(self):
        """Seconds between now and the newest line that every store has."""
        if not self.server.process:
            return float("nan")
        text = "select max(time) from container_logs"
        newest = [float(self.server.sql("select extract(epoch from max(time)) from container_logs")
                        [0][0] or 0)]
        if self.store == "sqlite":
            newest.append((self.daemon.sql(text)[0][0] or 0) / 1e9)
        return time.time() - min(newest)

    def all_there(self, ids):
        """Stops the printers; then every line must be in every store, once."""
        for container in ids:
            self.engine.stop(container)
        # Lines end in "\n" within the JSON; a line that the kill cut short has none.
        printed = sum(Path(self.engine.inspect(container)["LogPath"]).read_bytes().count(b'\\n"')
                      for container in ids)
        kept = "select count(*), count(distinct name || ' ' || message) from container_logs " \
               "where name like 'printer%'"
        wait_for(lambda: all(rows >= printed for rows, _ in self.numbers(kept)), 120,
                 "every line is stored")
        wait_for(lambda: self.daemon.metric("tallyd_rows_waiting") < 50, 60, "nothing waits")
        right = True
        for name, (rows, distinct) in zip(("PostgreSQL", "SQLite"), self.numbers(kept)):
            print(f"{name}: {printed} lines printed, {rows:.0f} stored, "
                  f"lost {printed - distinct:.0f}, doubled {rows - distinct:.0f}")
            right = right and rows == distinct == printed
        wrong = self.daemon.imbalances()
        print("the balance holds, to the row" if not wrong else f"the balance is wrong: {wrong}")
        return right and not wrong


# ---- Looking


class Look:
    heading = f"{'minute':>7} {'RSS MiB':>8} {'fds':>5} {'threads':>8} {'waiting':>8} {'behind s':>9} " \
              f"{'CPU %':>6} {'API/s':>6}"

    def __init__(self, house, begun, asked, last=None):
        daemon = house.daemon
        self.at = time.monotonic() - begun
        self.rss = daemon.rss / (1 << 20)
        self.fds = len(list(Path(f"/proc/{daemon.process.pid}/fd").iterdir()))
        self.threads = len(list(Path(f"/proc/{daemon.process.pid}/task").iterdir()))
        self.waiting = daemon.metric("tallyd_rows_waiting")
        self.behind = house.behind()
        self.cpu_seconds, self.asked = daemon.cpu_seconds, asked
        took = self.at - last.at if last else self.at
        self.cpu = 100 * (self.cpu_seconds - (last.cpu_seconds if last else 0)) / took
        self.rate = (asked - (last.asked if last else 0)) / took

    def __str__(self):
        return f"{self.at / 60:7.1f} {self.rss:8.1f} {self.fds:5} {self.threads:8} " \
               f"{self.waiting:8.0f} {self.behind:9.1f} {self.cpu:6.1f} {self.rate:6.0f}"


class Poller:
    """Asks the API for one thing after another, until it is told to stop."""

    def __init__(self, daemon):
        self.daemon, self.asked, self.failed = daemon, 0, 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.over.wait(0.05):
            answer = self.daemon.get(PATHS[self.asked % len(PATHS)])
            self.asked += 1
            self.failed += answer.status != 200

    def stop(self):
        self.over.set()
        self.thread.join()


def quarters(looks, name):
    n = max(1, len(looks) // 4)
    return [statistics.median(getattr(x, name) for x in part) for part in (looks[:n], looks[-n:])]


# What the last quarter may have more than the first: times, plus.
ALLOWED = {"rss": (1.1, 1), "fds": (1, 12), "threads": (1, 1), "waiting": (1.5, 2000),
           "behind": (1.5, 2)}  # of one guest more or less are ten descriptors


def flat(looks):
    right = True
    for name, (times, plus) in ALLOWED.items():
        first, last = quarters(looks, name)
        grew = last > first * times + plus
        right = right and not grew
        print(f"{name:8} first quarter {first:9.2f}, last quarter {last:9.2f}"
              f"   {'GROWS' if grew else 'flat'}")
    return right


def watch(house, seconds, asked, every, each=None):
    looks, begun = [], time.monotonic()
    print(Look.heading)
    while time.monotonic() - begun < seconds:
        time.sleep(every)
        if each:
            each(len(looks))
        looks.append(Look(house, begun, asked(), looks[-1] if looks else None))
        print(looks[-1], flush=True)
    return looks


# ---- The two stories


def come_and_go(engine, turn):
    for i in range(5):
        if turn:
            engine.remove(f"guest{turn - 1}-{i}")
        engine.run(f"guest{turn}-{i}", NetworkMode="host")


def soak(minutes):
    with House("sqlite") as house:
        ids = house.print_lines()
        come_and_go(house.engine, 0)
        time.sleep(WARM_UP)
        poller = Poller(house.daemon)
        try:
            looks = watch(house, 60 * minutes, lambda: poller.asked, min(30, 3 * minutes),
                          lambda turn: come_and_go(house.engine, turn + 1))
        finally:
            poller.stop()
        right = flat(looks)
        print(f"{poller.asked} answers of the API, {poller.failed} of them not 200")
        right = house.all_there(ids) and right and poller.failed == 0
        print("FLAT" if right else "NOT FLAT")
        return right


def outage(minutes):
    with House("timescale") as house:
        ids = house.print_lines()
        wait_for(lambda: house.behind() < CAUGHT_UP, 60, "lines are stored")
        time.sleep(WARM_UP)
        house.server.stop()
        print(f"PostgreSQL is stopped for {minutes} minutes")
        watch(house, 60 * minutes, lambda: 0, min(60, 6 * minutes))
        waited = house.daemon.metric("tallyd_rows_waiting")
        house.server.start()
        begun = time.monotonic()
        wait_for(lambda: house.daemon.metric("tallyd_rows_waiting") < waited, 120, "it is back",
                 every=0.2)
        found = time.monotonic() - begun
        wait_for(lambda: house.behind() < CAUGHT_UP, 600, "it has caught up", every=0.2)
        took = time.monotonic() - begun
        peak = int(next(x for x in house.daemon.proc("status").splitlines()
                        if x.startswith("VmHWM")).split()[1]) << 10
        print(f"{waited:.0f} rows were waiting; caught up {took:.1f} s after PostgreSQL was back "
              f"(the first write after {found:.1f} s of back-off): "
              f"{waited / (took - found + 0.001):.0f} rows/s")
        print(f"peak RSS {peak / (1 << 20):.1f} MiB (at most {PEAK_RSS >> 20})")
        right = house.all_there(ids) and peak <= PEAK_RSS and took <= CATCH_UP
        print("AS PROMISED" if right else "NOT AS PROMISED")
        return right


def main(what, minutes):
    return 0 if {"soak": soak, "outage": outage}[what](float(minutes)) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

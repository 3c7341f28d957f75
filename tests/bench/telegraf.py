#!/usr/bin/python3
"""PostgreSQL's processor time for what tallyd stores, beside what Telegraf's output takes of the same server for the
same containers at the same time: each writes into a database of its own, so that its backends can be told apart.
Readings of BENCH_CONTAINERS (100) every 5 s, then BENCH_LINES (4000) log lines a second of 40 containers, each for
BENCH_SECONDS (60) after both have begun.  tallyd's maintenance is counted.  TELEGRAF is the path of its program;
run by `scripts/bench telegraf`.
"""

import collections
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from collect import exact_cpu  # noqa: E402
from daemon import Tallyd, build_dir  # noqa: E402
from engine import Engine  # noqa: E402
from pg import Postgres, psql, with_database  # noqa: E402
from waiting import wait_for  # noqa: E402

CONTAINERS = int(os.environ.get("BENCH_CONTAINERS", "100"))
LINES, TALKERS = int(os.environ.get("BENCH_LINES", "4000")), 40
SECONDS = int(os.environ.get("BENCH_SECONDS", "60"))
FLOOR = build_dir() / "bin" / "bench_logs_floor"
TELEGRAF = """
[agent]
  interval = "5s"
  flush_interval = "{flush}"
  omit_hostname = false
{input}
[[outputs.postgresql]]
  connection = "{conninfo}"
"""
STATS = '[[inputs.docker]]\n  endpoint = "{endpoint}"\n  gather_services = false\n'
LOGS = '[[inputs.docker_log]]\n  endpoint = "{endpoint}"\n'
TALLYD = """
{input}
[buffer.batch]
batch_size = {size}
[output.timescale]
conninfo = {conninfo}
[output.http_api]
listen = 127.0.0.1:{{port}}
store = timescale
"""


class Backends:
    """Processor seconds of a database's backends, also of those that have ended since, by who uses them."""

    def __init__(self, conninfo, database):
        self.conninfo, self.seen = conninfo, {}
        self.sql = f"select pid, application_name from pg_stat_activity where datname = '{database}'"

    def look(self):
        for pid, name in psql(self.conninfo, self.sql):
            try:
                self.seen[name, pid] = exact_cpu(pid)
            except OSError:
                pass
        used = collections.Counter()
        for (name, _), seconds in self.seen.items():
            used[name] += seconds
        return used


def rows_of(conninfo, table):
    try:
        return int(psql(conninfo, f"select count(*) from {table}")[0][0])
    except RuntimeError:
        return 0


def compare(what, engine, postgres, inputs, tables, size, flush="10s"):
    ours, theirs = f"tallyd_{what}_{size}", f"telegraf_{what}_{size}"
    for name in (ours, theirs):
        psql(postgres.conninfo(), f"create database {name}")
    with tempfile.TemporaryDirectory() as folder:
        where = with_database(postgres.conninfo(), theirs)
        config = Path(folder) / "telegraf.conf"
        config.write_text(TELEGRAF.format(input=inputs[1], conninfo=where, flush=flush))
        daemon = Tallyd(Path(folder) / "tallyd", TALLYD.format(
            input=inputs[0], size=size, conninfo=with_database(postgres.conninfo(), ours)), build=build_dir()).start()
        with open(Path(folder) / "log", "wb") as log:
            telegraf = subprocess.Popen([os.environ["TELEGRAF"], "--config", config], stdout=log, stderr=log)
        try:
            wait_for(lambda: rows_of(where, tables[1]) and rows_of(with_database(postgres.conninfo(), ours), tables[0]),
                     60, "both store rows")
            backends = [Backends(postgres.conninfo(), name) for name in (ours, theirs)]
            before = [b.look() for b in backends]
            counts = [rows_of(with_database(postgres.conninfo(), d), t) for d, t in zip((ours, theirs), tables)]
            own = [exact_cpu(daemon.process.pid), exact_cpu(telegraf.pid)]
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:  # also what a short connection took
                for one in backends:
                    one.look()
                time.sleep(0.5)
            used = [b.look() - first for b, first in zip(backends, before)]
            upkeep, used = used[0]["tallyd upkeep"], [sum(u.values()) for u in used]
            own = [exact_cpu(daemon.process.pid) - own[0], exact_cpu(telegraf.pid) - own[1]]
            counts = [rows_of(with_database(postgres.conninfo(), d), t) - n
                      for d, t, n in zip((ours, theirs), tables, counts)]
        finally:
            telegraf.terminate()
            telegraf.wait(30)
            daemon.stop(60)
    print(f"| {what}, batches of {size} | {used[0]:.2f} s | {upkeep:.2f} s | {used[1]:.2f} s | {used[0] / used[1]:.2f} | {counts[0]:,} | "
          f"{counts[1]:,} | {own[0]:.2f} s | {own[1]:.2f} s |", flush=True)


def main():
    print(f"{SECONDS} s; {os.getloadavg()[0]:.0f} programs want the {os.cpu_count()} cores\n\n| | PostgreSQL for tallyd | "
          "maintenance in that | for Telegraf | ratio | rows of tallyd | of Telegraf | tallyd itself | Telegraf itself |\n"
          "|---|---|---|---|---|---|---|---|---|", flush=True)
    postgres = Postgres(fsync="on", shared_buffers="512MB").start()
    engine = Engine().enter()
    try:
        engine.run_many("web", CONTAINERS)
        compare("stats", engine, postgres,
                (f"[input.docker_stats]\ninterval = 5s\nendpoint = {engine.endpoint}\n",
                 STATS.format(endpoint=engine.endpoint)), ("container_stats", "docker_container_cpu"), 500)
        engine.remove_all()
        each = LINES // TALKERS
        engine.run_many("talker", TALKERS, command=["/talk", "print", str(each), str(each * 10 ** 6)],
                        Binds=[f"{FLOOR}:/talk:ro"])
        for size in (500, 2000):
            compare("logs", engine, postgres,
                    (f"[input.docker_logs]\nfirst_sight = new\nendpoint = {engine.endpoint}\n",
                     LOGS.format(endpoint=engine.endpoint)), ("container_logs", "docker_log"), size)
    finally:
        engine.leave()
        postgres.leave()


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""Questions over a day, one at a time, nothing kept: the effect of a change with windows of 24 h, a histogram of
log lines, all containers as one group.  Each in turns with its floor: the same rows, added up by hand-written SQL,
by a bare SQLite or pgbench over one connection.  Medians of the times, and the processor time of tallyd or of the
floor's client with that of the database.  Run by `scripts/bench day`; BENCH_CONTAINERS (100) for BENCH_DAYS (3),
readings every BENCH_EVERY (10) seconds, BENCH_RUNS (11), BENCH_STORES.

Lines: two a minute and container, of four levels and some patterns.  Ten million lines a day would have as many counts,
and the counts are all that these answers read.
"""

import json
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

os.environ.setdefault("BENCH_DAYS", "3")
sys.path.insert(0, str(Path(__file__).resolve().parent))
from api_mix import CONTAINERS, DAYS, SECTIONS, STORES, floor, own_children, spent  # noqa: E402
from daemon import Tallyd  # noqa: E402
from pg import Postgres, psql  # noqa: E402
from waiting import wait_for  # noqa: E402

RUNS, EVERY = int(os.environ.get("BENCH_RUNS", "11")), int(os.environ.get("BENCH_EVERY", "10"))
DAY, SECOND = 86400, 10**9
LEVELS = ("info", "warning", "error", None)
PATTERNS = 20  # of each service
SERVICES = {"shop/small": 5, "shop/large": 50}  # containers of each; the others are services of their own


def containers():
    """id, name, service."""
    services = [service for service, n in SERVICES.items() for _ in range(n)]
    for c in range(CONTAINERS):
        yield f"{c:064x}", f"web{c:03d}", services[c] if c < len(services) else f"web{c:03d}"


def change_rows(at):
    """An image of each service, and a mark, which is about all containers."""
    for n, (service, kind) in enumerate([*((service, "image") for service in SERVICES), (None, "mark")]):
        yield [at * SECOND, "alpha", service, kind, None, f"{at * SECOND // 1000:x}-{n:08x}"]


def reading(at, c, name):
    n = at // EVERY
    return [at * SECOND + 10**6, "alpha", c, name, n * 10**9, None, None, None, 10 + n % 97 / 7, 2, n // 3, n * 1000, None,
            10**8 + n % 1000 * 4096, None, None, None, None, None, None, None, None, n * 1500, n * 900, n * 10, n * 8]


def fill(path, end):
    """Returns how many rows of all tables."""
    every, begin, n_rows = list(containers()), int(end - DAYS * DAY), 0
    with open(path, "w", encoding="utf-8") as file:
        def put(table, rows):
            nonlocal n_rows
            rows = list(rows)
            file.write(json.dumps({"table": table, "rows": rows}) + "\n")
            n_rows += len(rows)
        put("container_info", ([end * SECOND, "alpha", c, name, "web:1", None, "running", *[None] * 5, begin * SECOND,
                                *[None] * 12, service] for c, name, service in every))
        put("container_changes", change_rows(end - DAY))
        put("log_patterns", ([end * SECOND, "alpha", service, f"{p:012x}", f"word {p} <*>", "info", begin * SECOND, end * SECOND,
                              f"word {p} 5"] for service in SERVICES for p in range(PATTERNS)))
        for at in range(begin, end, EVERY):
            put("container_stats", (reading(at, c, name) for c, name, _ in every))
        for n, at in enumerate(range(begin, end, 60)):
            put("container_logs", ([at * SECOND + k * 10**7, "alpha", c, name, "stdout", f"word {n % PATTERNS} 5",
                                    LEVELS[k and n % 4], 2 * n + k, f"{n % PATTERNS:012x}" if service in SERVICES else None]
                                   for c, name, service in every for k in (0, 1)))
    return n_rows


# ---- What is asked, and the floors ---------------------------------------------------------------

MEASURED = {"sum": ("cpu_percent", "mem_used_bytes"), "increase": ("net_rx_bytes", "net_tx_bytes", "blk_read_bytes",
                                                                   "blk_write_bytes", "throttled_ns")}


class Floor:
    """SQL for one of the stores."""

    def __init__(self, store):
        self.sqlite = store == "sqlite"

    def table(self, name):
        return name if self.sqlite else f"tally.{name}"

    def points(self, step):
        return f"time / {step * SECOND}" if self.sqlite else f"floor(extract(epoch from time) / {step})"

    def range(self, begin, end):
        first, last = (f"{t * SECOND}" if self.sqlite else f"to_timestamp({t})" for t in (begin, end))
        return f"time >= {first} and time < {last}"

    def sums(self, table, by, what, step, where):
        """Added up by points, and by a tag if that is named."""
        tags = f", s.{by}" if by else ""
        return (f"select {self.points(step)} as point{tags}, {what} from {self.table(table + '_rows')} r join "
                f"{self.table(table.rpartition('_')[0] + '_series')} s on s._series = r._series where {where} group by 1{', 2' if by else ''}")

    def of_service(self, service):
        info = self.table("container_info" if self.sqlite else "container_info_rows")
        return f"s.container_id in (select container_id from {info} where service = '{service}')" if service else "1 = 1"

    def effect(self, service, at):
        of = self.of_service(service)
        readings = ", ".join(f"sum({column}_{how})" for how, columns in MEASURED.items() for column in columns)
        for day in (0, DAY):
            where = f"{of} and {self.range(at - DAY - day, at + DAY - day)}"
            yield self.sums("container_stats_5min", None, readings, 900, where)
            yield self.sums("container_logs_lines_5min", "level", "sum(lines_sum)", 900, where)
            if service:
                yield self.sums("log_pattern_counts_1h", "pattern", "sum(lines_sum)", 7200, where)


def questions(store, end):
    """What, path, floor."""
    sql, day = Floor(store), f"from={end - DAY}&to={end}"
    where, at = sql.range(end - DAY, end), end - DAY
    ids = [row[5] for row in change_rows(at)]
    for service, which in [*zip(SERVICES, ids), (None, ids[-1])]:
        of = f"{SERVICES[service]} containers" if service else f"all {CONTAINERS}"
        yield f"effect of {of}", f"/api/v1/changes/{which}/effect?window=24h", list(sql.effect(service, at))
    yield ("histogram in 144 points", f"/api/v1/logs/histogram?{day}&step=10m",
           [sql.sums("container_logs_lines_5min", "level", "sum(lines_sum)", 600, where)])
    yield (f"{CONTAINERS} containers as one group, 288 points", f"/api/v1/stats?group_by=project&{day}&step=5m&fields=cpu_percent,mem_used_bytes",
           [sql.sums("container_stats_5min", None, "sum(cpu_percent_sum / cpu_percent_count), sum(mem_used_bytes_sum / mem_used_bytes_count)", 300, where)])


# ---- Measuring -----------------------------------------------------------------------------------

def ask(daemon, path):
    """Milliseconds."""
    began = time.monotonic()
    answer = daemon.get(path, timeout=90)
    took = (time.monotonic() - began) * 1e3
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status} {answer.body[:500]}")
    return took


def compare(daemon, store, postgres, where, end, folder):  # pylint: disable=too-many-arguments
    def server():
        return spent(postgres.process.pid) if postgres else 0
    for what, path, sql in questions(store, end):
        took, bare, ours, least, rounds = [], [], 0, 0, 0
        ask(daemon, path)
        for _ in range(RUNS):
            before = daemon.cpu_seconds + server()
            took.append(ask(daemon, path))
            ours += daemon.cpu_seconds + server() - before
            before = own_children() + server()
            rate, n = floor(store, where, sql, folder, 1, 1)
            least += own_children() + server() - before
            rounds += n
            bare.append(1e3 / rate)
        print(f"| {what} | {store} | {statistics.median(took):.0f} ms ({min(took):.0f}–{max(took):.0f}) | {statistics.median(bare):.0f} ms | "
              f"{statistics.median(b / t for b, t in zip(bare, took)):.2f} | {ours / RUNS * 1e3:.0f} ms | {least / rounds * 1e3:.0f} ms | "
              f"{least / rounds * RUNS / ours:.2f} |", flush=True)


def is_rolled_up(daemon, store, where, end):
    """Readings and the counts of lines, in the rollups that are read."""
    if daemon.get("/api/v1/tables/log_pattern_counts?limit=1").status != 200:
        return False
    sql = Floor(store)
    for table, behind in (("container_stats_5min", 600), ("container_logs_lines_5min", 600), ("log_pattern_counts_1h", 7200)):
        found = f"select count(*) from {sql.table(table)}_rows where {sql.range(end - behind, end)}"
        if store != "sqlite":
            (n,), = psql(where, found)
        else:
            with closing(sqlite3.connect(where, timeout=60)) as db:
                (n,), = db.execute(found)
        if int(n) == 0:
            return False
    return True


def measure(store, section, postgres, folder, n_rows, end):
    daemon = Tallyd(folder / store, SECTIONS % (section, store, 4))
    os.link(folder / "rows", daemon.dir / "rows")
    daemon.start()
    try:
        daemon.wait(lambda: daemon.metric("tallyd_rows_stored_total") == n_rows, "all rows are stored", 1800)
        where = postgres.conninfo() if postgres else daemon.db_path
        wait_for(lambda: is_rolled_up(daemon, store, where, end), 1800, "all is rolled up", every=2)
        compare(daemon, store, postgres, where, end, folder)
    finally:
        daemon.stop(120)


def main():
    end = int(time.time()) // 900 * 900
    print(f"{CONTAINERS} containers, {DAYS:g} days, a reading every {EVERY} s; {os.getloadavg()[0]:.0f} programs want the {os.cpu_count()} cores\n\n"
          "| | store | an answer | floor | ratio | processor time | floor | ratio |\n|---|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        n_rows = fill(folder / "rows", end)
        if "sqlite" in STORES:
            measure("sqlite", "[output.sqlite]\npath = {db}", None, folder, n_rows, end)
        if "timescale" not in STORES:
            return
        postgres = Postgres(shared_buffers="512MB").start()
        try:
            measure("timescale", f"[output.timescale]\nconninfo = {postgres.conninfo()}", postgres, folder, n_rows, end)
        finally:
            postgres.leave()


if __name__ == "__main__":
    main()

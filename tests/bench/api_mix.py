#!/usr/bin/python3
"""What the API asks a store, nothing kept: each endpoint by wrk over 16 connections, in turns with its
floor, the same rows by hand-written SQL over 4 connections that are prepared once and whose values are
dropped: a bare SQLite (bench_sqlite_floor), pgbench.  Medians over the rounds; the ratio of processor time, the
database's included and wrk's not, is the one that means something on a machine that others use too.  The last ratio is
to the floor, which does no HTTP, and a kept answer of the same size together: the same question asked again and again of
a second server in the daemon, which keeps answers.  Run by `scripts/bench api`; BENCH_DAYS (1) of BENCH_CONTAINERS (100),
BENCH_ROUNDS (3) of BENCH_SECONDS (3), BENCH_STORES.
"""

import json
import os
import re
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from daemon import Tallyd, build_dir, free_port  # noqa: E402
from pg import Postgres, psql  # noqa: E402
from waiting import wait_for  # noqa: E402

CONTAINERS = int(os.environ.get("BENCH_CONTAINERS", "100"))
DAYS = float(os.environ.get("BENCH_DAYS", "1"))
ROUNDS, SECONDS = int(os.environ.get("BENCH_ROUNDS", "3")), int(os.environ.get("BENCH_SECONDS", "3"))
STORES = os.environ.get("BENCH_STORES", "sqlite timescale").split()
THREADS, LINES = 4, 50  # lines of each container, in the last hour
AHEAD = 1800  # seconds that readings go on, as they do where containers run: else the newest minutes are soon empty
FIELDS = ["cpu_percent", "mem_used_bytes", "net_rx_bytes", "net_tx_bytes"]
SECTIONS = """
[input.replay]
file = {dir}/rows
[buffer.batch]
batch_size = 5000
capacity = 1Gi
%s
[output.http_api]
listen = 127.0.0.1:{port}
store = %s
threads = %d
cache = off
query_timeout = 60s
max_connections_per_address = 128
[output.http_api:kept]
listen = 127.0.0.1:{kept_port}
store = %s
max_connections_per_address = 128
"""
SCRIPT = """
local n = 0
function request()
  n = n + 1
  return wrk.format("GET", string.format("%s", (n * 37) %% %d))
end
"""


def fill(path, end):
    """A row a minute.  Returns how many rows of all tables."""
    ids = [(f"{c:064x}", f"web{c:03d}") for c in range(CONTAINERS)]
    minutes = range(int(end - DAYS * 86400), int(end) + AHEAD, 60)
    with open(path, "w", encoding="utf-8") as file:
        def put(table, rows):
            file.write(json.dumps({"table": table, "rows": rows}) + "\n")
        put("container_info", [[int(end) * 10**9, "alpha", i, name, "nginx:1.25", None, "running"] for i, name in ids])
        for minute in minutes:
            n = minute // 60
            put("container_stats", [
                [minute * 10**9 + 10**6, "alpha", i, name, n * 10**9, None, None, None, 10 + n % 97 / 7, *[None] * 4,
                 10**8 + n % 1000 * 4096, *[None] * 8, n * 1500, n * 900] for i, name in ids])
        for k in range(LINES):
            put("container_logs", [
                [int((end - 3600 + k * 70) * 10**9), "alpha", i, name, "stdout",
                 f"GET /api/v1/users/{k * 7919 % 99999} 200 {k} ms", "info", k] for i, name in ids])
    return CONTAINERS * (1 + len(minutes) + LINES)


# ---- What is asked, and the floors ---------------------------------------------------------------

def newest(store, columns, of=""):
    """The newest row of each series."""
    if store == "sqlite":
        return (f"select s.host, s.container_id, s.name, {columns} from container_stats_series s cross join "
                "container_stats_rows r on r._series = s._series and r.time = (select max(time) from "
                f"container_stats_rows where _series = s._series) {of}")
    return (f"select s.host, s.container_id, s.name, {columns} from tally.container_stats_series s cross join lateral "
            "(select * from tally.container_stats_rows r where r._series = s._series order by time desc limit 1) r " + of)


def endpoints(store, columns, end):
    """name, path (%%d: which container), floor: statements, of which each may have the container's number."""
    info = "container_info" if store == "sqlite" else "tally.container_info_rows"
    rows = "container_%s_rows" if store == "sqlite" else "tally.container_%s_rows"
    one = "?1" if store == "sqlite" else ":n"
    name = f"printf('web%03d', {one} - 1)" if store == "sqlite" else f"'web' || lpad(({one} - 1)::text, 3, '0')"

    def at(t):
        return f"{int(t) * 10**9}" if store == "sqlite" else f"to_timestamp({int(t)})"
    all_stats = ", ".join(f"r.{c}" for c in ["time", *columns])
    day = end - 86400 * min(DAYS, 1)
    points = ", ".join([*(f"{f}_sum, {f}_count" for f in FIELDS[:2]), *(f"{f}_increase, {f}_span" for f in FIELDS[2:])])
    some = ", ".join(f"r.{c}" for c in ("time", "cpu_percent", "mem_used_bytes"))
    minute = f"{int(end) - 60 * 60}"
    return [
        ("containers with readings", f"/api/v1/containers?limit={CONTAINERS}",
         [f"select * from {info} limit {CONTAINERS + 1}", newest(store, all_stats)]),
        ("one container", "/api/v1/containers/web%03d",
         [f"select * from {info} where name = {name}", newest(store, all_stats, f"where s.name = {name}")]),
        ("newest readings", "/api/v1/stats/latest", [newest(store, all_stats)]),
        ("summary", "/api/v1/summary", [f"select host, state, health from {info}", newest(store, some)]),
        ("hosts", "/api/v1/hosts", [f"select host, state, health from {info}", newest(store, some)]),
        ("top", f"/api/v1/top?by=cpu&from={minute}&to={int(end)}",
         [f"select host, container_id, name, sum(cpu_percent_sum) / sum(cpu_percent_count) as v from "
          f"{rows % 'stats_5min'} r join {(rows % 'stats').replace('_rows', '_series')} s on s._series = r._series "
          f"where r.time >= {at(end - 3600)} and r.time < {at(end)} group by 1, 2, 3 order by v desc limit 10"]),
        ("a series in steps of 5 minutes", f"/api/v1/containers/web%03d/stats?from={int(day)}&to={int(end)}&step=5m&times=s"
         f"&fields={','.join(FIELDS)}",
         [f"select time, {points} from {rows % 'stats_5min'} where _series = {one} and time >= {at(day)} "
          f"and time < {at(end)} order by time"]),
        ("logs of one", "/api/v1/containers/web%03d/logs?limit=20",
         [f"select * from {rows % 'logs'} where _series = {one} order by time desc limit 20"]),
    ]


# ---- Measuring -----------------------------------------------------------------------------------

def ask(url, path, folder, containers=CONTAINERS):
    script = folder / "ask.lua"
    script.write_text(SCRIPT % (path, containers))
    out = subprocess.run(["wrk", "-t1", "-c16", f"-d{SECONDS}s", "--latency", "-s", script, url], capture_output=True,
                         text=True, check=True).stdout
    value, unit = re.search(r"99%\s+([\d.]+)(\w+)", out).groups()
    wrong = re.search(r"(Non-2xx.*|Socket errors.*)", out)
    if wrong:
        raise RuntimeError(f"{path}: {wrong[1]}")
    return (float(re.search(r"Requests/sec:\s+(\S+)", out)[1]), float(value) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit],
            int(re.search(r"(\d+) requests in", out)[1]))


def floor(store, where, sql, folder, threads=THREADS, seconds=SECONDS):  # pylint: disable=too-many-arguments
    """Rounds a second, and how many."""
    script = folder / "floor.sql"
    if store == "sqlite":
        script.write_text("".join(f"{statement};\n" for statement in sql))
        words = [build_dir() / "bin" / "bench_sqlite_floor", where, threads, seconds, CONTAINERS, script]
        out = subprocess.run([str(w) for w in words], capture_output=True, text=True, check=True).stdout.split()
        return float(out[0]), int(out[1])
    script.write_text(f"\\set n random(1, {CONTAINERS})\n" + "".join(f"{statement};\n" for statement in sql))
    out = subprocess.run(["pgbench", "-n", "-M", "prepared", f"-c{threads}", "-j1", "-T", str(seconds), "-f", script,
                          where], capture_output=True, text=True, check=True).stdout
    return float(re.search(r"tps = (\S+)", out)[1]), int(re.search(r"actually processed: (\d+)", out)[1])


def spent(pid):
    """Processor seconds of a process, of its children that have ended, and of those that have not."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(stat.parent.name) == pid:
            ticks += sum(int(n) for n in fields[11:15])
        elif int(fields[1]) == pid:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def own_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def compare(daemon, store, postgres, columns, end, folder):
    """Ratios of rates, and of processor time: of the daemon or the client of the floor, and the server."""
    kept_url = f"http://127.0.0.1:{daemon.kept_port}"
    where = postgres.conninfo() if postgres else daemon.db_path

    def server():
        return spent(postgres.process.pid) if postgres else 0

    def answer(*question):
        before = daemon.cpu_seconds + server()
        result = ask(*question)
        wait_for(lambda: daemon.metric("tallyd_http_api_requests_in_flight") == 0, 60)
        return result, (daemon.cpu_seconds + server() - before) / result[2]
    for what, path, sql in endpoints(store, columns, end):
        found, least, times = [], [], []
        for _ in range(ROUNDS):
            asked, ours = answer(daemon.url, path, folder)
            found.append(asked)
            _, kept = answer(kept_url, path, folder, 1)
            before = own_children() + server()
            least.append(floor(store, where, sql, folder))
            times.append(((own_children() + server() - before) / least[-1][1], ours, kept))
        rates = [one[0] / bare[0] for one, bare in zip(found, least)]
        ratios = [bare / ours for bare, ours, _ in times]
        with_kept = [(bare + kept) / ours for bare, ours, kept in times]
        rate, p99, _ = (statistics.median(part) for part in zip(*found))
        bare, ours, kept = (statistics.median(part) * 1e3 for part in zip(*times))
        print(f"| {what} | {store} | {rate:,.0f} | {statistics.median(one[0] for one in least):,.0f} | "
              f"{statistics.median(rates):.2f} | {p99:.1f} ms | {ours:.2f} ms | {bare:.2f} ms | "
              f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f}) | {kept:.3f} ms | "
              f"{statistics.median(with_kept):.2f} ({min(with_kept):.2f}–{max(with_kept):.2f}) |", flush=True)


def rests(daemon, postgres):
    """Nothing but what is always done, for a second: what rolls up the past must not be taken for answering."""
    def used():
        return daemon.cpu_seconds + (spent(postgres.process.pid) if postgres else 0)
    before = used()
    time.sleep(1)
    return used() - before < 0.05


def measure(store, section, postgres, folder, n_rows, end, columns):
    kept_port = free_port()
    daemon = Tallyd(folder / store, SECTIONS.replace("{kept_port}", str(kept_port)) % (section, store, THREADS, store))
    daemon.kept_port = kept_port
    os.link(folder / "rows", daemon.dir / "rows")
    daemon.start()
    try:
        daemon.wait(lambda: daemon.metric("tallyd_rows_stored_total") == n_rows, "all rows are stored", 900)
        path = f"/api/v1/containers/web000/stats?from={end - 7200:.0f}&to={end - 3600:.0f}&points=2"
        wait_for(lambda: daemon.json(path)["meta"]["source"] == "container_stats_5min", 900)
        wait_for(lambda: rests(daemon, postgres), 900, "the maintenance has caught up")
        compare(daemon, store, postgres, columns(daemon), end, folder)
    finally:
        daemon.stop(120)


def main():
    end = time.time() // 300 * 300
    print(f"{CONTAINERS} containers, {DAYS} days, a row a minute; {os.getloadavg()[0]:.0f} programs want the "
          f"{os.cpu_count()} cores\n\n| | store | req/s | floor | ratio | p99 | processor time of an answer | floor | ratio "
          "| a kept answer | ratio to both |\n|---|---|---|---|---|---|---|---|---|---|---|", flush=True)

    def on_sqlite(daemon):
        with closing(sqlite3.connect(daemon.db_path, timeout=60)) as db:
            return [row[1] for row in db.execute("pragma table_info(container_stats_rows)")
                    if row[1] not in ("time", "_series")]

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        n_rows = fill(folder / "rows", end)
        if "sqlite" in STORES:
            measure("sqlite", "[output.sqlite]\npath = {db}", None, folder, n_rows, end, on_sqlite)
        if "timescale" not in STORES:
            return
        postgres = Postgres(shared_buffers="512MB").start()
        try:
            conninfo = postgres.conninfo()
            measure("timescale", f"[output.timescale]\nconninfo = {conninfo}", postgres, folder, n_rows, end,
                    lambda _: [row[0] for row in psql(conninfo, "select attname from pg_attribute where attrelid = "
                                                      "'tally.container_stats_rows'::regclass and attnum > 0 and not "
                                                      "attisdropped and attname not in ('time', '_series', '_nanos')")])
        finally:
            postgres.leave()


if __name__ == "__main__":
    main()

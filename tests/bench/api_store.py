#!/usr/bin/python3
"""Series out of a database, never the same key twice: 24 h of one container in at most 300 points, asked
by wrk over 64 connections, over SQLite and over PostgreSQL; and 24 h of all containers as one group, one
question after the other.  The floors: what pgbench gets when it asks PostgreSQL for the same points.  Run by `scripts/bench store`; BENCH_SECONDS (10).
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from daemon import Tallyd  # noqa: E402
from pg import Postgres  # noqa: E402
from waiting import wait_for  # noqa: E402

CONTAINERS, HOURS = 100, 48
FIELDS = "cpu_percent,mem_used_bytes,net_rx_bytes,net_tx_bytes"
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
query_timeout = 60s
threads = 4
max_connections_per_address = 128
"""
# Each question is for another container or another day.
SCRIPT = """
local n, days = %d, %d
function request()
  local id, shift = n %% %d, math.floor(n / %d) %% days
  n = n + 1
  local from = %d + shift * 300
  return wrk.format("GET", string.format(
    "/api/v1/containers/web%%03d/stats?from=%%d&to=%%d&points=300&times=s&fields=%s", id, from, from + 86400))
end
"""


def fill(path, end):
    """A row a minute: the rollups, which answer, are as large as from a row every 5 s."""
    with open(path, "w", encoding="utf-8") as file:
        info = [[int(end) * 10**9, "alpha", f"{c:064x}", f"web{c:03d}", "nginx", None, "running"]
                for c in range(CONTAINERS)]
        file.write(json.dumps({"table": "container_info", "rows": info}) + "\n")
        for minute in range(int(end) - HOURS * 3600, int(end), 60):
            rows = []
            for c in range(CONTAINERS):
                n = minute // 60
                rows.append([minute * 10**9, "alpha", f"{c:064x}", f"web{c:03d}", n * 10**9, None, None, None,
                             10 + n % 97 / 7, *[None] * 4, 10**8 + n % 1000 * 4096, *[None] * 8,
                             n * 1500, n * 900])
            file.write(json.dumps({"table": "container_stats", "rows": rows}) + "\n")


def rate(url, script, seconds):
    out = subprocess.run(["wrk", "-t1", "-c64", f"-d{seconds}s", "--latency", "-s", script, url],
                         capture_output=True, text=True, check=True).stdout
    p99 = re.search(r"99%\s+(\S+)", out)[1]
    wrong = re.search(r"(Non-2xx.*|Socket errors.*)", out)
    return float(re.search(r"Requests/sec:\s+(\S+)", out)[1]), p99, wrong[1] if wrong else ""


GROUPED = "cpu_percent,mem_used_bytes"


def groups(daemon, end, n=40):
    """Milliseconds of one question: the sum over all containers of two fields, 288 points."""
    took = []
    for shift in range(n + 5):
        start = end - HOURS * 3600 + shift * 300
        path = f"/api/v1/stats?group_by=project&from={start:.0f}&to={start + 86400:.0f}&points=300&fields={GROUPED}"
        began = time.monotonic()
        answer = daemon.get(path)
        took.append((time.monotonic() - began) * 1000)
        assert answer.json["series"][0]["containers"] == CONTAINERS, answer.body[:500]
    return statistics.median(took[5:])


def floor_of_groups(postgres, end, seconds, folder):
    """The same over one connection: the averages of each container, added up by the server."""
    script = folder / "groups.sql"
    script.write_text(
        f"\\set f random(0, {(HOURS - 24) * 3600})\n"
        "select time, sum(cpu_percent_sum / cpu_percent_count), "
        "sum(mem_used_bytes_sum::float8 / mem_used_bytes_count) from tally.container_stats_5min_rows "
        f"where time >= to_timestamp({end - HOURS * 3600:.0f} + :f) and time < "
        f"to_timestamp({end - HOURS * 3600 + 86400:.0f} + :f) group by time order by time;\n")
    out = subprocess.run(["pgbench", "-n", "-M", "prepared", "-c1", "-T", str(seconds), "-f", script,
                          postgres.conninfo()], capture_output=True, text=True, check=True).stdout
    return float(re.search(r"latency average = (\S+) ms", out)[1])


def floor(postgres, end, seconds, folder):
    script = folder / "floor.sql"
    script.write_text(
        f"\\set s random(1, {CONTAINERS})\n\\set f random(0, {(HOURS - 24) * 3600})\n"
        "select time, cpu_percent_sum / cpu_percent_count, mem_used_bytes_sum / mem_used_bytes_count, "
        "net_rx_bytes_increase / net_rx_bytes_span, net_tx_bytes_increase / net_tx_bytes_span from "
        "tally.container_stats_5min_rows where _series = :s and time >= "
        f"to_timestamp({end - HOURS * 3600:.0f} + :f) and time < "
        f"to_timestamp({end - HOURS * 3600 + 86400:.0f} + :f) order by time;\n")
    out = subprocess.run(["pgbench", "-n", "-M", "prepared", "-c4", "-T", str(seconds), "-f", script,
                          postgres.conninfo()], capture_output=True, text=True, check=True).stdout
    return float(re.search(r"tps = (\S+)", out)[1])


def measure(store, section, folder, end, seconds):
    daemon = Tallyd(folder / store, SECTIONS % (section, store))
    os.link(folder / "rows", daemon.dir / "rows")
    daemon.start()
    try:
        daemon.wait(lambda: daemon.metric("tallyd_rows_stored_total") == CONTAINERS * (HOURS * 60 + 1),
                    "all rows are stored", 600)
        path = f"/api/v1/containers/web000/stats?from=%d&to={end:.0f}&points=%d&fields={FIELDS}"
        wait_for(lambda: daemon.json(path % (end - 600, 2))["meta"]["source"] == "container_stats_5min", 300)
        script = folder / "ask.lua"
        for start, length in ((0, 1), (10000, seconds)):  # first to warm up
            script.write_text(SCRIPT % (start, (HOURS - 24) * 12, CONTAINERS, CONTAINERS,
                                        end - HOURS * 3600, FIELDS))
            found = rate(daemon.url, script, length)
            wait_for(lambda: daemon.metric("tallyd_http_api_requests_in_flight") == 0, 60)
        size = len(daemon.get(path % (end - 86400, 300)).body)
        print(f"{store}: {found[0]:.0f} req/s, p99 {found[1]}, {size} bytes each {found[2]}", flush=True)
        grouped = groups(daemon, end)
        print(f"{store}: {CONTAINERS} containers as one group, 24 h: {grouped:.1f} ms", flush=True)
        return found[0], grouped
    finally:
        daemon.stop(120)


def main():
    seconds = int(os.environ.get("BENCH_SECONDS", "10"))
    end = time.time() // 3600 * 3600 - 3600
    postgres = Postgres(shared_buffers="512MB").start()
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            fill(folder / "rows", end)
            measure("sqlite", "[output.sqlite]\npath = {db}", folder, end, seconds)
            ours, grouped = measure("timescale", f"[output.timescale]\nconninfo = {postgres.conninfo()}", folder,
                           end, seconds)
            bare = floor(postgres, end, seconds, folder)
            print(f"pgbench asking for the same points over 4 connections: {bare:.0f}/s; ratio {ours / bare:.2f}")
            bare = floor_of_groups(postgres, end, seconds, folder)
            print(f"pgbench adding the group up over one connection: {bare:.1f} ms; ratio {bare / grouped:.2f}")
    finally:
        postgres.leave()


if __name__ == "__main__":
    main()

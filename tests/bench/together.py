#!/usr/bin/python3
"""Collection and API in one process on one machine: does load on the API shift samples?  100 real
containers read at 1 s into SQLite, alone and while wrk asks for kept answers as fast as it can, in
turns.  A sample is off by what lies between it and the one before, less the interval.  In the end all
rows and all answers must have been counted.  `scripts/bench together`; BENCH_SECONDS (20) a turn.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from daemon import Tallyd  # noqa: E402
from engine import Engine  # noqa: E402
from waiting import wait_for  # noqa: E402

CONTAINERS, TURNS = 100, 2
SECTIONS = """
[input.docker_stats]
interval = 1s
endpoint = {endpoint}
[input.docker_status]
endpoint = {endpoint}
[buffer.batch]
[output.sqlite]
path = {{db}}
[output.http_api]
listen = 127.0.0.1:{{port}}
store = sqlite
"""
LIST = "/api/v1/containers?limit=1000"


def load(daemon, seconds):
    """Requests answered, requests per second, the 99th percentile, what went wrong."""
    out = subprocess.run(["wrk", "-t1", "-c64", f"-d{seconds}s", "--latency", "-H", "Accept-Encoding: gzip",
                          daemon.url + LIST], capture_output=True, text=True, check=True,
                         start_new_session=True).stdout  # shares no time of the daemon's, see api.sh
    wrong = re.search(r"(Non-2xx.*|Socket errors.*)", out)
    return (int(re.search(r"(\d+) requests in", out)[1]), float(re.search(r"Requests/sec:\s+(\S+)", out)[1]),
            re.search(r"99%\s+(\S+)", out)[1], wrong[1] if wrong else "")


def offsets(daemon, start, end):
    """By how many ms samples were off, ascending."""
    times, found = {}, []
    for container, at in daemon.sql("select container_id, time from container_stats where time >= ? and "
                                    "time < ? order by time", start, end):
        if container in times:
            found.append(abs(at - times[container] - 10**9) / 1e6)
        times[container] = at
    return sorted(found)


def turn(daemon, what, act):
    skipped = daemon.metric("tallyd_gathers_skipped_total")
    start = time.time_ns()
    text = act()
    end = time.time_ns()
    daemon.wait(lambda: daemon.sql("select max(time) from container_stats")[0][0] >= end, "it is stored")
    off = offsets(daemon, start, end)
    print(f"{what:9} {len(off)} samples off by {statistics.median(off):.2f} ms, 99 % by {off[len(off) * 99 // 100]:.2f}, "
          f"all by {off[-1]:.2f} at most; {daemon.metric('tallyd_gathers_skipped_total') - skipped:.0f} "
          f"polls skipped{text}", flush=True)


def run(daemon, seconds):
    asked = 0

    def under_load():
        nonlocal asked
        requests, rate, p99, wrong = load(daemon, seconds)
        asked += requests
        return f"; {rate:.0f} req/s, p99 {p99} {wrong}"

    def alone():
        time.sleep(seconds)
        return ""

    counted = daemon.metric("tallyd_http_api_requests_total", endpoint="containers")
    for _ in range(TURNS):
        turn(daemon, "alone:", alone)
        turn(daemon, "with API:", under_load)
    # wrk leaves some unread when its time is over, 64 a run at most.
    counted = daemon.metric("tallyd_http_api_requests_total", endpoint="containers") - counted
    wrong = daemon.imbalances()
    assert asked <= counted <= asked + 64 * TURNS, (asked, counted)
    assert not wrong, wrong
    print(f"{asked} answers and {daemon.metric('tallyd_rows_stored_total'):.0f} rows, all of them counted")


def main():
    engine = Engine().enter()
    try:
        engine.run_many("bench", CONTAINERS, NetworkMode="host")
        with tempfile.TemporaryDirectory() as folder:
            daemon = Tallyd(folder, SECTIONS.format(endpoint=engine.endpoint)).start()
            wait_for(lambda: len(daemon.json(LIST)["data"]) == CONTAINERS, 60)
            wait_for(lambda: daemon.metric("tallyd_gathers_total") >= 5, 60)
            run(daemon, int(os.environ.get("BENCH_SECONDS", "20")))
            daemon.stop()
        engine.remove_all()
    finally:
        engine.leave()


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""What one sweep of 100 real containers costs: tallyd, a bare C client, and stream=false.

The floor is a client in C that makes the same requests and throws the answers away.  Beside it
stands what most collectors do: stream=false, for which the engine takes two samples.  CPU is user
and system time, of the client and of the engine (dockerd, containerd, shims); what the engine
takes while nobody asks is measured first and taken off.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from daemon import Tallyd, build_dir  # noqa: E402
from engine import Engine  # noqa: E402
from waiting import wait_for  # noqa: E402

CONTAINERS = 100
SWEEPS = 6
TICK = os.sysconf("SC_CLK_TCK")


def cpu_of(pid):
    """Seconds of a process, its ended children included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(fields[i]) for i in (11, 12, 13, 14)) / TICK


def engine_cpu(engine):
    """Seconds of dockerd and of what has the engine's folder in its arguments."""
    total = 0
    for proc in Path("/proc").glob("[0-9]*"):
        try:
            if engine.dir.encode() in (proc / "cmdline").read_bytes():
                total += cpu_of(proc.name)
        except OSError:
            pass
    return total


class Measured:
    """Wall and CPU per sweep, in milliseconds."""

    def __init__(self, name, wall, client, engine):
        self.name, self.wall, self.client, self.engine = name, wall, client, engine

    def line(self, floor):
        parts = [f"{getattr(self, key):8.0f} ({getattr(self, key) / getattr(floor, key):4.2f} x)"
                 for key in ("wall", "client", "engine")]
        return f"{self.name:36} " + "   ".join(parts)


def idle_per_second(engine, seconds=5):
    before, start = engine_cpu(engine), time.monotonic()
    time.sleep(seconds)
    return (engine_cpu(engine) - before) / (time.monotonic() - start)


def client(engine, idle, name, *words):
    """bench_collect_floor, which times its own sweep: the list of containers comes before."""
    found = []
    for _ in range(SWEEPS):
        before, start = engine_cpu(engine), time.monotonic()
        printed = subprocess.run([str(w) for w in words], check=True, capture_output=True,
                                 text=True).stdout
        theirs = engine_cpu(engine) - before - idle * (time.monotonic() - start)
        values = dict(word.split("=") for word in printed.split())
        assert int(values["containers"]) == CONTAINERS and values["failed"] == "0", printed
        found.append((float(values["wall_ms"]), float(values["cpu_ms"]), 1000 * theirs))
    return Measured(name, *(statistics.median(column) for column in zip(*found)))


def tallyd(engine, idle):
    """The daemon as it runs: rows through the buffer into SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        daemon = Tallyd(folder, f"[input.docker_stats]\ninterval = 5s\nendpoint = {engine.endpoint}\n"
                        "[buffer.batch]\n[output.sqlite]\npath = {db}\n"
                        "[output.http_api]\nlisten = 127.0.0.1:{port}\nstore = sqlite\n").start()
        gathers = lambda: daemon.metric("tallyd_gathers_total")  # noqa: E731
        wait_for(lambda: gathers() >= 2, 60)
        first, start = gathers(), time.monotonic()
        seconds = daemon.metric("tallyd_gather_seconds_total")
        own, theirs = daemon.cpu_seconds, engine_cpu(engine)
        wait_for(lambda: gathers() >= first + SWEEPS, 120, every=0.5)
        n, wall = gathers() - first, time.monotonic() - start
        seconds = daemon.metric("tallyd_gather_seconds_total") - seconds
        own, theirs = daemon.cpu_seconds - own, engine_cpu(engine) - theirs - idle * wall
        rss = daemon.rss
        daemon.stop()
    print(f"tallyd: {rss / 1e6:.1f} MB resident, {100 * own / wall:.2f} % of a core at 5 s")
    return Measured("tallyd, into SQLite", *(1000 * x / n for x in (seconds, own, theirs)))


def main():
    floor_client = build_dir() / "bin" / "bench_collect_floor"
    engine = Engine().enter()
    try:
        engine.run_many("bench", CONTAINERS, NetworkMode="host")
        idle = idle_per_second(engine)
        found = [
            client(engine, idle, "floor: bare C client, one-shot", floor_client, engine.socket),
            client(engine, idle, "stream=false, all at once", floor_client, engine.socket,
                   "stream"),
            tallyd(engine, idle),
        ]
    finally:
        engine.leave()
    print(f"One sweep of {CONTAINERS} containers, ms (x the floor); the idle engine's "
          f"{1000 * idle:.0f} ms CPU/s taken off")
    print(f"{'':36} {'wall':>8} {'':10} {'client CPU':>8} {'':8} {'engine CPU':>8}")
    for measured in found:
        print(measured.line(found[0]))


if __name__ == "__main__":
    main()

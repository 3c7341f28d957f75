#!/usr/bin/python3
"""What one poll of 100 real containers costs: tallyd, a bare C client, and stream=false; and
tallyd with `source = cgroup` beside a bare C loop that only reads the same files.

    collect.py                 both, of 100
    collect.py files [COUNT]   the files only
    collect.py many [COUNT]    whether 500 real ones at 5 s are collected without an overrun
    collect.py fleet [COUNT]   1000 real ones at 1 s, from files into PostgreSQL, for ten minutes

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
from pg import Postgres  # noqa: E402
from waiting import wait_for  # noqa: E402

CONTAINERS = 100
POLLS = 6
FILE_POLLS = 30
TICK = os.sysconf("SC_CLK_TCK")


def cpu_of(pid):
    """Seconds of a process, its ended children included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(fields[i]) for i in (11, 12, 13, 14)) / TICK


def exact_cpu(pid):
    """Seconds of a process, all threads together, to the ns: its CPU clock has its PID within."""
    return time.clock_gettime(~int(pid) << 3 | 2)


def engine_processes(engine):
    """dockerd and what has the engine's folder in its arguments: containerd and shims."""
    for proc in Path("/proc").glob("[0-9]*"):
        try:
            if engine.dir.encode() in (proc / "cmdline").read_bytes():
                yield proc
        except OSError:
            pass


def engine_cpu(engine):
    return sum(cpu_of(proc.name) for proc in engine_processes(engine))


def asked_cpu(engine):
    """Only of those whom a list, an inspect or an event costs anything: not of the shims, which
    collect their garbage every two minutes and drown what is looked for."""
    return sum(exact_cpu(proc.name) for proc in engine_processes(engine)
               if (proc / "comm").read_text().strip() in ("dockerd", "containerd"))


class Measured:
    """Wall and CPU per poll, in milliseconds."""

    def __init__(self, name, wall, client, engine):
        self.name, self.wall, self.client, self.engine = name, wall, client, engine

    def line(self, floor):
        parts = [f"{getattr(self, key):8.0f} ({getattr(self, key) / getattr(floor, key):4.2f} x)"
                 for key in ("wall", "client", "engine")]
        return f"{self.name:36} " + "   ".join(parts)


def idle_per_second(engine, seconds=5, cpu=engine_cpu):
    before, start = cpu(engine), time.monotonic()
    time.sleep(seconds)
    return (cpu(engine) - before) / (time.monotonic() - start)


def client(engine, idle, name, *words):
    """bench_collect_floor, which times its own poll: the list of containers comes before."""
    found = []
    for _ in range(POLLS):
        before, start = engine_cpu(engine), time.monotonic()
        printed = subprocess.run([str(w) for w in words], check=True, capture_output=True,
                                 text=True).stdout
        theirs = engine_cpu(engine) - before - idle * (time.monotonic() - start)
        values = dict(word.split("=") for word in printed.split())
        assert int(values["containers"]) == CONTAINERS and values["failed"] == "0", printed
        found.append((float(values["wall_ms"]), float(values["cpu_ms"]), 1000 * theirs))
    return Measured(name, *(statistics.median(column) for column in zip(*found)))


SQLITE = ("[output.http_api]\nlisten = 127.0.0.1:{port}\nstore = sqlite\n"
          "[buffer.batch]\n[output.sqlite]\npath = {db}\n")
NOWHERE = SQLITE + "tables = none\n"  # each row is made, counted and dropped


def tallyd(name, engine, sections, polls, idle, cpu=engine_cpu):
    """The daemon as it runs; sections: its interval in seconds, its source, its outputs."""
    interval, source, outputs = sections
    with tempfile.TemporaryDirectory() as folder:
        daemon = Tallyd(folder, f"[input.docker_stats]\ninterval = {interval}s\nsource = {source}\n"
                        f"endpoint = {engine.endpoint}\n{outputs}").start()
        gathers = lambda: daemon.metric("tallyd_gathers_total")  # noqa: E731
        pid = daemon.process.pid
        wait_for(lambda: gathers() >= 3, 60)
        seconds = daemon.metric("tallyd_gather_seconds_total")
        first, start = gathers(), time.monotonic()
        own, theirs = exact_cpu(pid), cpu(engine)
        time.sleep(interval * polls)
        own, theirs = exact_cpu(pid) - own, cpu(engine) - theirs
        n, wall = gathers() - first, time.monotonic() - start
        seconds = daemon.metric("tallyd_gather_seconds_total") - seconds
        print(f"{name}: {daemon.rss / 1e6:.1f} MB resident, {100 * own / wall:.2f} % of a core at "
              f"{interval} s, {n:.0f} polls of {polls}, {len(os.listdir(f'/proc/{pid}/fd'))} "
              "descriptors")
        daemon.stop()
    theirs = max(0, theirs - idle * wall)
    return Measured(name, *(1000 * x / n for x in (seconds, own, theirs)))


# ---- From files

V1 = {"cpuacct": ("cpuacct.usage", "cpuacct.stat"), "cpu": ("cpu.stat",),
      "memory": ("memory.usage_in_bytes", "memory.limit_in_bytes", "memory.stat"),
      "pids": ("pids.current", "pids.max"),
      "blkio": ("blkio.throttle.io_service_bytes", "blkio.throttle.io_serviced")}
V2 = ("cpu.stat", "memory.current", "memory.max", "memory.stat", "pids.current", "pids.max",
      "io.stat")


def files_of(pid):
    """What tallyd reads of a container; hierarchies where they usually are."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(","):
            yield from (f"/sys/fs/cgroup/{name}{path}/{file}" for file in V1.get(name, ()))
        if not names and Path("/sys/fs/cgroup/cgroup.controllers").exists():
            yield from (f"/sys/fs/cgroup{path}/{file}" for file in V2)


def all_files(engine, ids):
    """With each container's network, but for those that have the host's."""
    found = []
    for container in ids:
        inspect = engine.inspect(container)
        pid = inspect["State"]["Pid"]
        found += files_of(pid)
        if inspect["HostConfig"]["NetworkMode"] != "host":
            found.append(f"/proc/{pid}/net/dev")
    return found


def bare_loop(engine, ids, pause_ms):
    paths = "\n".join(all_files(engine, ids))
    printed = subprocess.run(
        [str(build_dir() / "bin" / "bench_cgroup_floor"), str(FILE_POLLS), str(pause_ms)],
        input=paths, check=True, capture_output=True, text=True).stdout
    values = dict(word.split("=") for word in printed.split())
    print(f"floor: {values['files']} files, {values['bytes']} bytes a poll")
    return Measured("floor: bare C loop, files kept open", float(values["wall_ms"]),
                    float(values["cpu_ms"]), 0)


def from_files(engine, ids):
    idle = idle_per_second(engine, 20, asked_cpu)
    found = [bare_loop(engine, ids, 1000)]
    for name, outputs in (("rows dropped", NOWHERE), ("into SQLite", SQLITE)):
        found.append(tallyd(f"tallyd, cgroup, {name}", engine, (1, "cgroup", outputs), FILE_POLLS,
                            idle, asked_cpu))
    print(f"One poll of {len(ids)} containers from their files, ms (x the floor); the idle "
          f"engine's {1000 * idle:.1f} ms CPU/s taken off, its shims left out")
    print(f"{'':36} {'wall':>8} {'':10} {'own CPU':>8} {'':10} {'engine':>8}   {'whole host':>8}")
    for m in found:
        whole = m.client + m.engine
        print(f"{m.name:36} {m.wall:8.2f} ({m.wall / found[0].wall:4.2f} x)   {m.client:8.2f} "
              f"({m.client / found[0].client:4.2f} x)   {m.engine:8.2f}   {whole:8.2f} "
              f"({whole / found[0].client:4.2f} x)")


def from_engine(engine):
    floor_client = build_dir() / "bin" / "bench_collect_floor"
    idle = idle_per_second(engine)
    found = [
        client(engine, idle, "floor: bare C client, one-shot", floor_client, engine.socket),
        client(engine, idle, "stream=false, all at once", floor_client, engine.socket, "stream"),
        tallyd("tallyd, api, into SQLite", engine, (5, "api", SQLITE), POLLS, idle),
    ]
    print(f"One poll of {CONTAINERS} containers, ms (x the floor); the idle engine's "
          f"{1000 * idle:.0f} ms CPU/s taken off")
    print(f"{'':36} {'wall':>8} {'':10} {'client CPU':>8} {'':8} {'engine CPU':>8}")
    for measured in found:
        print(measured.line(found[0]))


# ---- Without an overrun

MANY = 500
MANY_POLLS = 12


def many(engine, count):
    """From each source at 5 s, into SQLite: polls, how long they take, what was skipped."""
    print(f"{count} containers at 5 s, {MANY_POLLS} polls")
    print(f"{'source':8} {'polls':>6} {'skipped':>7} {'errors':>6} {'interval, s':>11} "
          f"{'wall of a poll, s':>18} {'own CPU, ms':>11} {'rows of each':>12}")
    for source in ("api", "cgroup"):
        with tempfile.TemporaryDirectory() as folder:
            daemon = Tallyd(folder, f"[input.docker_stats]\ninterval = 5s\nsource = {source}\n"
                            f"endpoint = {engine.endpoint}\n{SQLITE}").start()
            metric = daemon.metric
            wait_for(lambda: metric("tallyd_gathers_total") >= 2, 120)
            first, seconds = metric("tallyd_gathers_total"), metric("tallyd_gather_seconds_total")
            own = exact_cpu(daemon.process.pid)
            # Seldom, as being asked for metrics costs the daemon more than a poll of files.
            wait_for(lambda: metric("tallyd_gathers_total") >= first + MANY_POLLS, 300, every=10)
            n = metric("tallyd_gathers_total") - first
            own = 1000 * (exact_cpu(daemon.process.pid) - own) / n
            seconds = (metric("tallyd_gather_seconds_total") - seconds) / n
            rows = daemon.sql("select count(*), count(distinct container_id) from container_stats")
            print(f"{source:8} {n:6.0f} {metric('tallyd_gathers_skipped_total'):7.0f} "
                  f"{metric('tallyd_gather_errors_total'):6.0f} "
                  f"{metric('tallyd_docker_stats_interval_seconds'):11.1f} {seconds:18.2f} "
                  f"{own:11.1f} {rows[0][0] / max(1, rows[0][1]):12.1f}")
            daemon.stop()


COUNTS = {"many": MANY, "fleet": 1000}
FLEET_MINUTES = int(os.environ.get("BENCH_MINUTES", 10))


def server_cpu(postgres):
    """Of the server and all its backends, the ended ones too."""
    pid = postgres.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return cpu_of(pid) + sum(cpu_of(child) for child in children)


def fleet(engine, count):
    """Each minute: processor time of both, polls left out; at the end, whether all rows are there."""
    print(f"{count} containers at 1 s, {FLEET_MINUTES} minutes, from files into PostgreSQL")
    print(f"{'minute':>6} {'tallyd, % of a core':>19} {'PostgreSQL, % of a core':>23} {'RSS, MiB':>8} {'polls':>5} {'skipped':>7}")
    postgres = Postgres()
    postgres.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            database = postgres.create("fleet")
            daemon = Tallyd(folder, f"[input.docker_stats]\ninterval = 1s\nsource = cgroup\nendpoint = {engine.endpoint}\n"
                            f"[output.timescale]\nconninfo = {postgres.conninfo(database)}\n"
                            "[buffer.batch]\n[output.http_api]\nlisten = 127.0.0.1:{port}\nstore = timescale\n").start()
            metric = daemon.metric
            wait_for(lambda: metric("tallyd_docker_stats_containers") == count, 120)
            begun, gathers = time.monotonic(), metric("tallyd_gathers_total")
            for minute in range(1, FLEET_MINUTES + 1):
                before = time.monotonic(), exact_cpu(daemon.process.pid), server_cpu(postgres)
                time.sleep(max(0, begun + 60 * minute - before[0]))
                took = time.monotonic() - before[0]
                ours, theirs = exact_cpu(daemon.process.pid) - before[1], server_cpu(postgres) - before[2]
                polls, gathers = metric("tallyd_gathers_total") - gathers, metric("tallyd_gathers_total")
                print(f"{minute:6} {100 * ours / took:19.1f} {100 * theirs / took:23.1f} {daemon.rss / 2**20:8.1f} "
                      f"{polls:5.0f} {metric('tallyd_gathers_skipped_total'):7.0f}", flush=True)
            emitted = metric("tallyd_rows_collected_total")
            daemon.stop()
            stored = postgres.sql("select count(*), count(distinct container_id) from container_stats",
                                  database)[0]
            print(f"rows emitted {emitted:.0f} before the end, stored {stored[0]}, of {stored[1]} containers")
    finally:
        postgres.leave()


def main():
    what = sys.argv[1] if len(sys.argv) > 1 else "both"
    containers = int(sys.argv[2]) if len(sys.argv) > 2 else COUNTS.get(what, CONTAINERS)
    engine = Engine().enter()
    try:
        ids = engine.run_many("bench", containers, NetworkMode="host")
        if what in ("many", "fleet"):
            {"many": many, "fleet": fleet}[what](engine, containers)
        else:
            if what != "files":
                from_engine(engine)
            from_files(engine, ids)
        engine.remove_all()  # at once; the engine's keeper would take its time
    finally:
        engine.leave()


if __name__ == "__main__":
    main()

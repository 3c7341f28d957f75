#!/usr/bin/python3
"""What a Redis that API processes share is worth: a worker, PostgreSQL, and API processes over it, with
`cache = memory` (the floor) and `cache = memory, redis` in turns.

- answers: the same series asked of each process in turn; processor time of the database and of the
  processes per answer, and how long those waited who did not ask first
- idle: commands that Redis gets while nobody asks
- streams: how long a line takes from the worker to a client; up to 100 ms of it are the input's

Run by `scripts/bench shared`; BENCH_ROUNDS (5).
"""

import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from daemon import Tallyd  # noqa: E402
from pg import Postgres  # noqa: E402
from redis import Redis  # noqa: E402
from sse import Stream  # noqa: E402
from waiting import wait_for  # noqa: E402

PROCESSES, CONTAINERS, HOURS, LINES = 4, 40, 25, 100
FIELDS = "cpu_percent,mem_used_bytes,net_rx_bytes,net_tx_bytes"
ROWS = "[output.timescale]\nconninfo = {conninfo}\n"
REDIS = "[output.redis]\nurl = {url}\n"
WORKER = """
[input.replay]
file = {dir}/rows
interval = 100ms
[buffer.batch]
batch_size = 5000
batch_timeout = 200ms
capacity = 1Gi
[buffer.batch:redis]
batch_timeout = 20ms
on_full = drop_oldest
""" + ROWS + REDIS + "buffer = batch:redis\n"
METRICS = "[output.http_api]\nlisten = 127.0.0.1:{port}\nstore = timescale\n"
API = ROWS + "maintenance = no\n" + REDIS + METRICS + "cache = %s\ncache_scope = bench\n"


def cpu(pid):
    """Processor time of a process and its children by process, ns."""
    found, tasks = {}, Path(f"/proc/{pid}/task")
    try:
        for task in tasks.iterdir():
            found[task.name] = int((task / "schedstat").read_text().split()[0])
            for child in (task / "children").read_text().split():
                found.update(cpu(child))
    except FileNotFoundError:
        pass
    return found


def spent(before, after):
    return sum(ns - before.get(task, 0) for task, ns in after.items()) / 1e6


class Site:
    def __init__(self, folder, postgres, redis):
        self.folder, self.postgres, self.redis, self.n = folder, postgres, redis, 0
        self.sequence = 0
        self.worker = self.make(WORKER + METRICS)
        self.rows = self.worker.dir / "rows"

    def make(self, sections):
        self.n += 1
        for key, value in (("conninfo", self.postgres.conninfo()), ("url", self.redis.url)):
            sections = sections.replace("{%s}" % key, value)
        return Tallyd(self.folder / str(self.n), sections)

    def emit(self, table, rows):
        with open(self.rows, "a", encoding="utf-8") as file:
            file.write(json.dumps({"table": table, "rows": rows}) + "\n")

    def fill(self, end):
        """A row a minute, as in api_store.py."""
        self.emit("container_info", [[end * 10**9, "alpha", f"{c:064x}", f"web{c:03d}", "nginx", None,
                                      "running"] for c in range(CONTAINERS)])
        for minute in range(end - HOURS * 3600, end, 60):
            self.emit("container_stats", [
                [minute * 10**9, "alpha", f"{c:064x}", f"web{c:03d}", minute * 10**7, None, None, None,
                 10 + minute % 97 / 7, *[None] * 4, 10**8 + minute % 1000 * 4096, *[None] * 8,
                 minute * 1500, minute * 900] for c in range(CONTAINERS)])
        self.worker.start()
        self.worker.wait(lambda: self.worker.metric("tallyd_rows_stored_total", output="output.timescale") ==
                         CONTAINERS * (HOURS * 60 + 1), "all rows are stored", 600)
        recent = f"/api/v1/containers/web000/stats?from={end - 600}&to={end}&points=2&fields={FIELDS}"
        wait_for(lambda: self.worker.json(recent)["meta"]["source"] == "container_stats_5min", 300)

    def say(self):
        self.sequence += 1
        self.emit("container_logs", [[time.time_ns(), "alpha", f"{0:064x}", "web000", "stdout",
                                      str(time.monotonic()), None, self.sequence]])

    def commands(self):
        found = self.redis.cli("INFO", "stats").split("total_commands_processed:")[1]
        return int(found.split()[0])


def answers(site, apis, end, asked):
    """The same series of each process in turn: ms of the database's and of the processes' processor time
    per answer, and the median wait in ms of who asks first, and of the others."""
    first, others = [], []
    before, ours = cpu(site.postgres.process.pid), [cpu(api.process.pid) for api in apis]
    for c in range(CONTAINERS):
        path = (f"/api/v1/containers/web{c:03d}/stats?from={end - 86400 - asked * 300}&to={end - asked * 300}"
                f"&points=300&times=s&fields={FIELDS}")
        bodies = set()
        for n, api in enumerate(apis):
            start = time.perf_counter()
            answer = api.get(path)
            (others if n else first).append(1000 * (time.perf_counter() - start))
            assert answer.status == 200, answer.body
            bodies.add(answer.body)
        assert len(bodies) == 1
    n = CONTAINERS * len(apis)
    return (spent(before, cpu(site.postgres.process.pid)) / n,
            sum(spent(old, cpu(api.process.pid)) for old, api in zip(ours, apis)) / n,
            median(first), median(others))


def lags(site, api):
    """ms from a line's emission to a client."""
    stream, found = Stream(api, "/api/v1/stream/logs"), []

    def listen():
        for _ in range(LINES):
            row = stream.rows(1)[0]
            found.append(1000 * (time.monotonic() - float(row["message"])))

    time.sleep(4)  # until it is followed, or polled, and the first rows are through
    listener = threading.Thread(target=listen)
    listener.start()
    for _ in range(LINES):
        site.say()
        time.sleep(0.23)  # not in step with a poll
    listener.join(60)
    stream.close()
    found.sort()
    return median(found), found[len(found) * 95 // 100]


def quiet(site, seconds=20):
    """Commands per second to Redis."""
    before, start = site.commands(), time.monotonic()
    time.sleep(seconds)
    return (site.commands() - before) / (time.monotonic() - start)


def main():
    rounds = int(os.environ.get("BENCH_ROUNDS", "5"))
    end = int(time.time()) // 3600 * 3600 - 3600
    postgres, redis = Postgres().start(), Redis().start()
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder), postgres, redis)
        daemons = [site.worker]
        try:
            site.fill(end)
            alone = quiet(site)
            kinds = {}
            for cache in ("memory", "memory, redis"):
                kinds[cache] = [site.make(API % cache).start("/readyz") for _ in range(PROCESSES)]
                daemons += kinds[cache]
                print(f"idle, {PROCESSES} processes, cache = {cache}: {quiet(site) - alone:.1f} commands/s to Redis",
                      flush=True)
                alone = quiet(site)
            found = {cache: [] for cache in kinds}
            for asked in range(rounds):
                for cache, apis in list(kinds.items())[::1 if asked % 2 else -1]:
                    found[cache].append(answers(site, apis, end, asked))
            middle = {cache: [median(column) for column in zip(*rows)] for cache, rows in found.items()}
            for cache, (base, own, first, other) in middle.items():
                print(f"answers, cache = {cache}: database {base:.2f} ms, processes {own:.2f} ms each; "
                      f"first {first:.1f} ms, others {other:.1f} ms", flush=True)
            floor, ours = middle.values()
            print(f"  ratio: database {ours[0] / floor[0]:.2f}, processes {ours[1] / floor[1]:.2f}, "
                  f"others {ours[3] / floor[3]:.2f}", flush=True)
            for cache, apis in kinds.items():
                middling, late = lags(site, apis[0])
                print(f"streams, cache = {cache}: half of the lines within {middling:.0f} ms, 95 % within {late:.0f} ms",
                      flush=True)
        finally:
            for daemon in daemons:
                daemon.stop(60)
            postgres.leave()
            redis.leave()


if __name__ == "__main__":
    main()

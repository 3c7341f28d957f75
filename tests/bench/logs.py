#!/usr/bin/python3
"""Logs of real containers, from the API and from the engine's files, beside bare C clients.

One container that floods: rows stored per second beside what a client gets that throws the stream
away.  One log of two million lines: rows per second out of the file beside a loop that reads and
splits it.  100 containers at 100 lines a second: nothing lost, nothing doubled, how late, and the CPU
of tallyd and of dockerd.
"""

import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from collect import exact_cpu  # noqa: E402
from daemon import Tallyd, build_dir  # noqa: E402
from engine import Engine  # noqa: E402
from waiting import wait_for  # noqa: E402

FLOOD_SECONDS = 8
OLD_LINES = 2_000_000
TALKERS, RATE, TALK_SECONDS, LOOK_SECONDS = 100, 100, 45, 10
LARGE = {"Type": "json-file", "Config": {"max-size": "500m", "max-file": "3"}}
SMALL = {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "2"}}
FLOOR = build_dir() / "bin" / "bench_logs_floor"

OUTPUTS = {
    "stored": "[output.sqlite]\npath = {db}\n",
    "counted": "[output.discard]\n[output.sqlite]\npath = {db}\ntables = none\n",
}


def floor(*words):
    printed = subprocess.run([str(FLOOR), *map(str, words)], check=True, capture_output=True,
                             text=True).stdout
    return float(dict(word.split("=") for word in printed.split())["rate"])


def start(folder, engine, source, output="stored", options=""):
    return Tallyd(folder, f"[input.docker_logs]\nsource = {source}\nendpoint = {engine.endpoint}\n"
                  f"{options}\n[buffer.batch]\n{OUTPUTS[output]}"
                  "[output.http_api]\nlisten = 127.0.0.1:{port}\nstore = sqlite\n",
                  build=build_dir()).start()


def rows(daemon, output="stored"):
    name = "output.discard" if output == "counted" else "output.sqlite"
    return daemon.metric("tallyd_rows_stored_total", output=name, table="container_logs")


def flood(engine):
    print(f"one container that floods, {FLOOD_SECONDS} s each:")
    engine.run("flood", "yes 'a line that is neither very short nor very long, all in all'",
               LogConfig=LARGE)
    bare = floor("api", engine.socket, "flood", FLOOD_SECONDS)
    print(f"  a client that discards it     {bare:9.0f} lines/s")
    for source in ("api", "file"):
        with tempfile.TemporaryDirectory() as folder:
            daemon = start(folder, engine, source, options="first_sight = new")
            wait_for(lambda: rows(daemon) > 50_000, 60)
            before, begun = rows(daemon), time.monotonic()
            own, theirs = exact_cpu(daemon.process.pid), exact_cpu(engine.pid)
            time.sleep(FLOOD_SECONDS)
            rate = (rows(daemon) - before) / (time.monotonic() - begun)
            own, theirs = exact_cpu(daemon.process.pid) - own, exact_cpu(engine.pid) - theirs
            print(f"  stored, source = {source:4}         {rate:9.0f} rows/s  ({rate / bare:4.2f} x)"
                  f"  CPU: tallyd {own / FLOOD_SECONDS:.2f}, dockerd {theirs / FLOOD_SECONDS:.2f}, "
                  f"{daemon.rss / 1e6:.0f} MB resident")
            daemon.stop()
    engine.remove_all()


def old_log(engine):
    print(f"one log of {OLD_LINES} lines:")
    engine.run("old", f"yes 'a line that is neither very short nor very long, all in all' | "
               f"head -n {OLD_LINES}", LogConfig=LARGE)
    subprocess.run(["docker", "-H", engine.endpoint, "wait", "old"], check=True,
                   stdout=subprocess.DEVNULL)
    path = engine.inspect("old")["LogPath"]
    bare = floor("file", path)
    print(f"  a loop that splits the file   {bare:9.0f} lines/s")
    for output in ("counted", "stored"):
        with tempfile.TemporaryDirectory() as folder:
            daemon = start(folder, engine, "file", output)
            wait_for(lambda: rows(daemon, output) > 0, 60, every=0.01)
            before, begun = rows(daemon, output), time.monotonic()
            own = exact_cpu(daemon.process.pid)
            wait_for(lambda: rows(daemon, output) >= OLD_LINES, 120, every=0.02)
            took = time.monotonic() - begun
            own = exact_cpu(daemon.process.pid) - own
            rate = (OLD_LINES - before) / took
            print(f"  {output:7}, source = file       {rate:9.0f} rows/s  ({rate / bare:5.3f} x)  "
                  f"CPU of tallyd {1e6 * own / (OLD_LINES - before):.2f} us a row")
            daemon.stop()
    engine.remove_all()


def watch_lag(daemon, found, done):
    """How old the newest stored line is, looked at while all talk."""
    while not done.wait(0.5):
        newest = daemon.sql("select max(time) from container_logs")[0][0]
        if newest:
            found.append(time.time() - newest / 1e9)


def talkers(engine, source):
    lines = RATE * TALK_SECONDS
    with tempfile.TemporaryDirectory() as folder:
        daemon = start(folder, engine, source)
        options = dict(Binds=[f"{FLOOR}:/talk:ro"])
        ids = engine.run_many("talker", TALKERS, command=["/talk", "print", str(RATE), str(lines)],
                              **options)
        own, theirs = exact_cpu(daemon.process.pid), exact_cpu(engine.pid)
        begun, before, lags, done = time.monotonic(), rows(daemon), [], threading.Event()
        looker = threading.Thread(target=watch_lag, args=(daemon, lags, done))
        looker.start()
        time.sleep(LOOK_SECONDS)
        seconds = time.monotonic() - begun
        own, theirs = exact_cpu(daemon.process.pid) - own, exact_cpu(engine.pid) - theirs
        rate = (rows(daemon) - before) / seconds
        done.set()
        looker.join()
        for container in ids:
            engine.wait(container)
        wait_for(lambda: rows(daemon) >= lines * TALKERS, 60)
        time.sleep(1)
        count, distinct = daemon.sql("select count(*), count(distinct name || ' ' || message) "
                                     "from container_logs")[0]
        print(f"  source = {source:4}  {rate:6.0f} rows/s   CPU of a core: tallyd {own / seconds:.2f}, "
              f"dockerd {theirs / seconds:.2f}   lag at most {max(lags):.2f} s   "
              f"{daemon.rss / 1e6:.0f} MB   lost {lines * TALKERS - distinct}, "
              f"doubled {count - distinct}")
        daemon.stop()
    engine.remove_all()


def all_talkers(engine):
    print(f"{TALKERS} containers at {RATE} lines/s:")
    for source in ("api", "file"):
        talkers(engine, source)


def crowd(engine):
    """Far more is printed than can be read: what is not read waits in the engine's files."""
    print(f"{TALKERS} containers that flood, {FLOOD_SECONDS} s each:")
    for source in ("api", "file"):
        with tempfile.TemporaryDirectory() as folder:
            daemon = start(folder, engine, source)
            gate = Path(folder) / "gate"
            gate.mkdir()
            engine.run_many("crowd", TALKERS, Binds=[f"{gate}:/gate:ro"], LogConfig=SMALL,
                                  command=f"until [ -e /gate/go ]; do usleep 500000; done; "
                                  f"timeout {FLOOD_SECONDS} yes 'a line neither short nor long'; true")
            begun, most = time.monotonic(), 0
            (gate / "go").touch()
            while time.monotonic() < begun + FLOOD_SECONDS:
                most = max(most, daemon.rss)
                time.sleep(0.1)
            rate = rows(daemon) / (time.monotonic() - begun)
            print(f"  source = {source:4}  {rate:6.0f} rows/s   at most {most / 1e6:.0f} MB resident, "
                  f"{daemon.metric('tallyd_buffer_bytes') / 1e6:.0f} MB in the buffer   "
                  f"dropped {daemon.metric('tallyd_rows_dropped_total'):.0f}   files missed "
                  f"{daemon.metric('tallyd_docker_logs_gaps_total'):.0f}")
            daemon.stop()
        engine.remove_all()


PARTS = {"flood": flood, "old": old_log, "talkers": all_talkers, "crowd": crowd}


def main():
    engine = Engine().enter()
    try:
        for part in sys.argv[1:] or PARTS:
            PARTS[part](engine)
    finally:
        engine.leave()


if __name__ == "__main__":
    main()

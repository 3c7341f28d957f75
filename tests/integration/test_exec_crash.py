"""Programs on both sides and a daemon that is killed at the worst instant, without a key anywhere that would hide it."""

import fcntl
import json
import os
import signal
import struct
import subprocess
import sys
import termios
import textwrap
from pathlib import Path

import pytest

from daemon import ROOT
from waiting import wait_for

APPEND = f"{sys.executable} {ROOT}/examples/exec/append_lines.py"
INPUT = """
[input.exec:source]
command = {source}
mode = service
acknowledge = yes
declare = series sensors (sensor text tag, n int, note text)
"""
API = "[output.http_api]\nlisten = 127.0.0.1:{port}\nstore = sqlite\n[output.sqlite]\npath = {db}\nbuffer = spool\n"


@pytest.fixture
def source(tmp_path):
    def make(text):
        path = tmp_path / "source"
        path.write_text(f"#!{sys.executable} -u\n{textwrap.dedent(text)}".replace("DIR", str(tmp_path)))
        path.chmod(0o755)
        return path
    return make


@pytest.fixture
def deliver(tallyd, tmp_path):
    """deliver(source, command, extra) starts a daemon between a program and append_lines.py, behind a spool."""
    def make(path, command=f"{APPEND} {{out}}", extra="", inputs=INPUT):
        daemon = tallyd(inputs.replace("{source}", str(path)) + "[buffer.spool]\nbatch_timeout = 50ms\n"
                        f"[output.exec:lines]\ncommand = {command}\nmode = service\nbuffer = spool\n{extra}"
                        .replace("{out}", str(tmp_path / "out")) + API, globals="drain_timeout = 1s")
        return daemon.start()
    return make


def lines(tmp_path, table="sensors"):
    path = tmp_path / "out" / f"{table}.ndjson"
    return [json.loads(x)["n"] for x in path.read_text().splitlines()] if path.exists() else []


def taken(daemon):
    return daemon.metric("tallyd_exec_lines_total", instance="input.exec:source")


# ---- Rows and their position

# Gives ten rows, and their position only when it is allowed to.
HESITATES = """
    import json, os, sys, time
    hello = json.loads(sys.stdin.readline())
    at = int(hello["resume"] or 0)
    while at < 30:
        for i in range(at, at + 10):
            print('{"sensor": "s", "n": %d, "time": %d}' % (i, 1700000000 + i))
        at += 10
        while not os.path.exists("DIR/go%d" % at):
            time.sleep(0.01)
        print('{"tallyd": "position", "position": "%d"}' % at)
    time.sleep(1000)
"""


def test_a_kill_between_rows_and_their_position_doubles_nothing(deliver, source, tmp_path):
    daemon = deliver(source(HESITATES))
    for at in (10, 20, 30):
        daemon.wait(lambda: taken(daemon) >= 10, "the rows have been read")
        daemon.kill9()
        daemon.start()
        (tmp_path / f"go{at}").touch()
        daemon.wait(lambda: len(lines(tmp_path)) >= at, f"{at} rows are stored")
    assert lines(tmp_path) == list(range(30))
    daemon.balanced()


def test_a_program_killed_between_rows_and_their_position_doubles_nothing(deliver, source, tmp_path):
    (tmp_path / "go10").touch()
    daemon = deliver(source("open('DIR/pid', 'w').write(str(__import__('os').getpid()))\n" + textwrap.dedent(HESITATES)))
    daemon.wait(lambda: taken(daemon) >= 21, "the rows behind the first position have been read")
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    daemon.says("10 rows behind its last position are not taken")
    for at in (20, 30):
        (tmp_path / f"go{at}").touch()
    daemon.wait(lambda: len(lines(tmp_path)) >= 30, "all rows are stored")
    assert lines(tmp_path) == list(range(30))
    daemon.balanced()


def test_kills_at_any_instant_double_nothing_where_no_key_would_hide_it(deliver, source, tmp_path):
    daemon = deliver(source("""
        import json, sys, time
        hello = json.loads(sys.stdin.readline())
        at = int(hello["resume"] or 0)
        while at < 3000:
            for i in range(at, at + 10):
                print('{"sensor": "s", "n": %d, "time": %d}' % (i, 1700000000 + i))
                time.sleep(0.0005)
            at += 10
            print('{"tallyd": "position", "position": "%d"}' % at)
        time.sleep(1000)
    """))
    for least in (300, 700, 1100, 1600, 2100):
        daemon.wait(lambda: len(lines(tmp_path)) >= least, f"{least} rows are stored")
        daemon.kill9()
        daemon.start()
    daemon.wait(lambda: len(lines(tmp_path)) >= 3000, "all rows are stored", 60)
    assert lines(tmp_path) == list(range(3000))
